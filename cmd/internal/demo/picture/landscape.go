package picture

import (
	"math"
	"math/rand/v2"
)

// Landscape paints what a camera in the wild sees: hills behind hills, trees,
// the sun or the moon, at some hour of the day.
func Landscape(r *rand.Rand) Picture {
	c := newCanvas(448, 256)
	type hour struct{ top, bottom, far, near, light shade }
	h := pick(r,
		hour{rgb(0x5b9bd8), rgb(0xd8e8ef), rgb(0x9db4bf), rgb(0x3c6138), rgb(0xfffbe0)}, // noon
		hour{rgb(0x4a4f8c), rgb(0xf0a070), rgb(0xa0758a), rgb(0x2c2438), rgb(0xffd090)}, // dusk
		hour{rgb(0x8fb0c8), rgb(0xf6e2c8), rgb(0xb8c0c0), rgb(0x4a5f4c), rgb(0xfff0d0)}, // dawn
		hour{rgb(0x0a1028), rgb(0x2c3a60), rgb(0x24304c), rgb(0x080c14), rgb(0xe8ecf4)}, // night
	)
	c.fillAll(vertical(0, c.h*0.75, h.top, h.bottom))
	x, y := c.w*between(r, 0.15, 0.85), c.h*between(r, 0.12, 0.4)
	c.glow(x, y, 110, 110, h.light.alpha(0.5))
	c.fill(circle(0, 0, 1), place{x, y, between(r, 12, 20), 0}, solid(h.light))

	const ridges = 4
	for i := range ridges {
		depth := float32(i) / (ridges - 1)
		base := c.h * (0.42 + 0.4*depth)
		phase, rough := r.Float64()*20, 1.2+2*float64(depth)
		height := func(u float32) float32 {
			f := float64(u / c.w)
			return base + c.h*0.1*float32(math.Sin(f*5*rough+phase)+0.5*math.Sin(f*13*rough+phase*2)+0.2*math.Sin(f*31+phase))*(1-depth*0.45)
		}
		hill := new(shape).move(0, c.h)
		for u := float32(0); u <= c.w+4; u += 4 {
			hill.line(u, height(u))
		}
		hill.line(c.w+4, c.h)
		col := mix(h.far, h.near, depth)
		c.fill(hill, place{scale: 1}, vertical(base-c.h*0.15, c.h, col, mix(col, h.near, 0.5).darker(0.9)))
		if i < ridges-2 {
			continue
		}
		for range 7 + r.IntN(8) {
			u := r.Float32() * c.w
			c.fir(place{u, height(u) + 6, c.h * between(r, 0.08, 0.15) * (0.5 + depth*0.8), 0}, h.near.darker(between(r, 0.6, 0.95)))
		}
	}
	c.grain(r, 14)
	return Picture{Image: c.img}
}

func (c *canvas) fir(at place, col shade) {
	c.fill(rect(-0.06, -0.2, 0.06, 0), at, solid(rgb(0x3a2a1c).darker(0.7)))
	for i := range 3 {
		y, w := -0.15-float32(i)*0.3, 0.42-float32(i)*0.1
		c.fill(new(shape).move(-w, y).line(0, y-0.55).line(w, y), at, horizontal(-w, w, col.darker(1.25), col.darker(0.8)))
	}
}
