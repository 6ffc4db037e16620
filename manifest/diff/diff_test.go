package diff

import (
	"errors"
	"fmt"
	"iter"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cvarchive/manifest"
)

func items(list ...Item) func() iter.Seq2[Item, error] {
	return func() iter.Seq2[Item, error] {
		return func(yield func(Item, error) bool) {
			for _, it := range list {
				if !yield(it, nil) {
					return
				}
			}
		}
	}
}

func item(id string, content byte, tags ...string) Item {
	return Item{ID: id, Content: manifest.Digest{content}, Width: 10, Height: 20, Tags: tags}
}

func with(it Item, change func(*Item)) Item {
	it.Metadata, it.Regions = maps.Clone(it.Metadata), slices.Clone(it.Regions)
	change(&it)
	return it
}

func TestImages(t *testing.T) {
	a, b := item("a", 1, "cat"), item("b", 2, "dog")
	boxed := with(a, func(it *Item) { it.Regions = []Region{{"cat", 0.1, 0.2, 0.3, 0.4}, {"cat", 0.5, 0.5, 0.1, 0.1}} })
	blind := func(it Item) Item { return with(it, func(it *Item) { it.Content = manifest.Digest{} }) }
	tests := []struct {
		name      string
		want, got []Item
		kinds     []Kind
	}{
		{"equal in another order", []Item{a, b}, []Item{b, a}, nil},
		{"the same picture twice", []Item{a, a}, []Item{a, a}, nil},
		{"once instead of twice", []Item{a, a}, []Item{a}, []Kind{ImageMissing}},
		{"twice instead of once", []Item{a}, []Item{a, a}, []Kind{ImageExtra}},
		{"missing and extra", []Item{a}, []Item{b}, []Kind{ImageMissing, ImageExtra}},
		{"other tags", []Item{a}, []Item{with(a, func(it *Item) { it.Tags = []string{"cat", "dog"} })}, []Kind{ImageTags}},
		{"other metadata", []Item{a}, []Item{with(a, func(it *Item) { it.Metadata = map[string]string{"k": "v"} })}, []Kind{ImageMetadata}},
		{"other size", []Item{a}, []Item{with(a, func(it *Item) { it.Width = 11 })}, []Kind{ImageSize}},
		{"size not known", []Item{a}, []Item{with(a, func(it *Item) { it.Width, it.Height = 0, 0 })}, nil},
		{"other bytes", []Item{a}, []Item{with(a, func(it *Item) { it.Content[0] = 9 })}, []Kind{ImageContent}},
		{"region within tolerance", []Item{boxed}, []Item{with(boxed, func(it *Item) { it.Regions[0].Left += 9e-7 })}, nil},
		{"region beyond tolerance", []Item{boxed}, []Item{with(boxed, func(it *Item) { it.Regions[0].Left += 2e-6 })}, []Kind{ImageRegions}},
		{"region of another tag", []Item{boxed}, []Item{with(boxed, func(it *Item) { it.Regions[1].Tag = "dog" })}, []Kind{ImageRegions}},
		{"region missing", []Item{boxed}, []Item{with(boxed, func(it *Item) { it.Regions = it.Regions[:1] })}, []Kind{ImageRegions}},
		{"all of it on one image", []Item{boxed}, []Item{with(boxed, func(it *Item) {
			it.Regions, it.Tags, it.Metadata = nil, nil, map[string]string{"a": "b"}
		})}, []Kind{ImageTags, ImageRegions, ImageMetadata}},
		{"bytes not read back", []Item{a, b}, []Item{blind(a), blind(b)}, nil},
		{"bytes not archived", []Item{blind(a), b}, []Item{a, b}, nil},
		{"some bytes not read back", []Item{a, a, b}, []Item{blind(a), b, a}, nil},
		{"blind and moved within tolerance", []Item{boxed}, []Item{with(blind(boxed), func(it *Item) { it.Regions[0].Left += 9e-7 })}, nil},
		{"blind and moved", []Item{boxed, a}, []Item{blind(a), with(blind(boxed), func(it *Item) { it.Regions[0].Left = 0.2 })}, []Kind{ImageRegions}},
		{"blind and retagged", []Item{a}, []Item{with(blind(a), func(it *Item) { it.Tags = nil })}, []Kind{ImageTags}},
		{"nothing at all", nil, nil, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r, err := Compare(Side{Images: items(tt.want...)}, Side{Images: items(tt.got...)}, Options{})
			if err != nil {
				t.Fatal(err)
			}
			var kinds []Kind
			for _, c := range r.Changes {
				kinds = append(kinds, c.Kind)
				if c.Text == "" || c.Text != c.String() {
					t.Errorf("text %q of %+v", c.Text, c)
				}
			}
			if d := cmp.Diff(tt.kinds, kinds); d != "" {
				t.Errorf("kinds (-want +got):\n%s\n%v", d, r.Changes)
			}
			if r.Equal() != (len(tt.kinds) == 0) || r.Images != len(tt.got) {
				t.Errorf("equal %t, %d images", r.Equal(), r.Images)
			}
			if r.Equal() && r.Matched != len(tt.got) {
				t.Errorf("%d of %d matched", r.Matched, len(tt.got))
			}
		})
	}
}

// TestShuffledInventories compares random inventories with themselves in
// another order, some contents unknown, and with one image changed.
func TestShuffledInventories(t *testing.T) {
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 2))
		var want []Item
		for i := range 1 + r.IntN(60) {
			it := item(fmt.Sprint(i), byte(r.IntN(20)), []string{"a", "b", "c"}[:r.IntN(4)]...)
			if r.IntN(2) == 0 {
				it.Regions = []Region{{"a", float64(r.IntN(3)) / 7, 0, 0.1, 0.1}}
			}
			want = append(want, it)
		}
		got := slices.Clone(want)
		r.Shuffle(len(got), func(i, j int) { got[i], got[j] = got[j], got[i] })
		if seed%2 == 0 {
			for i := range got {
				got[i].Content = manifest.Digest{}
			}
		}
		res, err := Compare(Side{Images: items(want...)}, Side{Images: items(got...)}, Options{})
		if err != nil || !res.Equal() || res.Matched != len(want) {
			t.Fatalf("seed %d: %v, %+v", seed, err, res)
		}
		got[0].Tags = append(slices.Clone(got[0].Tags), "z")
		if res, _ = Compare(Side{Images: items(want...)}, Side{Images: items(got...)}, Options{}); res.Equal() {
			t.Fatalf("seed %d: a changed tag is not seen", seed)
		}
	}
}

func TestSettingsAndTags(t *testing.T) {
	project := func(change func(*manifest.Project)) manifest.Project {
		p := manifest.Project{Name: "p", Settings: manifest.ProjectSettings{
			DomainID: "D1", TargetExportPlatforms: []string{"ONNX", "CoreML"},
			ImageProcessingSettings: &manifest.ImageProcessingSettings{AugmentationMethods: map[string]bool{"x": true}},
		}}
		change(&p)
		return p
	}
	tags := []manifest.Tag{{Name: "a", Type: "Regular", ImageCount: 3}, {Name: "b", Type: "Negative"}}
	want := Side{Project: project(func(*manifest.Project) {}), Tags: tags, ImageCount: 3}
	got := Side{
		Project: project(func(p *manifest.Project) {
			p.Settings.DomainID, p.Settings.TargetExportPlatforms = "d1", []string{"CoreML", "ONNX"} // the same
			p.Description = "new"
			p.Settings.DetectionParameters = "read-only"
			p.Settings.ImageProcessingSettings = &manifest.ImageProcessingSettings{AugmentationMethods: map[string]bool{"x": false}}
		}),
		Tags:       []manifest.Tag{{Name: "c"}, {Name: "a", Type: "Regular", Description: "d", ImageCount: 4}},
		ImageCount: 4,
	}
	lines := func(opt Options) (s []string) {
		r, err := Compare(want, got, opt)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range r.Changes {
			s = append(s, c.Text)
		}
		if r.Omitted > 0 {
			s = append(s, fmt.Sprintf("%d more", r.Omitted))
		}
		return s
	}
	all := []string{
		"setting description is new, archived none",
		"setting augmentationMethods is x=false, archived x=true",
		`tag "a": description is d, archived none`,
		`tag "a": image count is 4, archived 3`,
		`tag "b" is missing`,
		`tag "c" is not in the archive`,
		"4 images, archived 3",
	}
	if d := cmp.Diff(all, lines(Options{})); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if d := cmp.Diff([]string{all[0], "6 more"}, lines(Options{MaxChanges: 1})); d != "" {
		t.Errorf("bounded (-want +got):\n%s", d)
	}
	if n := len(lines(Options{ReadOnlySettings: true})); n != len(all)+1 {
		t.Errorf("%d changes with read-only settings", n)
	}
}

func TestErrorsOfTheSidesArePassedOn(t *testing.T) {
	broken := errors.New("broken")
	bad := func() iter.Seq2[Item, error] {
		return func(yield func(Item, error) bool) { yield(Item{}, broken) }
	}
	for _, sides := range [][2]Side{{{Images: bad}, {Images: items()}}, {{Images: items()}, {Images: bad}}} {
		if _, err := Compare(sides[0], sides[1], Options{}); !errors.Is(err, broken) {
			t.Errorf("err %v", err)
		}
	}
}

func BenchmarkHundredThousandImages(b *testing.B) {
	list := make([]Item, 100_000)
	for i := range list {
		list[i] = item(fmt.Sprint(i), 0, "a", "b")
		list[i].Content = manifest.Digest{byte(i), byte(i >> 8), byte(i >> 16)}
	}
	b.ReportAllocs()
	for b.Loop() {
		if r, err := Compare(Side{Images: items(list...)}, Side{Images: items(list...)}, Options{}); err != nil || !r.Equal() {
			b.Fatal(err, r)
		}
	}
}
