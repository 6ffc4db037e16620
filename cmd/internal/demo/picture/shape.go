package picture

import (
	"image"
	"math"

	"golang.org/x/image/vector"
)

type point struct{ x, y float32 }

// shape is an outline of straight lines and curves, in its own coordinates.
type shape struct{ steps []step }

type step struct {
	op byte // m move, l line, q quadratic, c cubic
	p  [3]point
}

func (s *shape) move(x, y float32) *shape {
	s.steps = append(s.steps, step{'m', [3]point{{x, y}}})
	return s
}

func (s *shape) line(x, y float32) *shape {
	s.steps = append(s.steps, step{'l', [3]point{{x, y}}})
	return s
}

func (s *shape) quad(bx, by, x, y float32) *shape {
	s.steps = append(s.steps, step{'q', [3]point{{bx, by}, {x, y}}})
	return s
}

func (s *shape) cubic(bx, by, cx, cy, x, y float32) *shape {
	s.steps = append(s.steps, step{'c', [3]point{{bx, by}, {cx, cy}, {x, y}}})
	return s
}

func (st step) points() []point {
	switch st.op {
	case 'q':
		return st.p[:2]
	case 'c':
		return st.p[:3]
	}
	return st.p[:1]
}

// bounds are the pixels that the projected shape can touch. Control points
// count, so curves must stay near them where the bounds matter.
func (s *shape) bounds(project func(point) point) image.Rectangle {
	lo := point{math.MaxFloat32, math.MaxFloat32}
	hi := point{-math.MaxFloat32, -math.MaxFloat32}
	for _, st := range s.steps {
		for _, q := range st.points() {
			q = project(q)
			lo = point{min(lo.x, q.x), min(lo.y, q.y)}
			hi = point{max(hi.x, q.x), max(hi.y, q.y)}
		}
	}
	floor := func(v float32) int { return int(math.Floor(float64(v))) }
	ceil := func(v float32) int { return int(math.Ceil(float64(v))) }
	return image.Rect(floor(lo.x), floor(lo.y), ceil(hi.x), ceil(hi.y))
}

func (s *shape) send(r *vector.Rasterizer, project func(point) (x, y float32)) {
	open := false
	for _, st := range s.steps {
		ax, ay := project(st.p[0])
		switch st.op {
		case 'm':
			if open {
				r.ClosePath()
			}
			r.MoveTo(ax, ay)
			open = true
		case 'l':
			r.LineTo(ax, ay)
		case 'q':
			bx, by := project(st.p[1])
			r.QuadTo(ax, ay, bx, by)
		case 'c':
			bx, by := project(st.p[1])
			cx, cy := project(st.p[2])
			r.CubeTo(ax, ay, bx, by, cx, cy)
		}
	}
	if open {
		r.ClosePath()
	}
}

func rect(x0, y0, x1, y1 float32) *shape {
	return new(shape).move(x0, y0).line(x1, y0).line(x1, y1).line(x0, y1)
}

// rounded is a rectangle with corners of radius k.
func rounded(x0, y0, x1, y1, k float32) *shape {
	return new(shape).move(x0+k, y0).line(x1-k, y0).quad(x1, y0, x1, y0+k).
		line(x1, y1-k).quad(x1, y1, x1-k, y1).line(x0+k, y1).quad(x0, y1, x0, y1-k).
		line(x0, y0+k).quad(x0, y0, x0+k, y0)
}

func ellipse(cx, cy, rx, ry float32) *shape {
	const k = 0.5522848 // the cubic that comes closest to a quarter of a circle
	return new(shape).move(cx+rx, cy).
		cubic(cx+rx, cy+k*ry, cx+k*rx, cy+ry, cx, cy+ry).
		cubic(cx-k*rx, cy+ry, cx-rx, cy+k*ry, cx-rx, cy).
		cubic(cx-rx, cy-k*ry, cx-k*rx, cy-ry, cx, cy-ry).
		cubic(cx+k*rx, cy-ry, cx+rx, cy-k*ry, cx+rx, cy)
}

func circle(cx, cy, r float32) *shape { return ellipse(cx, cy, r, r) }

// polygon has n corners at the given radius, the first at angle start
// (radians, clockwise from the right).
func polygon(n int, radius, start float32) *shape {
	s := new(shape)
	for i := range n {
		y, x := math.Sincos(float64(start) + 2*math.Pi*float64(i)/float64(n))
		if i == 0 {
			s.move(float32(x)*radius, float32(y)*radius)
			continue
		}
		s.line(float32(x)*radius, float32(y)*radius)
	}
	return s
}

// stroke is a line of the given width with square ends.
func stroke(x0, y0, x1, y1, width float32) *shape {
	dx, dy := x1-x0, y1-y0
	n := width / 2 / max(hypot(dx, dy), 1e-6)
	dx, dy = dx*n, dy*n
	return new(shape).move(x0-dy, y0+dx).line(x1-dy, y1+dx).line(x1+dy, y1-dx).line(x0+dy, y0-dx)
}
