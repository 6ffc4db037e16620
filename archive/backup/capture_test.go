package backup_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"cvarchive/archive/backup"
	"cvarchive/archive/progress"
	"cvarchive/manifest"
	"cvarchive/remote/simulator"
)

// sameImage compares a record with what was put in. Regions get their ids
// from the service and are compared without them elsewhere.
var sameImage = cmp.Options{
	cmpopts.EquateEmpty(),
	cmpopts.IgnoreFields(manifest.Image{}, "Blob"),
	cmpopts.IgnoreFields(manifest.ImageTag{}, "TagName"),
	cmpopts.IgnoreFields(manifest.Region{}, "TagName"),
	cmpopts.SortSlices(func(a, b manifest.ImageTag) bool { return a.TagID < b.TagID }),
}

func TestCaptureHoldsWhatWasPutIn(t *testing.T) {
	w := newWorld(t)

	// A classification project: four formats, a negative tag, metadata,
	// untagged images.
	fruit := w.project("Früchte 水果", plainDomain)
	settings := fruit
	settings.Settings.ClassificationType = "Multilabel"
	settings.Settings.ImageProcessingSettings = &manifest.ImageProcessingSettings{AugmentationMethods: map[string]bool{"rotation": false, "flip": true}}
	fruit, err := w.client.UpdateProject(t.Context(), fruit.ID, settings)
	if err != nil {
		t.Fatal(err)
	}
	apple, pear := w.tag(fruit, "äpfel", manifest.TagRegular), w.tag(fruit, "birne", manifest.TagRegular)
	none := w.tag(fruit, "nichts", manifest.TagNegative)
	put := map[string][]stored{}
	for i, format := range []string{"jpg", "png", "bmp", "gif"} {
		put[fruit.ID] = append(put[fruit.ID], w.upload(fruit, manifest.ImageBatch{
			Images:   []manifest.NewImage{{Contents: w.picture(format), TagIDs: []string{apple.ID, pear.ID}}},
			Metadata: map[string]string{"camera": fmt.Sprint("Nr. ", i), "ort": "東京"},
		})...)
	}
	put[fruit.ID] = append(put[fruit.ID], w.fill(fruit, 3, none)...)
	put[fruit.ID] = append(put[fruit.ID], w.fill(fruit, 2)...)

	// A detection project with regions.
	boxes := w.project("boxes", detectionDomain)
	cat := w.tag(boxes, "cat", manifest.TagRegular)
	put[boxes.ID] = w.upload(boxes, manifest.ImageBatch{Images: []manifest.NewImage{
		{Contents: w.picture("jpg"), Regions: []manifest.Region{
			{TagID: cat.ID, Left: "0.1", Top: "0.25", Width: "0.333333343", Height: "0.5"},
			{TagID: cat.ID, Left: "0.5", Top: "0", Width: "0.5", Height: "1"},
		}},
		{Contents: w.picture("png")},
	}})

	empty := w.project("empty", plainDomain)
	untagged := w.project("untagged", plainDomain)
	put[untagged.ID] = w.fill(untagged, 5)

	// A trained project that is larger than two pages.
	large, images := w.trainable("large", compactDomain, 600)
	put[large.ID] = images
	w.train(large)

	res := w.backup()
	if !res.Whole() {
		t.Errorf("the backup is not whole: %v", res.Items)
	}
	m := res.Manifest
	var names []string
	for _, p := range m.Projects {
		names = append(names, p.Name)
		if len(p.Failures) > 0 || p.Outcome != manifest.Complete {
			t.Errorf("project %s is %s: %v", p.Name, p.Outcome, p.Failures)
		}
	}
	if diff := cmp.Diff([]string{"Früchte 水果", "boxes", "empty", "large", "untagged"}, names); diff != "" {
		t.Errorf("projects (-want +got):\n%s", diff)
	}
	domains, err := w.client.Domains(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(domains, m.Domains); diff != "" {
		t.Errorf("domains (-want +got):\n%s", diff)
	}

	for _, p := range []manifest.Project{fruit, boxes, empty, untagged, large} {
		t.Run(p.Name, func(t *testing.T) { w.compare(t, res, p, put[p.ID]) })
	}
	if got := res.Stats.ImagesDownloaded; got != 9+2+5+600 {
		t.Errorf("%d images were downloaded, want 616", got)
	}
	if res.Stats.BytesStored != m.Objects.Bytes || res.Stats.BytesDownloaded != m.Objects.Bytes {
		t.Errorf("stored %d and downloaded %d bytes of %d", res.Stats.BytesStored, res.Stats.BytesDownloaded, m.Objects.Bytes)
	}
	if started := w.messages(progress.ProjectStarted); len(started) != 5 {
		t.Errorf("%d projects were announced, want 5", len(started))
	}
	if n := len(w.messages(progress.ItemDone)); n != 616 {
		t.Errorf("%d items were reported, want 616", n)
	}
}

// compare holds the archive's records of one project against the service and
// against what was uploaded.
func (w *world) compare(t *testing.T, res *backup.Result, p manifest.Project, put []stored) {
	ctx := t.Context()
	got := w.read(res, p.ID)
	project, err := w.client.Project(ctx, p.ID)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(project, got.Project, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("project (-want +got):\n%s", diff)
	}
	tags, err := w.client.Tags(ctx, p.ID, "")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(tags, got.Tags, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("tags (-want +got):\n%s", diff)
	}
	iterations, err := w.client.Iterations(ctx, p.ID)
	if err != nil {
		t.Fatal(err)
	}
	for i := range iterations {
		if iterations[i].Trained() {
			if iterations[i].Performance, err = w.client.IterationPerformance(ctx, p.ID, iterations[i].ID); err != nil {
				t.Fatal(err)
			}
		}
	}
	if diff := cmp.Diff(iterations, got.Iterations, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("iterations (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(ids(put), got.order, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("the images are not those that were put in, oldest first (-want +got):\n%s", diff)
	}
	regions := 0
	for _, want := range put {
		regions += len(want.Regions)
		if diff := cmp.Diff(want.Image, got.images[want.ID], sameImage); diff != "" {
			t.Errorf("image (-want +got):\n%s", diff)
		}
		w.wantBytes(t, *got.images[want.ID].Object, want.bytes)
	}
	for id, img := range got.images {
		if len(img.Tags) > 0 && img.Tags[0].TagName != "" {
			t.Errorf("image %s names the tag %q that tags.json lists", id, img.Tags[0].TagName)
		}
	}
	e := got.Export
	if e.State != manifest.TokenStored || e.Token.IsZero() || e.Expires == "" || e.Requested == "" ||
		e.ImageCount != len(put) || e.TagCount != len(tags) || e.RegionCount != regions {
		t.Errorf("export record %+v does not fit %d images, %d tags, %d regions", e, len(put), len(tags), regions)
	}
	if got.entry.Token.State != manifest.TokenStored || got.entry.DomainID != p.Settings.DomainID || got.entry.Type == "" {
		t.Errorf("entry %+v", got.entry)
	}
}

func (w *world) wantBytes(t *testing.T, o manifest.Object, want []byte) {
	t.Helper()
	r, err := w.vault.OpenObject(t.Context(), o)
	if err != nil {
		t.Error(err)
		return
	}
	defer r.Close()
	if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, want) {
		t.Errorf("object %s holds other bytes than were uploaded (%v)", o.SHA256, err)
	}
}

// Images that were deleted from the workspace live on in the iterations that
// were trained with them.
func TestCaptureKeepsWhatOnlyIterationsHold(t *testing.T) {
	w := newWorld(t)
	p, images := w.trainable("trained", plainDomain, 260)
	first := w.train(p)
	w.remove(p, images[0])
	gone := w.tag(p, "gone", manifest.TagRegular)
	more := w.fill(p, 6, gone)
	second := w.train(p)
	w.remove(p, append(more[:5:5], images[7])...)
	if err := w.client.DeleteTag(t.Context(), p.ID, gone.ID); err != nil {
		t.Fatal(err)
	}

	res := w.backup()
	if !res.Whole() {
		t.Errorf("the backup is not whole: %v", res.Manifest.Projects)
	}
	c := w.read(res, p.ID)
	only := map[string][]string{
		images[0].ID: {first.ID}, images[7].ID: {first.ID, second.ID},
	}
	for _, img := range more[:5] {
		only[img.ID] = []string{second.ID}
	}
	if c.entry.Counts.IterationOnly != len(only) || c.entry.Counts.Images != 260+6 {
		t.Errorf("counts %+v, want 266 images, %d of them in iterations only", c.entry.Counts, len(only))
	}
	for _, img := range slices.Concat(images, more) {
		got := c.images[img.ID]
		if diff := cmp.Diff(only[img.ID], got.Iterations, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("image %s is held by (-want +got):\n%s", img.ID, diff)
		}
		if got.Object == nil || *got.Object != *objectOf(img.bytes) {
			t.Errorf("image %s has object %v", img.ID, got.Object)
		}
	}
	// A tag that tags.json has no more is named where it is used.
	if tags := c.images[more[0].ID].Tags; len(tags) != 1 || tags[0].TagName != "gone" {
		t.Errorf("an image of a deleted tag has tags %+v", tags)
	}
}

func TestCaptureTakesExistingModels(t *testing.T) {
	w := newWorld(t)
	p, _ := w.trainable("models", compactDomain, 10)
	it := w.train(p)
	for _, m := range [][2]string{{"ONNX", ""}, {"TensorFlow", "TensorFlowLite"}} {
		if _, err := w.client.ExportIteration(t.Context(), p.ID, it.ID, m[0], m[1]); err != nil {
			t.Fatal(err)
		}
	}
	res := w.backup()
	if !res.Whole() || res.Stats.ModelsDownloaded != 2 {
		t.Errorf("whole: %v, stats %+v", res.Whole(), res.Stats)
	}
	models := w.read(res, p.ID).Iterations[0].Models
	exports, err := w.client.ModelExports(t.Context(), p.ID, it.ID)
	if err != nil || len(models) != 2 {
		t.Fatalf("models %v, %v", models, err)
	}
	for i, m := range models {
		r, _, err := w.client.Download(t.Context(), p.ID, exports[i].DownloadURI, 0)
		if err != nil {
			t.Fatal(err)
		}
		want, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		if m.Platform != exports[i].Platform || m.Flavor != exports[i].Flavor {
			t.Errorf("model %d is %s %s", i, m.Platform, m.Flavor)
		}
		w.wantBytes(t, *m.Object, want)
	}

	// Unchanged, they are not downloaded again; lost or exported anew, they are.
	again := w.backup()
	if s := again.Stats; s.ModelsReused != 2 || s.ModelsDownloaded != 0 || !cmp.Equal(w.read(again, p.ID).Iterations[0].Models, models) {
		t.Errorf("stats %+v", s)
	}
	if err := w.store.Delete(t.Context(), w.vault.ObjectName(*models[0].Object)); err != nil {
		t.Fatal(err)
	}
	if s := w.backup().Stats; s.ModelsReused != 1 || s.ModelsDownloaded != 1 {
		t.Errorf("with one lost: stats %+v", s)
	}
	w.inject(simulator.Fault{Operation: "GetExports", Status: 200, Header: http.Header{"Content-Type": {"application/json"}}, Body: newerModels(t, exports)})
	if s := w.backup().Stats; s.ModelsReused != 1 || s.ModelsDownloaded != 1 {
		t.Errorf("with a newer version of one: stats %+v", s)
	}

	w.resource().ResetCalls()
	res = w.backup(func(o *backup.Options) { o.NoModels = true })
	if _, calls := w.calls(); calls["GetExports"] != 0 || len(w.read(res, p.ID).Iterations[0].Models) != 0 {
		t.Error("models were asked for against the options")
	}
}

// newerModels is a list of exports of which the first has a newer version.
func newerModels(t *testing.T, exports []manifest.ModelExport) string {
	t.Helper()
	var list []map[string]any
	for i, e := range exports {
		list = append(list, map[string]any{
			"platform": e.Platform, "flavor": e.Flavor, "status": e.Status,
			"downloadUri": e.DownloadURI.Reveal(), "newerVersionAvailable": i == 0,
		})
	}
	text, err := json.Marshal(list)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestMetadataOnly(t *testing.T) {
	w := newWorld(t)
	p, images := w.trainable("inventory", compactDomain, 12)
	it := w.train(p)
	if _, err := w.client.ExportIteration(t.Context(), p.ID, it.ID, "ONNX", ""); err != nil {
		t.Fatal(err)
	}
	res := w.backup(func(o *backup.Options) { o.MetadataOnly = true })
	if requests, _ := w.resource().BlobReads(); requests != 0 || w.store.Creates.Load() != 2 { // the marker and the archive
		t.Errorf("%d blobs were read and %d files written", requests, w.store.Creates.Load())
	}
	c := w.read(res, p.ID)
	if !res.Whole() || !res.Manifest.Capture.MetadataOnly || c.Export.Token.IsZero() || len(c.images) != len(images) {
		t.Errorf("whole %v, capture %+v, %d images", res.Whole(), res.Manifest.Capture, len(c.images))
	}
	img := c.images[images[0].ID]
	if img.Object != nil || img.Failure != nil || img.Blob != "" || len(img.Tags) != 1 {
		t.Errorf("image %+v", img)
	}
	if m := c.Iterations[0].Models; len(m) != 1 || m[0].Object != nil || m[0].Failure != nil {
		t.Errorf("models %+v", m)
	}
}

// Pages are listed ahead: no download of the first page ends before the
// second page was asked for.
func TestListingAndDownloadsOverlap(t *testing.T) {
	w := newWorld(t)
	w.fill(w.project("p", plainDomain), 300)
	ahead := make(chan struct{})
	w.inject(simulator.Fault{Operation: "GetImages", After: 1, Do: func() { close(ahead) }})
	w.inject(simulator.Fault{Operation: simulator.BlobOperation, Do: func() {
		select {
		case <-ahead:
		case <-time.After(10 * time.Second):
			t.Error("the second page waits for the downloads of the first")
		}
	}})
	if res := w.backup(func(o *backup.Options) { o.Downloads = 1 }); !res.Whole() {
		t.Errorf("items %v", res.Items)
	}
}

func TestChosenProjects(t *testing.T) {
	w := newWorld(t)
	a, b := w.project("a", plainDomain), w.project("b", plainDomain)
	w.project("c", plainDomain)
	res := w.backup(func(o *backup.Options) { o.Projects = []string{"b", strings.ToUpper(a.ID), b.ID} })
	var got []string
	for _, p := range res.Manifest.Projects {
		got = append(got, p.ID)
	}
	if diff := cmp.Diff([]string{a.ID, b.ID}, got); diff != "" {
		t.Errorf("projects (-want +got):\n%s", diff)
	}
}

func TestNothingToCapture(t *testing.T) {
	w := newWorld(t)
	res := w.backup()
	if !res.Whole() || len(res.Manifest.Projects) != 0 {
		t.Errorf("an empty account gives %+v", res.Manifest)
	}
	if archives, err := w.vault.Archives(t.Context()); err != nil || len(archives) != 1 || archives[0].Name != res.Archive.Name {
		t.Errorf("the vault has %v, %v", archives, err)
	}
}

func TestNoTokens(t *testing.T) {
	w := newWorld(t)
	p := w.project("p", plainDomain)
	res := w.backup(func(o *backup.Options) { o.NoTokens = true })
	e := w.read(res, p.ID).Export
	if e.State != manifest.TokenOmitted || !e.Token.IsZero() || e.Requested == "" || !res.Whole() {
		t.Errorf("export %+v, whole %v", e, res.Whole())
	}
}

// A credential without the right to export still gets everything else.
func TestExportRefused(t *testing.T) {
	w := newWorld(t)
	w.resource().SetNoExport(true)
	p := w.project("p", plainDomain)
	images := w.fill(p, 3)

	res := w.backup()
	c := w.read(res, p.ID)
	if res.Whole() || c.entry.Outcome != manifest.Partial || c.entry.Token.State != manifest.TokenNone || c.Export.Failure == nil {
		t.Errorf("whole %v, entry %+v, export %+v", res.Whole(), c.entry, c.Export)
	}
	if len(c.entry.Failures) != 1 || !strings.Contains(c.entry.Failures[0].Message, "may not export") {
		t.Errorf("failures %+v", c.entry.Failures)
	}
	if diff := cmp.Diff(ids(images), c.order); diff != "" {
		t.Errorf("images (-want +got):\n%s", diff)
	}

	// Who asked for no token misses nothing.
	if res := w.backup(func(o *backup.Options) { o.NoTokens = true }); !res.Whole() {
		t.Errorf("failures %+v", res.Manifest.Projects[0].Failures)
	}
}

func TestExportWhileTraining(t *testing.T) {
	w := newWorld(t)
	w.resource().Inject(fault("ExportProject", 400, `{"code":"BadRequestExportWhileTraining","message":"Training."}`))
	p := w.project("p", plainDomain)
	w.fill(p, 3)
	res := w.backup()
	c := w.read(res, p.ID)
	if len(c.entry.Failures) != 1 || c.entry.Failures[0].Code != "BadRequestExportWhileTraining" ||
		!strings.Contains(c.entry.Failures[0].Message, "being trained") || c.entry.Counts.Images != 3 {
		t.Errorf("entry %+v", c.entry)
	}
}

// Behind a virtual network every link is a path for GetArtifact.
func TestVirtualNetwork(t *testing.T) {
	w := newWorld(t, virtualNetwork)
	p := w.project("p", plainDomain)
	images := w.fill(p, 3)
	res := w.backup()
	if _, calls := w.calls(); calls["GetArtifact"] != 3 || !res.Whole() {
		t.Errorf("calls %v, items %v", calls, res.Items)
	}
	c := w.read(res, p.ID)
	for _, img := range images {
		w.wantBytes(t, *c.images[img.ID].Object, img.bytes)
	}
}
