package picture

import (
	"sync"

	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/gobold"
	"golang.org/x/image/font/sfnt"
	"golang.org/x/image/math/fixed"
)

var parseFont = sync.OnceValue(func() *sfnt.Font {
	f, err := sfnt.Parse(gobold.TTF)
	if err != nil {
		panic(err) // the font is part of the program
	}
	return f
})

// text is a line of letters of the given height, centred on the origin.
func text(s string, height float32) *shape {
	f := parseFont()
	var buf sfnt.Buffer
	const units = 1000
	out := new(shape)
	var pen float32
	for _, letter := range s {
		glyph, err := f.GlyphIndex(&buf, letter)
		if err != nil || glyph == 0 {
			continue
		}
		segments, err := f.LoadGlyph(&buf, glyph, fixed.I(units), nil)
		if err != nil {
			continue
		}
		k := height / units / 64 * 1.4 // capitals are 1/1.4 of the em
		at := func(p fixed.Point26_6) (float32, float32) {
			return pen + float32(p.X)*k, float32(p.Y) * k
		}
		for _, g := range segments {
			x, y := at(g.Args[0])
			switch g.Op {
			case sfnt.SegmentOpMoveTo:
				out.move(x, y)
			case sfnt.SegmentOpLineTo:
				out.line(x, y)
			case sfnt.SegmentOpQuadTo:
				x1, y1 := at(g.Args[1])
				out.quad(x, y, x1, y1)
			case sfnt.SegmentOpCubeTo:
				x1, y1 := at(g.Args[1])
				x2, y2 := at(g.Args[2])
				out.cubic(x, y, x1, y1, x2, y2)
			}
		}
		if advance, err := f.GlyphAdvance(&buf, glyph, fixed.I(units), font.HintingNone); err == nil {
			pen += float32(advance) * k
		}
	}
	for i := range out.steps {
		for j := range out.steps[i].p {
			out.steps[i].p[j].x -= pen / 2
			out.steps[i].p[j].y += height / 2
		}
	}
	return out
}
