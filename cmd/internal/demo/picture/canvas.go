package picture

import (
	"image"
	"image/color"
	"image/draw"
	"math"
	"math/rand/v2"

	"golang.org/x/image/vector"
)

// Picture is a finished painting and what can be seen on it.
type Picture struct {
	Image   *image.RGBA
	Objects []Object
}

// Object is one thing on a picture that a detector should find.
type Object struct {
	Label string
	Box   Box
}

// Box is a rectangle in fractions of the picture's width and height.
type Box struct{ Left, Top, Width, Height float64 }

// shade is a colour with straight (not premultiplied) alpha; channels run
// from 0 to 255, alpha from 0 to 1.
type shade struct{ r, g, b, a float32 }

func rgb(hex uint32) shade {
	return shade{float32(hex >> 16 & 0xff), float32(hex >> 8 & 0xff), float32(hex & 0xff), 1}
}

func (s shade) alpha(a float32) shade { s.a = a; return s }

// mix goes from a to b as t goes from 0 to 1.
func mix(a, b shade, t float32) shade {
	t = min(max(t, 0), 1)
	return shade{a.r + (b.r-a.r)*t, a.g + (b.g-a.g)*t, a.b + (b.b-a.b)*t, a.a + (b.a-a.a)*t}
}

// darker scales a colour's brightness; f above 1 makes it lighter.
func (s shade) darker(f float32) shade {
	return shade{min(s.r*f, 255), min(s.g*f, 255), min(s.b*f, 255), s.a}
}

// paint is the colour of a shape at a point, in the shape's own coordinates.
type paint func(u, v float32) shade

func solid(s shade) paint { return func(_, _ float32) shade { return s } }

func vertical(top, bottom float32, a, b shade) paint {
	return func(_, v float32) shade { return mix(a, b, (v-top)/(bottom-top)) }
}

func horizontal(left, right float32, a, b shade) paint {
	return func(u, _ float32) shade { return mix(a, b, (u-left)/(right-left)) }
}

func radial(cx, cy, radius float32, inner, outer shade) paint {
	return func(u, v float32) shade {
		return mix(inner, outer, hypot(u-cx, v-cy)/radius)
	}
}

// ball shades a round thing of the given radius that is lit from the upper
// left.
func ball(radius float32, base shade) paint {
	light, dark := mix(base, rgb(0xffffff), 0.55), base.darker(0.45)
	return func(u, v float32) shade {
		d := hypot(u+radius*0.35, v+radius*0.4) / (radius * 1.5)
		if d < 0.3 {
			return mix(light, base, d/0.3)
		}
		return mix(base, dark, (d-0.3)/0.8)
	}
}

func hypot(x, y float32) float32 { return float32(math.Sqrt(float64(x*x + y*y))) }

// place puts a shape's own coordinates on the canvas: scaled, turned by angle
// (radians, clockwise), moved to x, y.
type place struct{ x, y, scale, angle float32 }

func (p place) vectors() (cos, sin float32) {
	s, c := math.Sincos(float64(p.angle))
	return float32(c) * p.scale, float32(s) * p.scale
}

// canvas is a picture in the making.
type canvas struct {
	img    *image.RGBA
	w, h   float32
	raster vector.Rasterizer
	mask   []uint8
}

func newCanvas(w, h int) *canvas {
	return &canvas{img: image.NewRGBA(image.Rect(0, 0, w, h)), w: float32(w), h: float32(h)}
}

// fillAll paints the whole canvas, in pixels.
func (c *canvas) fillAll(p paint) {
	for y := range c.img.Rect.Dy() {
		row := c.img.Pix[y*c.img.Stride:]
		for x := range c.img.Rect.Dx() {
			s := p(float32(x), float32(y))
			row[4*x], row[4*x+1], row[4*x+2], row[4*x+3] = uint8(s.r), uint8(s.g), uint8(s.b), 255
		}
	}
}

// fill paints a shape and returns the pixels that it covers.
func (c *canvas) fill(sh *shape, at place, p paint) image.Rectangle {
	cos, sin := at.vectors()
	project := func(q point) point {
		return point{at.x + q.x*cos - q.y*sin, at.y + q.x*sin + q.y*cos}
	}
	area := sh.bounds(project).Intersect(c.img.Rect)
	if area.Empty() {
		return area
	}
	w, h := area.Dx(), area.Dy()
	c.raster.Reset(w, h)
	c.raster.DrawOp = draw.Src
	sh.send(&c.raster, func(q point) (float32, float32) {
		q = project(q)
		return q.x - float32(area.Min.X), q.y - float32(area.Min.Y)
	})
	if cap(c.mask) < w*h {
		c.mask = make([]uint8, w*h)
	}
	mask := &image.Alpha{Pix: c.mask[:w*h], Stride: w, Rect: image.Rect(0, 0, w, h)}
	c.raster.Draw(mask, mask.Rect, image.NewUniform(color.Opaque), image.Point{})

	// The way back: from pixels to the shape's own coordinates.
	k := 1 / (at.scale * at.scale)
	for y := range h {
		dy := float32(area.Min.Y+y) + 0.5 - at.y
		row := c.img.Pix[(area.Min.Y+y)*c.img.Stride+4*area.Min.X:]
		for x, m := range mask.Pix[y*w : (y+1)*w] {
			if m == 0 {
				continue
			}
			dx := float32(area.Min.X+x) + 0.5 - at.x
			blend(row[4*x:4*x+3], p((dx*cos+dy*sin)*k, (dy*cos-dx*sin)*k), float32(m)/255)
		}
	}
	return area
}

func blend(px []uint8, s shade, cover float32) {
	a := s.a * cover
	px[0] = uint8(float32(px[0])*(1-a) + s.r*a)
	px[1] = uint8(float32(px[1])*(1-a) + s.g*a)
	px[2] = uint8(float32(px[2])*(1-a) + s.b*a)
}

// glow blends a colour that fades out from the centre of an ellipse: a
// shadow, a light.
func (c *canvas) glow(x, y, rx, ry float32, s shade) {
	c.fill(ellipse(0, 0, rx, ry), place{x, y, 1, 0}, func(u, v float32) shade {
		d := 1 - min(hypot(u/rx, v/ry), 1)
		return s.alpha(s.a * d * d * (3 - 2*d))
	})
}

// grain adds the noise of a camera, and with it makes each picture's bytes
// its own.
func (c *canvas) grain(r *rand.Rand, amount int) {
	state := r.Uint64() | 1
	for i := 0; i < len(c.img.Pix); i += 4 {
		state ^= state << 13
		state ^= state >> 7
		state ^= state << 17
		n := int(state>>32&0xff)*amount/255 - amount/2
		for j := range 3 {
			c.img.Pix[i+j] = uint8(min(max(int(c.img.Pix[i+j])+n, 0), 255))
		}
	}
}

// box turns covered pixels into fractions of the picture.
func (c *canvas) box(area image.Rectangle) Box {
	return Box{
		Left: float64(area.Min.X) / float64(c.w), Top: float64(area.Min.Y) / float64(c.h),
		Width: float64(area.Dx()) / float64(c.w), Height: float64(area.Dy()) / float64(c.h),
	}
}

// between draws a number from [lo, hi).
func between(r *rand.Rand, lo, hi float32) float32 { return lo + r.Float32()*(hi-lo) }

// pick draws one of the values.
func pick[T any](r *rand.Rand, values ...T) T { return values[r.IntN(len(values))] }
