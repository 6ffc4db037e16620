package picture

import (
	"math"
	"math/rand/v2"
)

// Signs that [Street] can put up.
const (
	StopSign     = "stop"
	NoEntry      = "no entry"
	YieldSign    = "yield"
	SpeedLimit30 = "30"
	SpeedLimit50 = "50"
	ParkingSign  = "parking"
	Crossing     = "crossing"
)

// Weather is what the sky over a street does; several may hold at once.
type Weather struct{ Night, Snow bool }

// Street paints a road with one or more signs beside it.
func Street(r *rand.Rand, weather Weather, signs ...string) Picture {
	c := newCanvas(320, 320)
	c.street(r, weather)
	for i, kind := range signs {
		x := c.w * (float32(i) + 1) / (float32(len(signs)) + 1)
		at := place{
			x + between(r, -18, 18), c.h * between(r, 0.32, 0.42),
			c.h * between(r, 0.17, 0.21) / float32(math.Sqrt(float64(len(signs)))), between(r, -0.06, 0.06),
		}
		c.sign(kind, at, weather)
	}
	if weather.Snow {
		for range 90 {
			c.glow(r.Float32()*c.w, r.Float32()*c.h, between(r, 1.5, 4), between(r, 1.5, 4), rgb(0xffffff).alpha(0.9))
		}
	}
	c.grain(r, 12)
	return Picture{Image: c.img}
}

func (c *canvas) street(r *rand.Rand, weather Weather) {
	top, bottom, ground := rgb(0x6fa8dc), rgb(0xdcebf5), rgb(0x7c9a52)
	if weather.Snow {
		top, bottom, ground = rgb(0xa7b4c2), rgb(0xdfe5ea), rgb(0xe8edf2)
	}
	dim := float32(1)
	if weather.Night {
		top, bottom, dim = rgb(0x0b1230), rgb(0x35406b), 0.35
	}
	horizon := c.h * between(r, 0.6, 0.68)
	c.fillAll(vertical(0, horizon, top, bottom))
	if weather.Night {
		for range 40 {
			c.glow(r.Float32()*c.w, r.Float32()*horizon, 1.6, 1.6, rgb(0xffffff))
		}
	} else if !weather.Snow {
		for range 3 {
			x, y := r.Float32()*c.w, c.h*between(r, 0.05, 0.3)
			for range 5 {
				c.glow(x+between(r, -30, 30), y+between(r, -6, 6), between(r, 16, 34), between(r, 8, 14), rgb(0xffffff).alpha(0.8))
			}
		}
	}
	for x := float32(-10); x < c.w; { // houses
		w, h := between(r, 34, 70), between(r, 30, 84)
		wall := pick(r, rgb(0xc9a48a), rgb(0xb7b2a8), rgb(0xa2786a), rgb(0xd6cdb4)).darker(dim)
		c.fill(rect(x, horizon-h, x+w, horizon), place{scale: 1}, horizontal(x, x+w, wall, wall.darker(0.82)))
		roof := rgb(0x7a4a3c).darker(dim)
		if weather.Snow {
			roof = rgb(0xf4f6f8).darker(max(dim, 0.55))
		}
		c.fill(new(shape).move(x-4, horizon-h).line(x+w/2, horizon-h-w*0.4).line(x+w+4, horizon-h), place{scale: 1}, solid(roof))
		for wy := horizon - h + 8; wy < horizon-14; wy += 18 {
			for wx := x + 7; wx < x+w-10; wx += 15 {
				pane := rgb(0x5f7486).darker(max(dim, 0.5))
				if weather.Night && r.IntN(2) == 0 {
					pane = rgb(0xf6d77a)
				}
				c.fill(rect(wx, wy, wx+8, wy+10), place{scale: 1}, solid(pane))
			}
		}
		x += w + between(r, 4, 26)
	}
	ground, road := ground.darker(max(dim, 0.45)), rgb(0x6e6f73).darker(max(dim, 0.45))
	c.fill(rect(0, horizon, c.w, c.h), place{scale: 1}, vertical(horizon, c.h, ground.darker(0.85), ground))
	vanish := c.w * between(r, 0.3, 0.7)
	c.fill(new(shape).move(vanish-10, horizon).line(vanish+10, horizon).line(c.w*0.95, c.h).line(c.w*0.05, c.h), place{scale: 1}, vertical(horizon, c.h, road.darker(0.9), road))
	for i := range 5 { // the broken line in its middle
		near, far := float32(i)*0.2, float32(i)*0.2+0.1
		x := func(t float32) float32 { return vanish + (c.w/2-vanish)*t }
		y := func(t float32) float32 { return horizon + (c.h-horizon)*t }
		c.fill(new(shape).move(x(near)-4*near, y(near)).line(x(near)+4*near+1, y(near)).
			line(x(far)+4*far+1, y(far)).line(x(far)-4*far, y(far)), place{scale: 1}, solid(rgb(0xf2f2ec).darker(max(dim, 0.6))))
	}
}

func (c *canvas) sign(kind string, at place, weather Weather) {
	pole := place{at.x, at.y, 1, 0}
	c.fill(rect(-4, 0, 4, c.h-at.y-24), pole, horizontal(-4, 4, rgb(0xc8ccd0), rgb(0x70757c)))
	c.glow(at.x+8, c.h-24, 24, 6, rgb(0x000000).alpha(0.4))
	red, white, black, blue := rgb(0xc3202a), rgb(0xf4f4f0), rgb(0x1c1c1e), rgb(0x1f4fa3)
	if weather.Night { // headlights are on it
		c.glow(at.x, at.y, at.scale*2, at.scale*2, rgb(0xfff3c4).alpha(0.35))
	}
	draw := func(s *shape, col shade) {
		c.fill(s, at, vertical(-1, 1, col.darker(1.06), col.darker(0.88)))
	}
	switch kind {
	case StopSign:
		draw(polygon(8, 1.06, math.Pi/8), white)
		draw(polygon(8, 0.99, math.Pi/8), red)
		draw(text("STOP", 0.5), white)
	case NoEntry:
		draw(circle(0, 0, 1.03), white)
		draw(circle(0, 0, 0.97), red)
		draw(rect(-0.68, -0.17, 0.68, 0.17), white)
	case YieldSign:
		draw(polygon(3, 1.2, math.Pi/2), red)
		draw(polygon(3, 0.8, math.Pi/2), white)
	case SpeedLimit30, SpeedLimit50:
		draw(circle(0, 0, 1), red)
		draw(circle(0, 0, 0.78), white)
		draw(text(kind, 0.72), black)
	case ParkingSign:
		draw(rounded(-0.95, -0.95, 0.95, 0.95, 0.14), white)
		draw(rounded(-0.88, -0.88, 0.88, 0.88, 0.1), blue)
		draw(text("P", 1.1), white)
	case Crossing:
		draw(rounded(-0.98, -0.98, 0.98, 0.98, 0.1), blue)
		draw(polygon(3, 0.92, -math.Pi/2), white)
		draw(circle(0.02, -0.42, 0.1), black)
		draw(stroke(0, -0.3, 0, 0.06, 0.16), black)
		draw(stroke(0, 0.02, -0.2, 0.4, 0.1), black)
		draw(stroke(0, 0.02, 0.18, 0.4, 0.1), black)
		draw(stroke(0, -0.22, -0.2, 0.0, 0.07), black)
		draw(stroke(0, -0.22, 0.2, -0.04, 0.07), black)
	}
}
