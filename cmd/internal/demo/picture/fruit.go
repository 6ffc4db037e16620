package picture

import (
	"math"
	"math/rand/v2"
)

// Fruits that [Fruit] can paint.
const (
	Apple  = "apple"
	Banana = "banana"
	Orange = "orange"
	Lemon  = "lemon"
	Pear   = "pear"
	Grapes = "grapes"
)

// Fruit paints one kind of fruit on a plate on a wooden table.
func Fruit(r *rand.Rand, kind string) Picture {
	c := table(r)
	x, y := c.w*between(r, 0.4, 0.6), c.h*between(r, 0.56, 0.66)
	size := c.h * between(r, 0.2, 0.26)
	c.plate(x, y+size*0.75, size*1.7)
	c.glow(x+size*0.15, y+size*0.72, size*1.15, size*0.4, rgb(0x2a1a10).alpha(0.55))
	at := place{x, y, size, between(r, -0.25, 0.25)}
	switch kind {
	case Apple:
		c.apple(r, at)
	case Banana:
		c.banana(r, at)
	case Orange:
		c.orange(r, at)
	case Lemon:
		c.lemon(r, at)
	case Pear:
		c.pear(r, at)
	case Grapes:
		c.grapes(r, at)
	}
	c.grain(r, 10)
	return Picture{Image: c.img}
}

// EmptyTable paints the table with nothing on it, or an empty plate: what a
// negative tag is for.
func EmptyTable(r *rand.Rand) Picture {
	c := table(r)
	if r.IntN(2) == 0 {
		c.plate(c.w*between(r, 0.35, 0.65), c.h*between(r, 0.72, 0.8), c.h*between(r, 0.3, 0.4))
	}
	c.grain(r, 10)
	return Picture{Image: c.img}
}

// table is a wooden table in front of a wall with light from one side.
func table(r *rand.Rand) *canvas {
	c := newCanvas(384, 288)
	wall := pick(r, rgb(0xd8cfc0), rgb(0xb9c7cc), rgb(0xc9d1b8), rgb(0xd9c2b4), rgb(0xa9b4c4))
	edge := c.h * between(r, 0.4, 0.5)
	c.fillAll(vertical(0, edge, wall.darker(1.08), wall.darker(0.82)))
	c.glow(c.w*between(r, 0, 0.5), c.h*0.1, c.w*0.6, c.h*0.5, rgb(0xffffff).alpha(0.4))

	wood := pick(r, rgb(0x9a6a3c), rgb(0x7d5230), rgb(0xb58654))
	phase, planks := r.Float32()*100, between(r, 3, 5)
	c.fill(rect(0, edge, c.w, c.h), place{scale: 1}, func(u, v float32) shade {
		depth := (v - edge) / (c.h - edge)
		across := (u-c.w/2)/(1+depth*1.5)/c.w*planks*1.6 + 50
		f := float64(across)*9 + 3*math.Sin(float64(depth*6+phase+float32(int(across))*5))
		s := wood.darker(0.9 + 0.1*float32(math.Sin(f)) + 0.15*depth)
		if frac := across - float32(int(across)); frac < 0.03 {
			s = s.darker(0.6)
		}
		return s
	})
	c.fill(rect(0, edge-2, c.w, edge+3), place{scale: 1}, solid(wood.darker(0.55)))
	return c
}

func (c *canvas) plate(x, y, size float32) {
	c.glow(x+4, y+size*0.12, size*1.15, size*0.45, rgb(0x20140c).alpha(0.5))
	at := place{x, y, 1, 0}
	c.fill(ellipse(0, 0, size, size*0.34), at, horizontal(-size, size, rgb(0xffffff), rgb(0xc9ccd2)))
	c.fill(ellipse(0, -size*0.02, size*0.72, size*0.22), at, horizontal(-size, size, rgb(0xcfd3da), rgb(0xf2f3f5)))
}

func (c *canvas) apple(r *rand.Rand, at place) {
	base := pick(r, rgb(0xc4262e), rgb(0xd2452f), rgb(0x8fb339), rgb(0xb31f3a))
	body := new(shape).move(0, -0.75).
		cubic(0.35, -1.05, 1.1, -0.95, 1, -0.1).cubic(0.95, 0.6, 0.5, 1.05, 0, 0.88).
		cubic(-0.5, 1.05, -0.95, 0.6, -1, -0.1).cubic(-1.1, -0.95, -0.35, -1.05, 0, -0.75)
	c.fill(body, at, ball(1, base))
	c.fill(ellipse(0, -0.72, 0.28, 0.12), at, radial(0, -0.72, 0.3, base.darker(0.4), base.darker(0.8).alpha(0.2)))
	c.fill(new(shape).move(-0.05, -0.7).quad(0, -1, 0.16, -1.2).line(0.26, -1.15).quad(0.1, -0.95, 0.05, -0.68), at, solid(rgb(0x5a3b1e)))
	if r.IntN(3) > 0 {
		c.fill(new(shape).move(0.12, -0.98).quad(0.35, -1.4, 0.85, -1.2).quad(0.6, -0.85, 0.12, -0.98), at,
			horizontal(0.1, 0.8, rgb(0x4f8f34), rgb(0x7cb750)))
	}
}

func (c *canvas) banana(r *rand.Rand, at place) {
	base := pick(r, rgb(0xf0cf3c), rgb(0xe9c02b), rgb(0xd9cf4a))
	for i := range 1 + r.IntN(2) {
		p := at
		p.y -= float32(i) * at.scale * 0.22
		p.angle += float32(i) * 0.16
		body := new(shape).move(-1.35, -0.55).cubic(-1.1, 0.55, -0.1, 1.05, 1.3, 0.3).
			line(1.42, 0.08).cubic(0.3, 0.45, -0.7, 0.1, -1.12, -0.68)
		c.fill(body, p, func(u, v float32) shade {
			d := v - 0.45 + 0.42*u*u // distance below the crescent's middle line
			return mix(mix(base, rgb(0xffffff), 0.3), base.darker(0.55), 0.35+d*0.9)
		})
		c.fill(new(shape).move(-1.35, -0.55).line(-1.38, -0.95).line(-1.2, -0.98).line(-1.12, -0.68), p, solid(rgb(0x8a7a2c)))
		c.fill(circle(1.36, 0.19, 0.13), p, solid(rgb(0x4a3818)))
	}
}

func (c *canvas) orange(r *rand.Rand, at place) {
	base := pick(r, rgb(0xef8a1d), rgb(0xf09a2a), rgb(0xe27612))
	c.fill(circle(0, 0, 0.95), at, ball(0.95, base))
	for range 90 {
		a, d := r.Float64()*2*math.Pi, float32(math.Sqrt(r.Float64()))*0.88
		sin, cos := math.Sincos(a)
		c.fill(circle(float32(cos)*d, float32(sin)*d, 0.022), at, solid(base.darker(0.7).alpha(0.5)))
	}
	c.fill(polygon(6, 0.13, 0.3), place{at.x + at.scale*0.1, at.y - at.scale*0.72, at.scale, 0}, solid(rgb(0x5d7a35)))
}

func (c *canvas) lemon(r *rand.Rand, at place) {
	base := pick(r, rgb(0xf2dc3a), rgb(0xe8d632), rgb(0xd6dc45))
	body := new(shape).move(-1.3, 0).cubic(-1.1, -0.12, -0.95, -0.8, 0, -0.8).
		cubic(0.95, -0.8, 1.05, -0.15, 1.28, 0.02).cubic(1.05, 0.2, 0.95, 0.8, 0, 0.8).
		cubic(-0.95, 0.8, -1.1, 0.14, -1.3, 0)
	at.y += at.scale * 0.15
	c.fill(body, at, ball(1.05, base))
	if r.IntN(2) == 0 { // and one cut open beside it
		p := place{at.x + at.scale*1.1, at.y + at.scale*0.35, at.scale * 0.62, 0.1}
		c.fill(circle(0, 0, 1), p, solid(base.darker(0.92)))
		c.fill(circle(0, 0, 0.88), p, solid(rgb(0xfaf4cf)))
		for i := range 8 {
			s, co := math.Sincos(float64(i) * math.Pi / 4)
			x, y := float32(co), float32(s)
			c.fill(new(shape).move(x*0.12, y*0.12).quad(x*0.7-y*0.36, y*0.7+x*0.36, x*0.8, y*0.8).
				quad(x*0.7+y*0.36, y*0.7-x*0.36, x*0.12, y*0.12), p, solid(base.darker(1.05)))
		}
	}
}

func (c *canvas) pear(r *rand.Rand, at place) {
	base := pick(r, rgb(0xb9bf3f), rgb(0xa8b83a), rgb(0xc9b64a))
	body := new(shape).move(0, -1.3).cubic(0.55, -1.3, 0.4, -0.5, 0.75, -0.1).
		cubic(1.15, 0.4, 0.75, 0.95, 0, 0.92).cubic(-0.75, 0.95, -1.15, 0.4, -0.75, -0.1).
		cubic(-0.4, -0.5, -0.55, -1.3, 0, -1.3)
	c.fill(body, at, ball(1.05, base))
	c.glow(at.x+at.scale*0.35, at.y+at.scale*0.3, at.scale*0.5, at.scale*0.5, rgb(0xc2552f).alpha(0.35))
	c.fill(stroke(0, -1.25, 0.15, -1.6, 0.1), at, solid(rgb(0x5a3b1e)))
}

func (c *canvas) grapes(r *rand.Rand, at place) {
	base := pick(r, rgb(0x5b2a6b), rgb(0x7fa33a), rgb(0x43285c))
	c.fill(stroke(0, -0.7, 0.1, -1.25, 0.1), at, solid(rgb(0x6b5426)))
	for row := range 5 {
		for i := range 5 - row {
			p := place{scale: at.scale * 0.3}
			p.x = at.x + at.scale*(float32(i)-float32(4-row)/2)*0.46 + between(r, -2, 2)
			p.y = at.y + at.scale*(float32(row)*0.4-0.65) + between(r, -2, 2)
			c.fill(circle(0, 0, 1), p, ball(1, base.darker(between(r, 0.85, 1.2))))
		}
	}
}
