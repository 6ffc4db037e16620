package plan

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cvarchive/manifest"
)

// The rows and columns of the table of calls.
var (
	tableTags = []struct {
		name string
		tags int                 // of the project
		of   func(i int) []int   // an image's
		box  func(i, k int) bool // whether the k-th is a region
	}{
		{"no tags", 0, func(int) []int { return nil }, nil},
		{"1 of 5", 5, func(i int) []int { return []int{i % 5} }, nil},
		{"3 of 20", 20, func(i int) []int { return []int{i % 20, (i + 7) % 20, (i + 13) % 20} }, nil},
		{"1 of 50", 50, func(i int) []int { return []int{i * 7 % 50} }, nil},
		{"1 of 500", 500, func(i int) []int { return []int{i * 7 % 500} }, nil},
		{"2 of 40 in pairs", 40, func(i int) []int { return []int{i % 20 * 2, i%20*2 + 1} }, nil},
		{"3 boxes of 10", 10, func(i int) []int { return []int{i % 10, (i + 1) % 10, (i + 5) % 10} }, func(int, int) bool { return true }},
		{"3 of 60, at random", 60, func(i int) []int { return scattered(i, 3, 60) }, nil},
		{"10 of 500, at random", 500, func(i int) []int { return scattered(i, 10, 500) }, nil},
		{"30 of 100", 100, func(i int) []int { return scattered(i, 30, 100) }, nil},
	}
	tableMetadata = []struct {
		name string
		of   func(i int) map[string]string
	}{
		{"none", func(int) map[string]string { return nil }},
		{"equal", func(int) map[string]string { return map[string]string{"site": "a"} }},
		{"3 kinds", func(i int) map[string]string { return map[string]string{"site": fmt.Sprint(i % 3)} }},
		{"half unique", func(i int) map[string]string {
			if i%2 == 0 {
				return nil
			}
			return map[string]string{"serial": fmt.Sprint(i)}
		}},
		{"unique", func(i int) map[string]string { return map[string]string{"serial": fmt.Sprint(i)} }},
	}
	tableImages = []int{1, 64, 65, 1000}
)

// scattered picks n of so many tags for an image, as if by chance but always
// the same.
func scattered(i, n, tags int) []int {
	return rand.New(rand.NewPCG(uint64(i), 7)).Perm(tags)[:n]
}

// inexact has the rows in which the bound does not see all that forces more
// calls, and the largest ratio that they may have; [Content.LowerBound] says
// why. Everywhere else a rebuild takes as few calls as there can be.
var inexact = map[string]float64{
	"3 of 60, at random":   1.07,
	"10 of 500, at random": 1.05,
	"30 of 100":            1.18,
}

// tableRow is one row of the table of calls.
type tableRow struct {
	tags, metadata string
	images         int
	calls, bound   int
	content        *Content
	schedule       *Schedule
}

func (r *tableRow) ratio() float64 { return float64(r.calls) / float64(r.bound) }

// tableOfCalls gives the calls of a rebuild with the lower bound, over numbers
// of images and patterns of metadata and tags.
func tableOfCalls(yield func(*tableRow) bool) {
	for _, row := range tableTags {
		for _, meta := range tableMetadata {
			for _, n := range tableImages {
				c := tableContent(row.tags, n, row.of, row.box, meta.of)
				s := c.Schedule()
				if !yield(&tableRow{row.name, meta.name, n, c.Calls(s).Total(), c.LowerBound(), c, s}) {
					return
				}
			}
		}
	}
}

// TestTableOfCalls compares the calls of a rebuild with the lower bound.
func TestTableOfCalls(t *testing.T) {
	t.Parallel()
	for row := range tableOfCalls {
		checkSchedule(t, row.content, row.schedule)
		if most := max(inexact[row.tags], 1); row.ratio() > most || row.calls < row.bound {
			t.Errorf("%s, metadata %s, %d images: %d calls where the bound is %d", row.tags, row.metadata, row.images, row.calls, row.bound)
		}
	}
}

// BenchmarkTableOfCalls reports the calls of a rebuild, the lower bound and
// their ratio, for one project and for a hundred like it.
func BenchmarkTableOfCalls(b *testing.B) {
	for row := range tableOfCalls {
		for _, projects := range []int{1, 100} {
			name := fmt.Sprintf("projects=%d/images=%d/metadata=%s/tags=%s", projects, row.images, row.metadata, row.tags)
			b.Run(strings.ReplaceAll(name, " ", "_"), func(b *testing.B) {
				for b.Loop() {
					row.content.Schedule()
				}
				b.ReportMetric(float64(projects*row.calls), "calls")
				b.ReportMetric(float64(projects*row.bound), "bound")
				b.ReportMetric(row.ratio(), "ratio")
			})
		}
	}
}

// TestNoScheduleIsBelowTheBound makes projects at random, small enough that
// other groupings of their images can be tried at random too, and holds the
// bound against all of them.
func TestNoScheduleIsBelowTheBound(t *testing.T) {
	t.Parallel()
	for seed := range uint64(100) {
		r := rand.New(rand.NewPCG(seed, 11))
		tags, most, kinds := 1+r.IntN(60), 1+r.IntN(30), r.IntN(4)
		n := 1 + r.IntN(150)
		p := project{tags: tagsNamed(tags)}
		for i := range n {
			img := image(i, int64(1+r.IntN(6<<20)), r.Perm(tags)[:r.IntN(min(tags, most)+1)]...)
			if k := r.IntN(kinds + 1); k > 0 {
				img.Metadata = map[string]string{"kind": fmt.Sprint(k)}
			}
			p.images = append(p.images, img)
		}
		c := p.content()
		if r.IntN(2) == 0 {
			c.By(TransferURL)
		}
		s := c.Schedule()
		if !c.byURL {
			checkSchedule(t, c, s)
		}
		if d := cmp.Diff(s, c.Schedule(), cmp.AllowUnexported(Schedule{})); d != "" {
			t.Fatalf("seed %d: another look at it gives another schedule (-first +second):\n%s", seed, d)
		}
		bound := c.LowerBound()
		if calls := c.Calls(s).Total(); calls < bound {
			t.Fatalf("seed %d: %d calls, the bound is %d", seed, calls, bound)
		}
		for range 10 {
			if calls := c.Calls(c.anyhow(r)).Total(); calls < bound {
				t.Fatalf("seed %d: %d calls by chance, the bound is %d", seed, calls, bound)
			}
		}
	}
}

// anyhow groups images at random, some groups of metadata apart and the others
// together.
func (c *Content) anyhow(r *rand.Rand) *Schedule {
	s := &Schedule{}
	pools := make([][]int, len(c.groups)+2) // the last one is shared
	for _, i := range r.Perm(len(c.items)) {
		g := c.items[i].group
		if g == 0 && r.IntN(2) == 0 || g > 0 && g%2 == int(r.Uint64()%2) {
			g = len(pools) - 1
		}
		pools[g] = append(pools[g], i)
	}
	late := map[int]int{}
	for g, pool := range pools {
		shared := g == len(pools)-1
		batches := c.byWindow(pool, nil, r.IntN(2) == 0)
		for b := range batches {
			batches[b].LateMetadata = shared
			for _, i := range batches[b].Images {
				if shared && c.items[i].group > 0 {
					late[c.items[i].group]++
				}
			}
		}
		s.append(c, batches)
	}
	for _, n := range late {
		s.metadataCalls += ceil(n, manifest.MaxMetadataIDs)
	}
	return s
}

func tableContent(tags, n int, of func(int) []int, box func(i, k int) bool, metadata func(int) map[string]string) *Content {
	p := project{tags: tagsNamed(tags)}
	for i := range n {
		img := image(i, 200_000, of(i)...)
		img.Metadata = metadata(i)
		for k, tag := range img.Tags {
			if box != nil && box(i, k) {
				img.Regions = append(img.Regions, manifest.Region{TagID: tag.TagID, Left: json.Number("0.1"), Top: "0.1", Width: "0.2", Height: "0.2"})
			}
		}
		p.images = append(p.images, img)
	}
	return p.content()
}
