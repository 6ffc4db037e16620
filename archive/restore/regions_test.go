package restore

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"strconv"
	"testing"

	"cvarchive/manifest"
	"cvarchive/manifest/diff"
)

func TestNudge(t *testing.T) {
	tests := []struct {
		left, width json.Number
		nudged      bool
	}{
		{"0.25", "0.75", false},
		{"0.3", "0.7", false},
		{"0.9", "0.1", false},
		{"0.5", "0.5000001", true},
		{"-1e-7", "0.5", true},
		{"0.9567", "0.0737", false}, // truly outside: the service's to judge
		{"-0.1", "0.5", false},
		{"0", "1", false},
	}
	for _, tt := range tests {
		r := manifest.Region{Left: tt.left, Width: tt.width, Top: "0", Height: "1"}
		if got := nudge(&r); got != tt.nudged {
			t.Errorf("%s + %s: nudged %t", tt.left, tt.width, got)
		} else if !got && (r.Left != tt.left || r.Width != tt.width) {
			t.Errorf("%s + %s came to %s + %s", tt.left, tt.width, r.Left, r.Width)
		}
	}
}

// TestNudgedRegionsFit makes regions as a service would that stores single
// precision, and checks that what is sent passes any reading of the rule and
// is the same region to the proof.
func TestNudgedRegionsFit(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	nudged := 0
	for range 20_000 {
		left := r.Float32()
		width := float32(1-float64(left)) + float32(r.IntN(5)-2)*6e-8
		text := func(f float32) json.Number { return json.Number(strconv.FormatFloat(float64(f), 'g', -1, 32)) }
		g := manifest.Region{Left: text(left), Width: text(width), Top: "0", Height: "1"}
		was := g
		if nudge(&g) {
			nudged++
		}
		l, _ := g.Left.Float64()
		w, _ := g.Width.Float64()
		before, _ := was.Width.Float64()
		if l+w > 1 || float32(l)+float32(w) > 1 {
			t.Fatalf("%s + %s is beyond the edge", g.Left, g.Width)
		}
		if math.Abs(w-before) > diff.Tolerance {
			t.Fatalf("%s became %s", was.Width, g.Width)
		}
	}
	if nudged == 0 {
		t.Error("no region needed it: the test tests nothing")
	}
}
