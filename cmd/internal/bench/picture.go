package main

import (
	"bytes"
	"encoding/binary"
	"image"
	"image/jpeg"
	"math"
	"math/rand/v2"
)

// largest is the size that the service takes, with room to spare.
const largest = 6_000_000

// pictures draws pictures: JPEG files whose heads are real and whose rest is
// noise, which nothing compresses, as in real ones; and unlike each other.
type pictures struct {
	head   []byte
	median float64 // bytes
	sigma  float64 // of the logarithm
}

// newPictures draws pictures of log-normal sizes. The service keeps pictures
// of this many pixels as they are.
func newPictures(median int) (*pictures, error) {
	var b bytes.Buffer
	if err := jpeg.Encode(&b, image.NewGray(image.Rect(0, 0, 640, 480)), nil); err != nil {
		return nil, err
	}
	file := b.Bytes()
	scan := bytes.Index(file, []byte{0xff, 0xda}) // start of scan
	length := int(binary.BigEndian.Uint16(file[scan+2:]))
	sigma := 0.4
	if median > largest/2 {
		sigma = 0.08 // or the largest would be refused
	}
	return &pictures{head: file[:scan+2+length], median: float64(median), sigma: sigma}, nil
}

// draw returns the n-th picture. Equal n give equal pictures.
func (p *pictures) draw(n uint64) []byte {
	var seed [32]byte
	binary.LittleEndian.PutUint64(seed[:], n)
	binary.LittleEndian.PutUint64(seed[8:], math.Float64bits(p.median))
	noise := rand.NewChaCha8(seed)
	out := make([]byte, p.size(n))
	body := out[copy(out, p.head) : len(out)-2]
	_, _ = noise.Read(body) // never fails
	for i, c := range body {
		if c == 0xff { // would be a marker
			body[i] = 0xfe
		}
	}
	copy(out[len(out)-2:], []byte{0xff, 0xd9}) // end of image
	return out
}

// size is that of the n-th picture, in bytes.
func (p *pictures) size(n uint64) int {
	normal := rand.New(rand.NewPCG(n, math.Float64bits(p.median))).NormFloat64()
	return max(len(p.head)+18, min(int(p.median*math.Exp(p.sigma*normal)), largest))
}
