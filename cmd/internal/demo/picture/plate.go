package picture

import (
	"math"
	"math/rand/v2"
)

// Defects that [MetalPlate] can have.
const (
	Scratch = "scratch"
	Dent    = "dent"
	Rust    = "rust"
	Hole    = "hole"
)

// MetalPlate paints a brushed metal plate with the given defects, as an
// inspection camera sees it. The pictures are small and quick to paint, since
// the sample account has hundreds of them.
func MetalPlate(r *rand.Rand, defects ...string) Picture {
	c := newCanvas(256, 256)
	tone := between(r, 0.85, 1.1)
	lamp := between(r, 0.1, 0.9) * c.w
	steel := rgb(0x8f969e).darker(tone)
	var brushed [256]float32
	for i := range brushed {
		brushed[i] = between(r, 0.93, 1.05)
	}
	c.fillAll(func(u, v float32) shade {
		d := (u - lamp) / c.w
		return steel.darker(brushed[int(v)] * (1.25 - 0.7*d*d))
	})
	for _, x := range []float32{18, c.w - 18} {
		for _, y := range []float32{18, c.h - 18} {
			c.glow(x+2, y+3, 15, 15, rgb(0x000000).alpha(0.5))
			at := place{x, y, 9, r.Float32() * math.Pi}
			c.fill(circle(0, 0, 1), at, ball(1, rgb(0x9aa0a6)))
			c.fill(stroke(-0.8, 0, 0.8, 0, 0.28), at, solid(rgb(0x3a3d41)))
		}
	}
	for _, defect := range defects {
		x, y := between(r, 60, c.w-60), between(r, 60, c.h-60)
		switch defect {
		case Scratch:
			c.scratch(r, x, y)
		case Dent:
			c.dent(x, y, between(r, 18, 34))
		case Rust:
			c.rust(r, x, y)
		case Hole:
			c.hole(x, y, between(r, 8, 15))
		}
	}
	c.grain(r, 14)
	return Picture{Image: c.img}
}

func (c *canvas) scratch(r *rand.Rand, x, y float32) {
	angle := r.Float32() * math.Pi
	for range 1 + r.IntN(3) {
		at := place{x + between(r, -8, 8), y + between(r, -8, 8), between(r, 40, 75), angle + between(r, -0.15, 0.15)}
		bend := between(r, -0.12, 0.12)
		c.fill(new(shape).move(-1, 0.03).quad(0, bend+0.06, 1, 0.03).quad(0, bend, -1, 0.03), at, solid(rgb(0x2b2e33).alpha(0.75)))
		c.fill(new(shape).move(-1, 0).quad(0, bend+0.03, 1, 0).quad(0, bend-0.03, -1, 0), at, solid(rgb(0xf6f8fa)))
	}
}

func (c *canvas) dent(x, y, size float32) {
	c.glow(x, y, size, size, rgb(0x000000).alpha(0.3))
	c.glow(x-size*0.25, y-size*0.3, size*0.8, size*0.75, rgb(0x101316).alpha(0.6))
	c.glow(x+size*0.35, y+size*0.4, size*0.7, size*0.6, rgb(0xffffff).alpha(0.65))
}

func (c *canvas) rust(r *rand.Rand, x, y float32) {
	for range 26 {
		d := float32(r.NormFloat64()) * 14
		sin, cos := math.Sincos(r.Float64() * 2 * math.Pi)
		col := pick(r, rgb(0x8a4a1f), rgb(0xa85a24), rgb(0x6d3818), rgb(0xc27a3a))
		size := between(r, 5, 14)
		c.glow(x+d*float32(cos), y+d*float32(sin), size, size*between(r, 0.7, 1.2), col.alpha(0.8))
	}
}

func (c *canvas) hole(x, y, size float32) {
	c.glow(x, y, size*1.8, size*1.8, rgb(0x000000).alpha(0.4))
	at := place{x, y, size, 0}
	c.fill(circle(0, 0, 1.12), at, vertical(-1, 1, rgb(0x5c6167), rgb(0xeef1f4)))
	c.fill(circle(0, 0, 0.95), at, radial(0.2, 0.3, 1, rgb(0x24262a), rgb(0x08090a)))
}
