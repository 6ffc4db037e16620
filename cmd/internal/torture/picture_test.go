package torture

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
	"math/rand/v2"
)

// picture draws the n-th picture: small mostly, and unlike all others.
func picture(n int) []byte {
	side := 12
	if n%24 == 7 {
		side = 90 // about 25 kB
	}
	rng := rand.New(rand.NewPCG(uint64(n), 0))
	img := image.NewNRGBA(image.Rect(0, 0, side, side))
	for i := range img.Pix {
		img.Pix[i] = uint8(rng.Uint32())
	}
	for i := range side { // opaque, so that nothing is drawn over anything
		for j := range side {
			c := img.NRGBAAt(i, j)
			img.SetNRGBA(i, j, color.NRGBA{R: c.R, G: c.G, B: c.B, A: 0xff})
		}
	}
	var b bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.BestSpeed}).Encode(&b, img); err != nil {
		panic(err) // a buffer takes everything
	}
	return b.Bytes()
}
