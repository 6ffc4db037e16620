package backup_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cvarchive/archive/progress"
	"cvarchive/manifest"
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
	w.inject(simulator.Fault{Operation: "GetImages", Times: -1, Do: func() {
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
	w.inject(simulator.Fault{Operation: "GetImages", After: 2, Times: 3, Status: 500, Body: `{"code":"ErrorUnknown","message":"Broken."}`})
	c := w.read(w.backup(), p.ID)
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
