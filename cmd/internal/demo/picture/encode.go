package picture

import (
	"bytes"
	"image"
	"image/color/palette"
	"image/gif"
	"image/jpeg"
	"image/png"

	"golang.org/x/image/bmp"
)

// Format is a file format that Custom Vision takes. Its value is the usual
// file name extension.
type Format string

// Formats.
const (
	JPEG Format = "jpg"
	PNG  Format = "png"
	BMP  Format = "bmp"
	GIF  Format = "gif"
)

// Encode returns the picture as a file.
func (p Picture) Encode(f Format) ([]byte, error) {
	var buf bytes.Buffer
	var err error
	switch f {
	case PNG:
		err = (&png.Encoder{CompressionLevel: png.BestSpeed}).Encode(&buf, p.Image)
	case BMP:
		err = bmp.Encode(&buf, p.Image)
	case GIF:
		err = gif.Encode(&buf, dithered(p.Image), nil)
	default:
		err = jpeg.Encode(&buf, p.Image, &jpeg.Options{Quality: 85})
	}
	return buf.Bytes(), err
}

// bayer is the order in which an ordered dither lets pixels pass.
var bayer = [4][4]int{{0, 8, 2, 10}, {12, 4, 14, 6}, {3, 11, 1, 9}, {15, 7, 13, 5}}

// dithered reduces an image to the web-safe palette. Its six levels a channel
// make the nearest colour a matter of arithmetic; searching 256 colours for
// each pixel would take longer than painting the picture.
func dithered(src *image.RGBA) *image.Paletted {
	dst := image.NewPaletted(src.Rect, palette.WebSafe)
	for y := range src.Rect.Dy() {
		for x := range src.Rect.Dx() {
			i := y*src.Stride + 4*x
			t := bayer[y&3][x&3]*51/16 + 1
			level := func(v uint8) int { return min((int(v)+t)/51, 5) }
			dst.Pix[y*dst.Stride+x] = uint8(36*level(src.Pix[i]) + 6*level(src.Pix[i+1]) + level(src.Pix[i+2]))
		}
	}
	return dst
}
