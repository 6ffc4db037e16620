package picture

import (
	"image"
	"math/rand/v2"
)

// Goods on a [Shelf], as the objects' labels name them.
const (
	Carton = "carton"
	Bottle = "bottle"
	Can    = "can"
)

// Shelf paints a supermarket shelf and says where each of the goods stands.
func Shelf(r *rand.Rand) Picture {
	c := newCanvas(480, 360)
	back := pick(r, rgb(0xe9e6df), rgb(0xd9dfe4), rgb(0xe4dccb))
	c.fillAll(vertical(0, c.h, back, back.darker(0.8)))
	p := Picture{Image: c.img}
	boards := 2 + r.IntN(2)
	pitch := c.h / float32(boards)
	for i := range boards {
		floor := pitch*float32(i+1) - 20
		room := pitch - 34
		c.fill(rect(0, floor-room-14, c.w, floor-room+10), place{scale: 1}, vertical(floor-room-14, floor-room+10, rgb(0x000000).alpha(0.35), rgb(0x000000).alpha(0)))
		for x := between(r, 8, 40); x < c.w-60; {
			label := pick(r, Carton, Carton, Bottle, Can)
			area := c.goods(r, label, x, floor, room)
			p.Objects = append(p.Objects, Object{label, c.box(area)})
			x = float32(area.Max.X) + between(r, 3, 12)
			if r.IntN(6) == 0 {
				x += between(r, 30, 80) // sold out
			}
		}
		c.fill(rect(0, floor, c.w, floor+12), place{scale: 1}, vertical(floor, floor+12, rgb(0xf8f8f6), rgb(0xa8a9ab)))
		for x := between(r, 20, 50); x < c.w; x += between(r, 70, 110) { // price tags
			c.fill(rounded(x, floor+1, x+34, floor+11, 1), place{scale: 1}, solid(rgb(0xfff6b0)))
			c.fill(text(pick(r, "1.99", "0.89", "2.49", "3.29"), 6), place{x + 17, floor + 6, 1, 0}, solid(rgb(0x303030)))
		}
	}
	c.grain(r, 10)
	return p
}

// goods paints one of the goods with its foot at x, floor, and returns the
// pixels that it covers.
func (c *canvas) goods(r *rand.Rand, label string, x, floor, room float32) image.Rectangle {
	base := pick(r, rgb(0xc93a3a), rgb(0x2f6fb5), rgb(0x3c9a5f), rgb(0xe0a526), rgb(0x7a4a9c), rgb(0xe8e2d4), rgb(0xd9682b))
	switch label {
	case Bottle:
		return c.bottle(r, base, x, floor, room*between(r, 0.8, 0.95))
	case Can:
		return c.can(r, base, x, floor, room*between(r, 0.42, 0.55))
	}
	return c.carton(r, base, x, floor, room*between(r, 0.6, 0.9))
}

func (c *canvas) carton(r *rand.Rand, base shade, x, floor, h float32) image.Rectangle {
	w := h * between(r, 0.5, 0.72)
	at := place{x, floor - h, 1, 0}
	area := c.fill(rect(0, 0, w, h), at, horizontal(0, w, base.darker(1.08), base.darker(0.85)))
	c.fill(rect(w*0.9, 0, w, h), at, solid(base.darker(0.62)))
	c.fill(rect(0, h*0.12, w*0.9, h*0.3), at, solid(rgb(0xffffff).alpha(0.9)))
	c.fill(text(pick(r, "OATS", "TEA", "RICE", "CORN", "COCOA"), h*0.1), place{x + w*0.45, floor - h + h*0.21, 1, 0}, solid(base.darker(0.5)))
	c.fill(circle(w*0.45, h*0.62, w*0.27), at, radial(w*0.4, h*0.57, w*0.3, rgb(0xfff2d0), base.darker(1.35)))
	c.fill(rect(w*0.08, h*0.9, w*0.8, h*0.93), at, solid(rgb(0xffffff).alpha(0.7)))
	return area
}

func (c *canvas) bottle(r *rand.Rand, base shade, x, floor, h float32) image.Rectangle {
	w := h * between(r, 0.27, 0.33)
	glass := pick(r, rgb(0x2f5d3a), rgb(0x5a3a1c), rgb(0x9cc3cf), base.darker(0.9))
	at := place{x, floor - h, 1, 0}
	body := new(shape).move(w*0.34, h*0.06).line(w*0.66, h*0.06).line(w*0.66, h*0.26).
		cubic(w*0.68, h*0.36, w, h*0.36, w, h*0.5).line(w, h).line(0, h).line(0, h*0.5).
		cubic(0, h*0.36, w*0.32, h*0.36, w*0.34, h*0.26)
	area := c.fill(body, at, func(u, _ float32) shade {
		return mix(mix(glass, rgb(0xffffff), 0.35), glass.darker(0.5), u/w*1.1)
	})
	area = area.Union(c.fill(rounded(w*0.31, 0, w*0.69, h*0.09, w*0.05), at, horizontal(w*0.3, w*0.7, base, base.darker(0.6))))
	c.fill(rect(0, h*0.56, w, h*0.84), at, horizontal(0, w, rgb(0xfaf6ea), rgb(0xc9c3b4)))
	c.fill(rect(0, h*0.6, w, h*0.66), at, solid(base))
	c.fill(text(pick(r, "OIL", "JUS", "SODA"), h*0.07), place{x + w/2, floor - h + h*0.75, 1, 0}, solid(rgb(0x333333)))
	c.fill(rect(w*0.14, h*0.46, w*0.22, h*0.95), at, solid(rgb(0xffffff).alpha(0.35)))
	return area
}

func (c *canvas) can(r *rand.Rand, base shade, x, floor, h float32) image.Rectangle {
	w := h * between(r, 0.66, 0.78)
	at := place{x, floor - h, 1, 0}
	shine := func(s shade) paint {
		return func(u, _ float32) shade {
			t := u / w
			return mix(mix(s, rgb(0xffffff), 0.45), s.darker(0.5), max(0.3-t, (t-0.3)*1.3))
		}
	}
	area := c.fill(rounded(0, h*0.04, w, h, h*0.05), at, shine(rgb(0xb9bdc2)))
	area = area.Union(c.fill(ellipse(w/2, h*0.06, w/2, h*0.06), at, shine(rgb(0xe2e5e8))))
	c.fill(rect(0, h*0.16, w, h*0.9), at, shine(base))
	c.fill(ellipse(w/2, h*0.52, w*0.34, h*0.2), at, solid(rgb(0xfdf6e0)))
	c.fill(text(pick(r, "BEANS", "SOUP", "TUNA", "PEAS"), h*0.11), place{x + w/2, floor - h + h*0.52, 1, 0}, solid(base.darker(0.55)))
	return area
}
