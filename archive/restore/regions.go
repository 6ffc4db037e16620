package restore

import (
	"encoding/json"
	"math"
	"strconv"

	"cvarchive/manifest"
	"cvarchive/manifest/diff"
)

// edge is how far beyond the image a region may reach and still be nudged:
// more than single precision explains, and less than the proof would notice.
const edge = diff.Tolerance / 2

// nudge moves the edges of a region inside the image where they lie beyond it
// by no more than that: a service that checks left +
// width <= 1 would refuse what it once gave out. Anything else is left as
// archived, for the service to judge.
func nudge(r *manifest.Region) bool {
	a := nudgeSpan(&r.Left, &r.Width)
	b := nudgeSpan(&r.Top, &r.Height)
	return a || b
}

func nudgeSpan(start, length *json.Number) bool {
	s, err := start.Float64()
	if err != nil {
		return false
	}
	l, err := length.Float64()
	if err != nil {
		return false
	}
	nudged := false
	if s < 0 && s >= -edge {
		s, nudged = 0, true
		*start = "0"
	}
	over := max(s+l, float64(float32(s)+float32(l))) - 1
	if over <= 0 || over > edge {
		return nudged
	}
	// The largest length that fits when all is computed in single
	// precision, and in double precision from the numbers as written.
	fit := float32(1 - s)
	for s+float64(fit) > 1 || float32(s)+fit > 1 || float64(float32(s))+float64(fit) > 1 {
		fit = math.Nextafter32(fit, 0)
	}
	*length = json.Number(strconv.FormatFloat(float64(fit), 'f', -1, 64))
	return true
}

// sameRegion tells whether the service's region is the one that was sent.
func sameRegion(a, b *manifest.Region) bool {
	near := func(x, y json.Number) bool {
		f, errF := x.Float64()
		g, errG := y.Float64()
		return errF == nil && errG == nil && math.Abs(f-g) <= diff.Tolerance
	}
	return a.TagID == b.TagID && near(a.Left, b.Left) && near(a.Top, b.Top) &&
		near(a.Width, b.Width) && near(a.Height, b.Height)
}
