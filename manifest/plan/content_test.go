package plan

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"testing"

	"cvarchive/manifest"
)

// project is a made-up archived project.
type project struct {
	settings manifest.ProjectSettings
	tags     []manifest.Tag
	images   []manifest.Image
}

func (p *project) content() *Content {
	c := NewContent(manifest.Project{Settings: p.settings}, p.tags)
	for i := range p.images {
		c.Add(&p.images[i])
	}
	return c
}

func tagsNamed(n int) []manifest.Tag {
	tags := make([]manifest.Tag, n)
	for i := range tags {
		tags[i] = manifest.Tag{ID: fmt.Sprintf("tag-%d", i), Name: fmt.Sprintf("tag %d", i), Type: manifest.TagRegular}
	}
	return tags
}

// image makes the n-th image, with bytes of its own.
func image(n int, size int64, tags ...int) manifest.Image {
	img := manifest.Image{ID: fmt.Sprintf("image-%d", n), Object: &manifest.Object{Size: size, Ext: "jpg"}}
	binary.BigEndian.PutUint64(img.Object.SHA256[:], uint64(n)+1)
	for _, t := range tags {
		img.Tags = append(img.Tags, manifest.ImageTag{TagID: fmt.Sprintf("tag-%d", t)})
	}
	return img
}

// checkSchedule makes sure that every image is in exactly one batch, within
// the service's limits, and that nothing gets lost between the create call
// and the later ones.
func checkSchedule(t *testing.T, c *Content, s *Schedule) {
	t.Helper()
	seen := make([]int, c.Len())
	late := map[int]int{}
	laterTags, laterRegions := 0, 0
	for _, b := range s.Batches {
		tags, groups := map[int]bool{}, map[int]bool{}
		var bytes int64
		for _, i := range b.Images {
			seen[i]++
			bytes += c.items[i].size
			groups[c.Group(i)] = true
			if b.LateMetadata && c.Group(i) != 0 {
				late[c.Group(i)]++
			}
			for _, u := range c.items[i].uses {
				switch {
				case b.Carries(u.tag):
					tags[u.tag] = true
				case u.regions > 0:
					laterRegions += u.regions
				default:
					laterTags++
				}
			}
		}
		if n := len(b.Images); n == 0 || n > manifest.MaxBatch {
			t.Errorf("a batch of %d images", n)
		}
		if len(tags) > manifest.MaxBatchTags {
			t.Errorf("a batch of %d tags", len(tags))
		}
		if bytes > MaxBatchBytes && len(b.Images) > 1 {
			t.Errorf("a batch of %d bytes", bytes)
		}
		if len(groups) > 1 && !b.LateMetadata {
			t.Error("images of different metadata share a batch")
		}
	}
	for i, n := range seen {
		if n != 1 {
			t.Errorf("image %d is in %d batches", i, n)
		}
	}
	calls := c.Calls(s)
	if got, want := calls[CreateImageTags], ceil(laterTags, 128); got != want {
		t.Errorf("%d calls of CreateImageTags, want %d", got, want)
	}
	if got, want := calls[CreateImageRegions], ceil(laterRegions, 64); got != want {
		t.Errorf("%d calls of CreateImageRegions, want %d", got, want)
	}
	want := 0
	for _, n := range late {
		want += ceil(n, 64)
	}
	if got := calls[UpdateImageMetadata]; got != want {
		t.Errorf("%d calls of UpdateImageMetadata, want %d", got, want)
	}
	if total, bound := calls.Total(), c.LowerBound(); total < bound {
		t.Errorf("%d calls are below the lower bound %d: the bound is wrong", total, bound)
	}
}

// TestScheduleMeetsTheLowerBound holds where the bound is known to be
// reachable: few tags, or one tag an image.
func TestScheduleMeetsTheLowerBound(t *testing.T) {
	metadata := map[string]func(i int) map[string]string{
		"none":   func(int) map[string]string { return nil },
		"equal":  func(int) map[string]string { return map[string]string{"site": "a"} },
		"groups": func(i int) map[string]string { return map[string]string{"site": fmt.Sprint(i % 3)} },
		"unique": func(i int) map[string]string { return map[string]string{"serial": fmt.Sprint(i)} },
	}
	for _, images := range []int{0, 1, 64, 65, 600, 2000} {
		for _, tags := range []int{0, 1, 20, 30, 50, 150} {
			for name, of := range metadata {
				t.Run(fmt.Sprintf("%d images %d tags metadata %s", images, tags, name), func(t *testing.T) {
					p := project{tags: tagsNamed(tags)}
					for i := range images {
						img := image(i, 1000)
						if tags > 0 {
							img = image(i, 1000, i*7%tags)
						}
						img.Metadata = of(i)
						p.images = append(p.images, img)
					}
					c := p.content()
					s := c.Schedule()
					checkSchedule(t, c, s)
					if got, want := c.Calls(s).Total(), c.LowerBound(); got != want {
						t.Errorf("%d calls, want %d: %v", got, want, c.Calls(s))
					}
				})
			}
		}
	}
}

func TestScheduleOfRandomProjects(t *testing.T) {
	for seed := range uint64(60) {
		r := rand.New(rand.NewPCG(seed, 1))
		tags := r.IntN(120)
		p := project{tags: tagsNamed(tags)}
		most, kinds, detection := 1+r.IntN(60), r.IntN(200), r.IntN(2) == 0
		for i := range r.IntN(700) {
			img := image(i, r.Int64N(2<<20))
			for range r.IntN(most) {
				if tags == 0 {
					break
				}
				id := fmt.Sprintf("tag-%d", r.IntN(tags))
				if detection {
					img.Regions = append(img.Regions, manifest.Region{TagID: id, Left: "0.1", Top: "0.1", Width: "0.2", Height: "0.2"})
				}
				img.Tags = append(img.Tags, manifest.ImageTag{TagID: id})
			}
			if k := r.IntN(kinds + 1); k > 0 {
				img.Metadata = map[string]string{"k": fmt.Sprint(k)}
			}
			p.images = append(p.images, img)
		}
		c := p.content()
		s := c.Schedule()
		checkSchedule(t, c, s)
		if again := p.content(); again.Calls(again.Schedule()).Total() != c.Calls(s).Total() {
			t.Error("the schedule depends on more than the content")
		}
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

// TestScheduleChoosesTheCheaperWay has cases in which the obvious grouping is
// far from the best.
func TestScheduleChoosesTheCheaperWay(t *testing.T) {
	tests := []struct {
		name   string
		images func() []manifest.Image
		most   int // calls besides CreateProject and CreateTag
	}{
		{"500 tags on one image each: most follow later", func() (imgs []manifest.Image) {
			for i := range 500 {
				imgs = append(imgs, image(i, 10, i))
			}
			return imgs
		}, 8 + 3},
		{"15 of 500 tags on each: no two images share them", func() (imgs []manifest.Image) {
			for i := range 640 {
				var tags []int
				for k := range 15 {
					tags = append(tags, (i*15+k*31)%500)
				}
				imgs = append(imgs, image(i, 10, tags...))
			}
			return imgs
		}, 10 + 75},
		{"an image of 100 tags", func() []manifest.Image {
			var tags []int
			for k := range 100 {
				tags = append(tags, k)
			}
			return []manifest.Image{image(0, 10, tags...)}
		}, 2},
		{"pairs of equal metadata and disjoint tags: metadata follows", func() (imgs []manifest.Image) {
			for i := range 40 {
				for half := range 2 {
					img := image(2*i+half, 10)
					for k := range 15 {
						img.Tags = append(img.Tags, manifest.ImageTag{TagID: fmt.Sprintf("tag-%d", half*15+k)})
						img.Regions = append(img.Regions, manifest.Region{TagID: fmt.Sprintf("tag-%d", half*15+k), Left: "0", Top: "0", Width: "1", Height: "1"})
					}
					img.Metadata = map[string]string{"pair": fmt.Sprint(i)}
					imgs = append(imgs, img)
				}
			}
			return imgs
		}, 2 + 40},
		{"images of 6 MiB: four a call", func() (imgs []manifest.Image) {
			for i := range 20 {
				imgs = append(imgs, image(i, 6<<20))
			}
			return imgs
		}, 5},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := project{tags: tagsNamed(500), images: tt.images()}
			c := p.content()
			s := c.Schedule()
			checkSchedule(t, c, s)
			calls := c.Calls(s)
			if got := calls.Total() - 501; got > tt.most {
				t.Errorf("%d calls, want at most %d: %v", got, tt.most, calls)
			}
		})
	}
}

func TestSameBytesTwice(t *testing.T) {
	box := func(tag, left string) manifest.Region {
		return manifest.Region{TagID: tag, Left: json.Number("0." + left), Top: "0.1", Width: "0.1", Height: "0.1"}
	}
	first, second := image(1, 10, 0), image(1, 10, 1)
	second.ID = "image-twin"
	first.Regions, second.Regions = []manifest.Region{box("tag-0", "1")}, []manifest.Region{box("tag-0", "10"), box("tag-1", "3")}
	second.Metadata = map[string]string{"from": "second"}
	records := []manifest.Image{first, second}
	load := func(n int) (*manifest.Image, error) { return &records[n], nil }

	p := project{tags: tagsNamed(2), images: records}
	c := p.content()
	if c.Len() != 1 || len(c.Merged()) != 1 || c.All().Images != 2 || c.Restorable().Images != 1 {
		t.Fatalf("%d images to create, %d merged", c.Len(), len(c.Merged()))
	}
	img, _ := c.Image(0, load)
	if len(img.Tags) != 2 || len(img.Regions) != 2 || img.Metadata["from"] != "second" || c.Restorable().Regions != 2 {
		t.Errorf("the union is %v with regions %v (counted %d) and metadata %v", img.Tags, img.Regions, c.Restorable().Regions, img.Metadata)
	}

	if c.Group(0) == 0 || c.Restorable().WithMetadata != 1 {
		t.Error("the metadata of the second record is not planned for")
	}

	p.settings.ClassificationType = "Multiclass"
	c = p.content()
	if img, _ = c.Image(0, load); len(img.Tags) != 1 || img.Tags[0].TagID != "tag-0" {
		t.Errorf("a multiclass image got the tags %v", img.Tags)
	}
	if len(c.Merged()[0].Dropped) == 0 {
		t.Error("the dropped tag is not reported")
	}
}

func BenchmarkHundredThousandImages(b *testing.B) {
	tags := map[string]func(i int) []int{
		"one of 500 tags": func(i int) []int { return []int{i * 7 % 500} },
		"ten of 500 tags": func(i int) (t []int) {
			for k := range 10 {
				t = append(t, (i*11+k*37)%500)
			}
			return t
		},
	}
	for name, of := range tags {
		b.Run(name, func(b *testing.B) {
			p := project{tags: tagsNamed(500)}
			for i := range 100_000 {
				p.images = append(p.images, image(i, 200_000, of(i)...))
			}
			b.ReportAllocs()
			for b.Loop() {
				c := p.content()
				calls, bound := c.Calls(c.Schedule()).Total(), c.LowerBound()
				b.ReportMetric(float64(calls), "calls")
				b.ReportMetric(float64(calls)/float64(bound), "calls/bound")
			}
		})
	}
}
