package backup_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"cvarchive/archive/backup"
	"cvarchive/archive/progress"
	"cvarchive/manifest"
	"cvarchive/remote/customvision"
	"cvarchive/remote/simulator"
)

// The project changes between two pages of its listing, once: it is listed
// again, and the archive holds the state afterwards.
func TestListMovesOnce(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(w *world, p manifest.Project, images []stored) []stored // returns what is there afterwards
	}{
		{"image deleted", func(w *world, p manifest.Project, images []stored) []stored {
			w.remove(p, images[3])
			return slices.Delete(images, 3, 4)
		}},
		{"image added", func(w *world, p manifest.Project, images []stored) []stored {
			return append(images, w.fill(p, 1)...)
		}},
		// The count is the same afterwards: only the overlap of the pages
		// shows that an image slipped to the page that was read before.
		{"image deleted and another added", func(w *world, p manifest.Project, images []stored) []stored {
			w.remove(p, images[3])
			return append(slices.Delete(images, 3, 4), w.fill(p, 1)...)
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			p := w.project("p", plainDomain)
			images := w.fill(p, 300)
			w.inject(simulator.Fault{Operation: "GetImages", After: 1, Do: func() { images = tt.change(w, p, images) }})
			w.resource().ResetCalls()
			res := w.backup()

			c := w.read(res, p.ID)
			if diff := cmp.Diff(ids(images), c.order); diff != "" {
				t.Errorf("images (-want +got):\n%s", diff)
			}
			if !res.Whole() || c.Export.ImageCount != len(images) {
				t.Errorf("entry %+v, export %+v", c.entry, c.Export)
			}
			if _, calls := w.calls(); calls["GetImages"] > 4 || calls["ExportProject"] != 2 {
				t.Errorf("calls %v", calls)
			}
			if blobs, _ := w.resource().BlobReads(); blobs > 301 {
				t.Errorf("%d blobs were read", blobs)
			}
			if w := w.messages(progress.Warning); len(w) != 1 || !strings.Contains(w[0], "changed while it was listed") {
				t.Errorf("warnings %q", w)
			}
		})
	}
}

// The project changes under every listing: the archive says so, and loses no
// image that is still there.
func TestListMovesAlways(t *testing.T) {
	w := newWorld(t)
	p := w.project("p", plainDomain)
	images := w.fill(p, 300)
	var pages sync.Mutex // they are asked for at once
	w.inject(simulator.Fault{Operation: "GetImages", Times: -1, Do: func() {
		pages.Lock()
		defer pages.Unlock()
		w.remove(p, images[0])
		images = append(images[1:], w.fill(p, 1)...)
	}})
	res := w.backup()
	c := w.read(res, p.ID)
	if res.Whole() || !slices.ContainsFunc(c.entry.Failures, func(f manifest.Failure) bool { return f.Code == "Moved" }) {
		t.Errorf("entry %+v", c.entry)
	}
	// The last one may have been added after the list was read.
	for _, img := range images[:299] {
		if _, there := c.images[img.ID]; !there {
			t.Errorf("image %s is missing", img.ID)
		}
	}
	if _, calls := w.calls(); calls["ExportProject"] != 3 {
		t.Errorf("calls %v", calls)
	}
}

// A second listing that breaks off does not lose what the first one showed.
func TestSecondListingBreaks(t *testing.T) {
	w := newWorld(t)
	p := w.project("p", plainDomain)
	images := w.fill(p, 300)
	w.inject(simulator.Fault{Operation: "GetImages", After: 1, Do: func() { w.remove(p, images[3]) }})
	src := &broken{Client: w.client, page: func(call int64, _ manifest.ImageQuery) bool { return call > 2 }}
	res, err := backup.Run(t.Context(), src, w.vault, w.options())
	if err != nil {
		t.Fatal(err)
	}
	c := w.read(res, p.ID)
	if diff := cmp.Diff([]string{"images ErrorUnknown"}, failureCodes(c.entry.Failures)); diff != "" {
		t.Errorf("failures (-want +got):\n%s", diff)
	}
	for _, img := range slices.Delete(images, 3, 4) {
		if c.images[img.ID].Object == nil {
			t.Errorf("image %s is missing", img.ID)
		}
	}
	if len(c.images) != 299 {
		t.Errorf("%d images, want 299", len(c.images))
	}
}

// Where the service's own numbers never agree, listing is not repeated for
// ever, and both numbers are kept.
func TestCountsThatNeverAgree(t *testing.T) {
	w := newWorld(t)
	p := w.project("p", plainDomain)
	w.fill(p, 3)
	w.inject(simulator.Fault{
		Operation: "ExportProject", Status: 200, Times: -1,
		Body: `{"iterationCount":0,"imageCount":5,"tagCount":1,"regionCount":0,"token":"http://127.0.0.1/x?se=2030-01-01T00:00:00Z&sig=x"}`,
	})
	res := w.backup()
	c := w.read(res, p.ID)
	if diff := cmp.Diff([]string{"images CountDiffers", "tags CountDiffers"}, failureCodes(c.entry.Failures)); diff != "" {
		t.Errorf("failures (-want +got):\n%s", diff)
	}
	if m := c.entry.Failures[0].Message; !strings.Contains(m, "counted 5") || !strings.Contains(m, "has 3") {
		t.Errorf("message %q", m)
	}
	if _, calls := w.calls(); calls["ExportProject"] != 2 || res.Whole() {
		t.Errorf("calls %v", calls)
	}
}

// A tag is taken off two images between two pages, one of each page: no count
// of images tells, but those of the tags do.
func TestTagsMoveWhileListed(t *testing.T) {
	w := newWorld(t)
	p := w.project("p", plainDomain)
	tag := w.tag(p, "a", manifest.TagRegular)
	images := w.fill(p, 300, tag)
	w.inject(simulator.Fault{Operation: "GetImages", After: 1, Do: func() {
		if err := w.client.DeleteImageTags(t.Context(), p.ID, []string{images[3].ID, images[290].ID}, []string{tag.ID}); err != nil {
			t.Error(err)
		}
	}})
	res := w.backup()
	c := w.read(res, p.ID)
	for i, img := range images {
		want := 1
		if i == 3 || i == 290 {
			want = 0
		}
		if got := len(c.images[img.ID].Tags); got != want {
			t.Errorf("image %d has %d tags, want %d", i, got, want)
		}
	}
	if !res.Whole() {
		t.Errorf("entry %+v", c.entry)
	}
}

// Counts of a tag that never agree do not make an archive that is not whole:
// two listings that are equal are a state of the project.
func TestTagCountsThatNeverAgree(t *testing.T) {
	w := newWorld(t)
	p := w.project("p", plainDomain)
	tag := w.tag(p, "a", manifest.TagRegular)
	w.fill(p, 3, tag)
	w.inject(simulator.Fault{
		Operation: "GetTags", Status: 200, Times: -1,
		Body: `[{"id":"` + tag.ID + `","name":"a","description":"","type":"Regular","imageCount":5}]`,
	})
	res := w.backup()
	if _, calls := w.calls(); !res.Whole() || calls["ExportProject"] != 2 {
		t.Errorf("whole %v, calls %v", res.Whole(), calls)
	}
}

// trades are changes of a project of more than a page that no count shows:
// two images of the first page and two of the last change together.
var trades = []struct {
	name   string
	domain string
	fill   func(w *world, p manifest.Project) []stored
	trade  func(w *world, p manifest.Project, images []manifest.Image) error
}{
	{
		"tags", plainDomain,
		func(w *world, p manifest.Project) []stored {
			a, b := w.tag(p, "a", manifest.TagRegular), w.tag(p, "b", manifest.TagRegular)
			return slices.Concat(w.fill(p, 150, a), w.fill(p, 108, b), w.fill(p, 4, a))
		},
		// Within each page, one gains what the other loses.
		func(w *world, p manifest.Project, images []manifest.Image) error {
			ctx, a, b := w.t.Context(), images[0].Tags[0].TagID, images[1].Tags[0].TagID
			change := func(img manifest.Image, from, to string) error {
				_, err := w.client.CreateImageTags(ctx, p.ID, []manifest.ImageTagEntry{{ImageID: img.ID, TagID: to}})
				return errors.Join(err, w.client.DeleteImageTags(ctx, p.ID, []string{img.ID}, []string{from}))
			}
			return errors.Join(change(images[0], a, b), change(images[1], b, a), change(images[2], b, a), change(images[3], a, b))
		},
	},
	{
		"a region each", detectionDomain,
		func(w *world, p manifest.Project) []stored {
			tag := w.tag(p, "a", manifest.TagRegular)
			images := w.fill(p, 262)
			for chunk := range slices.Chunk(images, manifest.MaxBatch) {
				var boxes []manifest.ImageRegionEntry
				for _, img := range chunk {
					boxes = append(boxes, manifest.ImageRegionEntry{ImageID: img.ID, Region: manifest.Region{TagID: tag.ID, Left: "0.1", Top: "0.1", Width: "0.5", Height: "0.5"}})
				}
				if _, err := w.client.CreateImageRegions(w.t.Context(), p.ID, boxes); err != nil {
					w.t.Fatal(err)
				}
			}
			return images
		},
		func(w *world, p manifest.Project, images []manifest.Image) error {
			var moved []manifest.ImageRegionEntry
			var old []string
			for _, img := range images {
				r := img.Regions[0]
				old = append(old, r.ID)
				r.Top, r.Left = r.Left, "0.25"
				moved = append(moved, manifest.ImageRegionEntry{ImageID: img.ID, Region: r})
			}
			_, err := w.client.CreateImageRegions(w.t.Context(), p.ID, moved)
			return errors.Join(err, w.client.DeleteImageRegions(w.t.Context(), p.ID, old))
		},
	},
	{
		"metadata", plainDomain,
		func(w *world, p manifest.Project) []stored { return w.fill(p, 262) },
		func(w *world, p manifest.Project, images []manifest.Image) error {
			metadata := map[string]string{"looked at": images[0].Metadata["looked at"] + " again"}
			results, err := w.client.UpdateImageMetadata(w.t.Context(), p.ID, []string{images[0].ID, images[3].ID}, metadata)
			if err == nil && len(results) != 2 {
				err = fmt.Errorf("results %+v", results)
			}
			return err
		},
	},
}

// still is a service that never moves lastModified.
type still struct{ backup.Source }

func (s still) Projects(ctx context.Context) ([]manifest.Project, error) {
	all, err := s.Source.Projects(ctx)
	for i := range all {
		all[i].LastModified = all[i].Created
	}
	return all, err
}

func (s still) Project(ctx context.Context, id string) (manifest.Project, error) {
	p, err := s.Source.Project(ctx, id)
	p.LastModified = p.Created
	return p, err
}

// Images of different pages change, between one page and the other, in ways
// that show in no count: the archive holds what is there afterwards, whether
// lastModified tells or, where it does not, the next listings.
func TestCountsThatHideAChange(t *testing.T) {
	for _, tt := range trades {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			p := w.project("p", tt.domain)
			images := tt.fill(w, p)
			traded := []string{images[0].ID, images[200].ID, images[256].ID, images[260].ID}
			for _, way := range []struct {
				source backup.Source
				twice  bool
				listed int // times at most: pages are asked for at once, and both may come after the trade
			}{{w.client, false, 2}, {still{w.client}, true, 3}} {
				w.inject(simulator.Fault{Operation: "GetImages", After: 1, Do: func() {
					if err := tt.trade(w, p, w.live(p, traded...)); err != nil {
						t.Error(err)
					}
				}})
				w.resource().ResetCalls()
				res, err := backup.Run(t.Context(), way.source, w.vault, w.options(func(o *backup.Options) { o.ListTwice = way.twice }))
				if err != nil {
					t.Fatal(err)
				}
				_, calls := w.calls()
				c := w.read(res, p.ID)
				for _, live := range w.live(p, traded...) {
					if diff := cmp.Diff(unnamed(live), bare(c.images[live.ID])); diff != "" {
						t.Errorf("%T: image %s (-live +archived):\n%s", way.source, live.ID, diff)
					}
				}
				if !res.Whole() || len(c.images) != len(images) || calls["ExportProject"] < 2 || calls["ExportProject"] > way.listed {
					t.Errorf("%T: entry %+v, calls %v", way.source, c.entry, calls)
				}
			}
		})
	}
}

// live asks for images as they are now.
func (w *world) live(p manifest.Project, ids ...string) (list []manifest.Image) {
	w.t.Helper()
	images, err := w.client.ImagesByIDs(context.Background(), p.ID, "", ids)
	if err != nil || len(images) != len(ids) {
		w.t.Fatalf("%d images, %v", len(images), err)
	}
	for _, img := range images {
		list = append(list, img.Image)
	}
	return list
}

// unnamed and bare bring a live and an archived image to the same form.
func unnamed(img manifest.Image) manifest.Image {
	for i := range img.Tags {
		img.Tags[i].TagName = ""
	}
	for i := range img.Regions {
		img.Regions[i].TagName = ""
	}
	return bare(img)
}

func bare(img manifest.Image) manifest.Image {
	img.Object, img.Blob = nil, ""
	return img
}

// A service whose lastModified is older than what it says was put on images
// is not believed, and what it lists is listed twice.
func TestLastModifiedThatDoesNotTell(t *testing.T) {
	w := newWorld(t)
	p := w.project("p", plainDomain)
	w.sim.Service.Advance(time.Hour)
	tag := w.tag(p, "a", manifest.TagRegular)
	w.fill(p, 257, tag)
	w.fill(w.project("small", plainDomain), 3)
	w.resource().ResetCalls()
	res, err := backup.Run(t.Context(), still{w.client}, w.vault, w.options())
	if err != nil || !res.Whole() {
		t.Fatal(res, err)
	}
	if _, calls := w.calls(); calls["GetImages"] != 2*2+1 || calls["GetProject"] != 2 {
		t.Errorf("calls %v", calls)
	}
	if m := w.messages(progress.Warning); len(m) != 1 || !strings.Contains(m[0], "does not tell of every change") {
		t.Errorf("warnings %q", m)
	}
}

// A change that lastModified does not tell of, and that shows otherwise, is
// enough not to believe it any more.
func TestLastModifiedThatMissesAChange(t *testing.T) {
	w := newWorld(t)
	p := w.project("p", plainDomain)
	images := w.fill(p, 300)
	w.inject(simulator.Fault{Operation: "GetImages", After: 1, Do: func() { w.remove(p, images[3]) }})
	w.resource().ResetCalls()
	res, err := backup.Run(t.Context(), still{w.client}, w.vault, w.options())
	if err != nil || !res.Whole() {
		t.Fatal(res, err)
	}
	if _, calls := w.calls(); calls["ExportProject"] != 3 || len(w.read(res, p.ID).images) != 299 {
		t.Errorf("calls %v", calls)
	}
}

// A project that cannot be asked for again is listed twice instead.
func TestProjectThatCannotBeAskedAgain(t *testing.T) {
	w := newWorld(t)
	w.fill(w.project("p", plainDomain), 257)
	w.inject(simulator.Fault{Operation: "GetProject", Times: -1, Status: 400, Body: `{"code":"BadRequest","message":"No."}`})
	w.resource().ResetCalls()
	if _, calls := w.calls(); !w.backup().Whole() || calls["GetProject"] != 0 {
		t.Errorf("calls %v", calls)
	}
	if _, calls := w.calls(); calls["GetImages"] != 4 {
		t.Errorf("calls %v", calls)
	}
}

// --list-twice costs the listing once more, and downloads nothing more.
func TestListTwice(t *testing.T) {
	w := newWorld(t)
	w.fill(w.project("p", plainDomain), 257)
	w.fill(w.project("q", plainDomain), 3)
	w.resource().ResetCalls()
	if res := w.backup(func(o *backup.Options) { o.ListTwice = true }); !res.Whole() || res.Stats.ImagesDownloaded != 260 {
		t.Errorf("result %+v", res)
	}
	least := backup.MinCalls(backup.Size{Images: 257, MayExport: true}, backup.Size{Images: 3, MayExport: true})
	if n, calls := w.calls(); n != 2+2*(least-2) {
		t.Errorf("%d calls, want %d: %v", n, 2+2*(least-2), calls)
	}
	if m := w.messages(progress.Warning); len(m) != 0 {
		t.Errorf("warnings %q", m)
	}
}

// A tag gets another name while the only page is listed: the images give the
// new one, the list of tags that came before has the old one.
func TestTagRenamedWhileListed(t *testing.T) {
	w := newWorld(t)
	p := w.project("p", plainDomain)
	tag := w.tag(p, "a", manifest.TagRegular)
	w.fill(p, 3, tag)
	w.inject(simulator.Fault{Operation: "GetImages", Do: func() {
		tag.Name = "b"
		if _, err := w.client.UpdateTag(t.Context(), p.ID, tag); err != nil {
			t.Error(err)
		}
	}})
	res := w.backup()
	c := w.read(res, p.ID)
	if !res.Whole() || c.Tags[0].Name != "b" {
		t.Errorf("entry %+v, tags %+v", c.entry, c.Tags)
	}
}

// Images are deleted from an iteration between two of its pages: no other is
// passed over, and what is gone is not archived.
func TestIterationMovesWhileListed(t *testing.T) {
	w := newWorld(t)
	p, images := w.trainable("p", plainDomain, 262)
	w.train(p)
	w.remove(p, images[:255]...)
	gone := []string{images[3].ID, images[254].ID}
	w.inject(simulator.Fault{Operation: "GetImages", After: 2, Do: func() {
		if err := w.client.DeleteImages(t.Context(), p.ID, customvision.ImageDeletion{IDs: gone, AllIterations: true}); err != nil {
			t.Error(err)
		}
	}})
	res := w.backup()
	c := w.read(res, p.ID)
	for _, img := range images {
		_, there := c.images[img.ID]
		if want := !slices.Contains(gone, img.ID); there != want {
			t.Errorf("image %s is there: %v, want %v", img.ID, there, want)
		}
	}
	if m := w.messages(progress.Warning); !res.Whole() || len(m) != 1 || !strings.Contains(m[0], "listed again") {
		t.Errorf("entry %+v, warnings %q", c.entry, m)
	}
}
