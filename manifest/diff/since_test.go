package diff

import (
	"encoding/json"
	"fmt"
	"iter"
	"runtime"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cvarchive/manifest"
)

func records(list ...manifest.Image) func() iter.Seq2[*manifest.Image, error] {
	return func() iter.Seq2[*manifest.Image, error] {
		return func(yield func(*manifest.Image, error) bool) {
			for i := range list {
				if !yield(&list[i], nil) {
					return
				}
			}
		}
	}
}

func tagged(id string, tags ...string) manifest.Image {
	img := manifest.Image{ID: id, Width: 30, Height: 20}
	for _, t := range tags {
		img.Tags = append(img.Tags, manifest.ImageTag{TagID: t})
	}
	return img
}

func boxed(img manifest.Image, tag, left string) manifest.Image {
	img.Regions = append(img.Regions, manifest.Region{TagID: tag, Left: json.Number(left), Top: "0.5", Width: "0.25", Height: "0.25"})
	return img
}

func TestSince(t *testing.T) {
	old := &Inventory{
		Project: manifest.Project{Name: "Fruit", Settings: manifest.ProjectSettings{DomainID: "D", Extra: manifest.Extra{"notificationQueueUri": json.RawMessage(`"q"`)}}},
		Tags:    []manifest.Tag{{ID: "T1", Name: "aple", Type: "Regular"}, {ID: "T2", Name: "pear", Type: "Regular", ImageCount: 1}},
		Iterations: []manifest.Iteration{
			{ID: "i1", Name: "Iteration 1", Status: "Training"}, {ID: "i2", Name: "Iteration 2", Status: "Completed"},
		},
		Images: records(tagged("a", "T1"), tagged("b", "T2"), boxed(tagged("c"), "T1", "0.1"), tagged("d"), tagged("e")),
	}
	changedMetadata := tagged("D")
	changedMetadata.Metadata = map[string]string{"k": "v"}
	named := tagged("a", "T1")
	named.Tags[0].TagName = "as the service lists it"
	new := &Inventory{
		Project:    manifest.Project{Name: "Fruits", Description: "d", Settings: manifest.ProjectSettings{DomainID: "d"}},
		Tags:       []manifest.Tag{{ID: "t1", Name: "apple", Type: "Negative"}, {ID: "T3", Name: "kiwi", Type: "Regular", ImageCount: 2}},
		Iterations: []manifest.Iteration{{ID: "i1", Name: "Iteration 1", Status: "Completed", PublishName: "till"}, {ID: "i3", Name: "Iteration 3", Status: "New"}},
		Images:     records(boxed(tagged("c", "T3"), "T1", "0.2"), changedMetadata, tagged("f", "T3"), named, tagged("e")),
	}
	h, err := Since(old, new, 10)
	if err != nil {
		t.Fatal(err)
	}
	lines := func(edits []Edit) (s []string) {
		for _, e := range edits {
			s = append(s, e.Op.Sign()+" "+e.String())
		}
		return s
	}
	if d := cmp.Diff([]string{
		`~ name: "Fruit" → "Fruits"`,
		`~ setting description: none → d`,
		`~ setting notificationQueueUri: "q" → none`,
		`~ tag "aple" is now "apple"`,
		`~ tag "aple": type Regular → Negative`,
		`+ tag "kiwi" (regular, 2 images)`,
		`- tag "pear" (regular, 1 image)`,
		`~ iteration "Iteration 1": status Training → Completed`,
		`~ iteration "Iteration 1": published as none → till`,
		`- iteration "Iteration 2" (completed)`,
	}, lines(h.Edits)); d != "" {
		t.Errorf("edits (-want +got):\n%s", d)
	}
	if d := cmp.Diff([]string{
		`- image b (30×20, "pear")`,
		`~ image c: tags "aple" → "aple", "kiwi"`,
		`~ image c: regions "aple" at 0.1,0.5 0.25×0.25 → "aple" at 0.2,0.5 0.25×0.25`,
		`~ image D: metadata none → k="v"`,
		`+ image f (30×20, "kiwi")`,
	}, lines(h.ImageEdits)); d != "" {
		t.Errorf("image edits (-want +got):\n%s", d)
	}
	want := ImageTally{Old: 5, New: 5, Added: 1, Removed: 1, Changed: 2, Retagged: 1, Regions: 1, Metadata: 1}
	if d := cmp.Diff(want, h.Images); d != "" {
		t.Errorf("tally (-want +got):\n%s", d)
	}
	if same, err := Since(old, old, 10); err != nil || !same.Equal() || len(same.ImageEdits) > 0 {
		t.Errorf("with itself: %v, %+v", err, same)
	}
	if few, _ := Since(old, new, 0); len(few.ImageEdits) != 0 || few.Images != want {
		t.Errorf("without edits of images: %+v", few)
	}
}

// TestSinceStaysFlat compares two states of a large project and bounds the
// memory by that of the old side's fingerprints: neither side is held.
func TestSinceStaysFlat(t *testing.T) {
	const n = 50_000
	side := func(extra int) func() iter.Seq2[*manifest.Image, error] {
		return func() iter.Seq2[*manifest.Image, error] {
			return func(yield func(*manifest.Image, error) bool) {
				for i := extra; i < n+extra; i++ {
					img := boxed(tagged(fmt.Sprintf("image-%d", i), "T"), "T", fmt.Sprint(float32(i%97)/200))
					if !yield(&img, nil) {
						return
					}
				}
			}
		}
	}
	heap := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before, peak := heap(), uint64(0)
	inspect := side(1)
	last := func() iter.Seq2[*manifest.Image, error] {
		return func(yield func(*manifest.Image, error) bool) {
			i := 0
			for img, err := range inspect() {
				if i++; i == n/2 {
					peak = heap()
				}
				if !yield(img, err) {
					return
				}
			}
		}
	}
	h, err := Since(&Inventory{Images: side(0)}, &Inventory{Images: last}, 100)
	if err != nil || h.Images.Added != 1 || h.Images.Removed != 1 || h.Images.Changed != 0 {
		t.Fatalf("%v, %+v", err, h)
	}
	if each := float64(peak-before) / n; each > 200 {
		t.Errorf("%.0f bytes are held for each image", each)
	} else {
		t.Logf("%.0f bytes are held for each image", each)
	}
}

func TestHistoryOfACompareByNames(t *testing.T) {
	want := []Item{item("a", 1, "cat"), item("b", 2, "dog"), item("c", 3)}
	got := []Item{item("x", 1, "dog"), item("y", 9, "cow"), item("z", 3)}
	r, err := Compare(Side{Tags: []manifest.Tag{{Name: "cat"}}, Images: items(want...)}, Side{Tags: []manifest.Tag{{Name: "cow", Type: "Regular"}}, Images: items(got...)}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	h := HistoryOf(r, 3, 3, 2)
	var lines []string
	for _, e := range append(h.Edits, h.ImageEdits...) {
		lines = append(lines, e.Op.Sign()+" "+e.String())
	}
	if d := cmp.Diff([]string{
		`- tag "cat"`, `+ tag "cow" (Regular)`,
		`~ image a: tags "cat" → "dog"`, `- image b (10×20, "dog")`,
	}, lines); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if d := cmp.Diff(ImageTally{Old: 3, New: 3, Added: 1, Removed: 1, Changed: 1, Retagged: 1}, h.Images); d != "" {
		t.Errorf("tally (-want +got):\n%s", d)
	}
}
