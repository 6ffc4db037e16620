package simulator

import (
	"bytes"
	"fmt"
	stdimage "image"
	_ "image/gif" // the formats that the service takes
	"image/jpeg"
	_ "image/png"

	_ "golang.org/x/image/bmp"
	"golang.org/x/image/draw"
)

// Sides of the pictures that the service makes: the shorter side of a
// resized image lies between minSide and maxSide.
const (
	minSide       = 256
	maxSide       = 900
	thumbnailSide = 240
)

// upload is one picture on its way into a project.
type upload struct {
	source  string // what sourceUrl says
	status  string // why it is refused, or empty
	data    []byte
	picture picture
	tagIDs  []string
	regions []wireRegionEntry
}

// picture is what an uploaded file turned out to be.
type picture struct {
	blob          blobRef
	width, height int // of the resized image
	resized       bool
}

// look decodes the head of an uploaded file. The status is empty or one of
// the service's Error… values.
func (b *blobStore) look(data []byte, preview bool) (picture, string) {
	if len(data) > maxImageBytes {
		return picture{}, "ErrorImageSize"
	}
	cfg, format, err := stdimage.DecodeConfig(bytes.NewReader(data))
	if err != nil || cfg.Width < 1 || cfg.Height < 1 {
		return picture{}, "ErrorImageFormat"
	}
	short, long := min(cfg.Width, cfg.Height), max(cfg.Width, cfg.Height)
	if long > maxImageSide || long > maxAspect*short {
		if preview {
			return picture{}, "ErrorImageDimensions"
		}
		return picture{}, "ErrorImageSize"
	}
	p := picture{blob: b.describe(data, "image/"+format)}
	p.width, p.height = fit(cfg.Width, cfg.Height)
	p.resized = p.width != cfg.Width || p.height != cfg.Height
	return p, ""
}

// fit is the size of the resized image.
func fit(w, h int) (int, int) {
	short := min(w, h)
	side := min(max(short, minSide), maxSide)
	return (w*side + short/2) / short, (h*side + short/2) / short
}

// scale makes a JPEG of the given size out of an uploaded file.
func scale(data []byte, w, h int) ([]byte, error) {
	src, _, err := stdimage.Decode(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("decode picture: %w", err)
	}
	dst := stdimage.NewRGBA(stdimage.Rect(0, 0, w, h))
	draw.ApproxBiLinear.Scale(dst, dst.Bounds(), src, src.Bounds(), draw.Src, nil)
	var out bytes.Buffer
	if err := jpeg.Encode(&out, dst, &jpeg.Options{Quality: 90}); err != nil {
		return nil, fmt.Errorf("encode picture: %w", err)
	}
	return out.Bytes(), nil
}
