package backup

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"cvarchive/manifest"
)

func TestOffsets(t *testing.T) {
	for n, want := range map[int][][2]int{
		0:   nil,
		1:   {{0, 0}},
		256: {{0, 0}},
		257: {{0, 0}, {255, 1}},
		511: {{0, 0}, {255, 1}},
		512: {{0, 0}, {256, 0}},           // no room to spare
		767: {{0, 0}, {255, 1}, {511, 0}}, // room for one overlap
		768: {{0, 0}, {256, 0}, {512, 0}}, //
		600: {{0, 0}, {255, 1}, {510, 1}}, //
	} {
		var got [][2]int
		for skip, overlap := range offsets(n) {
			o := 0
			if overlap {
				o = 1
			}
			got = append(got, [2]int{skip, o})
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%d images (-want +got):\n%s", n, diff)
		}
	}
}

// Whatever the length, the pages cover the list, with as few calls as
// possible.
func TestOffsetsCoverTheList(t *testing.T) {
	for n := range 2000 {
		calls, end := 0, 0
		for skip, overlap := range offsets(n) {
			if overlap {
				end--
			}
			if skip != end {
				t.Fatalf("%d images: a page begins at %d, the one before ends at %d", n, skip, end)
			}
			end = skip + manifest.MaxPage
			calls++
		}
		if end < n || calls != ceilDiv(n, manifest.MaxPage) {
			t.Fatalf("%d images: %d calls reach to %d", n, calls, end)
		}
	}
}
