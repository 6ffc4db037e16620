package plan

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"testing"

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

// inexact has the rows in which the bound does not see what forces more calls
// (which of more than 20 tags lie on the same images, and in which group of
// equal metadata), and the largest ratio that they may have. Everywhere else a
// rebuild takes as few calls as there can be.
var inexact = map[string]float64{
	"1 of 500":             1.01,
	"3 of 60, at random":   1.10,
	"10 of 500, at random": 1.12,
	"30 of 100":            1.50,
}

// TestTableOfCalls compares the calls of a rebuild with the lower bound, over
// numbers of images, patterns of metadata and tags, for one project and for
// three. With -v it prints the table.
func TestTableOfCalls(t *testing.T) {
	t.Logf("%-22s %-12s %6s %9s %6s %6s %6s", "tags of an image", "metadata", "images", "projects", "calls", "bound", "ratio")
	for _, row := range tableTags {
		for _, meta := range tableMetadata {
			for _, n := range tableImages {
				c := tableContent(row.tags, n, row.of, row.box, meta.of)
				s := c.Schedule()
				checkSchedule(t, c, s)
				for _, projects := range []int{1, 3} {
					calls, bound := projects*c.Calls(s).Total(), projects*c.LowerBound()
					ratio := float64(calls) / float64(bound)
					t.Logf("%-22s %-12s %6d %9d %6d %6d %6.2f", row.name, meta.name, n, projects, calls, bound, ratio)
					if most := max(inexact[row.name], 1); ratio > most {
						t.Errorf("%s, metadata %s, %d images: %d calls where the bound is %d", row.name, meta.name, n, calls, bound)
					}
				}
			}
		}
	}
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
