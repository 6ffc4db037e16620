package customvision

import (
	"bytes"
	"errors"
	imaging "image"
	"image/color"
	"image/png"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"cvarchive/manifest"
	"cvarchive/remote/simulator"
	"cvarchive/remote/simulator/simtest"
)

// picture is a small PNG that differs by n.
func picture(t *testing.T, n int) []byte {
	t.Helper()
	img := imaging.NewGray(imaging.Rect(0, 0, 300, 280))
	for i := range img.Pix {
		img.Pix[i] = uint8(i * (n + 1) / 7)
	}
	img.SetGray(n, n, color.Gray{Y: 255})
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// must returns the result of a call that may not fail.
func must[T any](t *testing.T) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// session drives one simulated resource.
type session struct {
	t       *testing.T
	sim     *simtest.Server
	c       *Client
	project manifest.Project
	tag     manifest.Tag
}

func start(t *testing.T) *session {
	sim := simtest.Start(t, simulator.Options{})
	s := &session{t: t, sim: sim, c: dialSim(t, sim, "westeurope")}
	domains := must[[]manifest.Domain](t)(s.c.Domains(t.Context()))
	i := slices.IndexFunc(domains, func(d manifest.Domain) bool { return d.Type == manifest.ObjectDetection && d.Exportable })
	if i < 0 {
		t.Fatal("there is no exportable detection domain")
	}
	d := must[manifest.Domain](t)(s.c.Domain(t.Context(), domains[i].ID))
	s.project = must[manifest.Project](t)(s.c.CreateProject(t.Context(), manifest.NewProject{Name: "Bäume & co", Description: "a+b c", DomainID: d.ID}))
	s.tag = must[manifest.Tag](t)(s.c.CreateTag(t.Context(), s.project.ID, manifest.Tag{Name: "größer 100%", Type: manifest.TagRegular}))
	return s
}

func dialSim(t *testing.T, sim *simtest.Server, resource string) *Client {
	o := fast(sim.Endpoint(resource))
	o.Name, o.TrainingKey = resource, manifest.NewSecret(sim.Key(resource))
	return dial(t, o)
}

// wait lets the simulator's time pass.
func (s *session) wait() { s.sim.Service.Advance(time.Hour / 2) }

// Every operation of the client against the service of our own.
func TestEveryOperationAgainstTheSimulator(t *testing.T) {
	s := start(t)
	s.settings()
	images := s.images()
	s.labels(images)
	s.downloads(images)
	s.training()
	s.transfer()
	s.removal(images)

	calls := s.sim.Resource("westeurope").Calls()
	for _, op := range []string{
		"GetDomains", "GetDomain", "GetProjects", "GetProject", "CreateProject", "UpdateProject", "DeleteProject", "ExportProject",
		"GetImages", "GetTaggedImages", "GetUntaggedImages", "GetImagesByIds", "GetImageCount", "GetTaggedImageCount", "GetUntaggedImageCount",
		"CreateImagesFromFiles", "CreateImagesFromUrls", "CreateImagesFromData", "DeleteImages", "UpdateImageMetadata",
		"GetTags", "CreateTag", "UpdateTag", "DeleteTag", "CreateImageTags", "DeleteImageTags", "CreateImageRegions", "DeleteImageRegions",
		"GetIterations", "GetIteration", "UpdateIteration", "DeleteIteration", "GetIterationPerformance", "GetExports", "ExportIteration",
		"TrainProject", "PublishIteration", "UnpublishIteration", "GetArtifact",
	} {
		if calls[op] == 0 {
			t.Errorf("%s was not called", op)
		}
	}
	if n := s.sim.Resource("northeurope").Calls()["ImportProject"]; n != 2 { // a good token and a wrong one
		t.Errorf("ImportProject was called %d times", n)
	}
}

func (s *session) settings() {
	t, ctx := s.t, s.t.Context()
	s.project.Description = "changed"
	updated := must[manifest.Project](t)(s.c.UpdateProject(ctx, s.project.ID, s.project))
	read := must[manifest.Project](t)(s.c.Project(ctx, s.project.ID))
	if updated.Description != "changed" || diff(updated, read) != "" || read.Name != "Bäume & co" {
		t.Errorf("updated %+v, read %+v", updated, read)
	}
	if all := must[[]manifest.Project](t)(s.c.Projects(ctx)); len(all) != 1 || diff(all[0], read) != "" {
		t.Errorf("projects %+v", all)
	}
	s.tag.Description = "d"
	must[manifest.Tag](t)(s.c.UpdateTag(ctx, s.project.ID, s.tag))
	if tags := must[[]manifest.Tag](t)(s.c.Tags(ctx, s.project.ID, "")); len(tags) != 1 || tags[0].Name != "größer 100%" || tags[0].Description != "d" {
		t.Errorf("tags %+v", tags)
	}
}

func (s *session) images() []manifest.ListedImage {
	t, ctx, id := s.t, s.t.Context(), s.project.ID
	boxes := manifest.Region{TagID: s.tag.ID, Left: "0.25", Top: "0.125", Width: "0.5", Height: "0.0625"}
	batch := manifest.ImageBatch{Metadata: map[string]string{"camera": "ä"}}
	for n := range 16 {
		batch.Images = append(batch.Images, manifest.NewImage{Name: string(rune('a'+n)) + ".png", Contents: picture(t, n), Regions: []manifest.Region{boxes}})
	}
	if sum := must[manifest.ImageCreateSummary](t)(s.c.CreateImagesFromFiles(ctx, id, batch)); !sum.IsBatchSuccessful || len(sum.Images) != 16 {
		t.Errorf("files: %+v", sum)
	}
	again := must[manifest.ImageCreateSummary](t)(s.c.CreateImagesFromFiles(ctx, id, batch))
	if again.Images[0].Status != manifest.ImageOKDuplicate {
		t.Errorf("the same again: %+v", again.Images[0])
	}
	must[manifest.ImageCreateSummary](t)(s.c.CreateImagesFromData(ctx, id, manifest.ImageBatch{Images: []manifest.NewImage{{Name: "form.png", Contents: picture(t, 20)}}}))
	listed := must[[]manifest.ListedImage](t)(s.c.Images(ctx, id, manifest.ImageQuery{}))
	first := must[[]manifest.ListedImage](t)(s.c.Images(ctx, id, manifest.ImageQuery{Skip: 1, Take: 2}))
	if len(listed) != 17 || len(first) != 2 || first[0].ID != listed[1].ID {
		t.Fatalf("%d images, then %d", len(listed), len(first))
	}
	i := slices.IndexFunc(listed, func(i manifest.ListedImage) bool { return len(i.Regions) == 1 })
	if r := listed[i].Regions[0]; r.Left != "0.25" || r.Height != "0.0625" || listed[i].Metadata["camera"] != "ä" || r.ID == "" {
		t.Errorf("%+v", listed[i])
	}
	if n := must[int](t)(s.c.ImageCount(ctx, id, "")); n != 17 {
		t.Errorf("%d images", n)
	}
	tagged, untagged := must[int](t)(s.c.TaggedImageCount(ctx, id, "")), must[int](t)(s.c.UntaggedImageCount(ctx, id, ""))
	if tagged != 16 || untagged != 1 ||
		len(must[[]manifest.ListedImage](t)(s.c.TaggedImages(ctx, id, manifest.ImageQuery{}))) != 16 ||
		len(must[[]manifest.ListedImage](t)(s.c.UntaggedImages(ctx, id, manifest.ImageQuery{}))) != 1 {
		t.Errorf("%d tagged, %d untagged", tagged, untagged)
	}
	return listed
}

func (s *session) labels(images []manifest.ListedImage) {
	t, ctx, id := s.t, s.t.Context(), s.project.ID
	bare := images[slices.IndexFunc(images, func(i manifest.ListedImage) bool { return len(i.Regions) == 0 })].ID
	entry := manifest.ImageRegionEntry{ImageID: bare, Region: manifest.Region{TagID: s.tag.ID, Left: "0.1", Top: "0.2", Width: "0.3", Height: "0.4"}}
	sum := must[manifest.RegionSummary](t)(s.c.CreateImageRegions(ctx, id, []manifest.ImageRegionEntry{entry}))
	if len(sum.Created) != 1 || sum.Created[0].ImageID != bare || sum.Created[0].Region.Left != "0.1" {
		t.Fatalf("%+v", sum)
	}
	ok(t, s.c.DeleteImageRegions(ctx, id, []string{sum.Created[0].Region.ID}))
	results := must[[]manifest.MetadataResult](t)(s.c.UpdateImageMetadata(ctx, id, []string{bare}, map[string]string{"k": "v"}))
	if len(results) != 1 || results[0].ImageID != bare || results[0].Status != manifest.ImageOK {
		t.Errorf("%+v", results)
	}
	byID := must[[]manifest.ListedImage](t)(s.c.ImagesByIDs(ctx, id, "", []string{bare}))
	if len(byID) != 1 || byID[0].Metadata["k"] != "v" || len(byID[0].Regions) != 0 {
		t.Errorf("%+v", byID)
	}
	second := must[manifest.Tag](t)(s.c.CreateTag(ctx, id, manifest.Tag{Name: "gone soon"}))
	tagging := []manifest.ImageTagEntry{{ImageID: bare, TagID: second.ID}}
	if sum := must[manifest.TagSummary](t)(s.c.CreateImageTags(ctx, id, tagging)); len(sum.Created) != 1 {
		t.Errorf("%+v", sum)
	}
	ok(t, s.c.DeleteImageTags(ctx, id, []string{bare}, []string{second.ID}))
	ok(t, s.c.DeleteTag(ctx, id, second.ID))
}

func (s *session) downloads(images []manifest.ListedImage) {
	t, ctx, id := s.t, s.t.Context(), s.project.ID
	img := images[0]
	body, size, err := s.c.Download(ctx, id, img.OriginalURI, 0)
	ok(t, err)
	whole := must[[]byte](t)(io.ReadAll(body))
	ok(t, body.Close())
	rest, restSize, err := s.c.Download(ctx, id, img.OriginalURI, 100)
	ok(t, err)
	tail := must[[]byte](t)(io.ReadAll(rest))
	ok(t, rest.Close())
	if size != int64(len(whole)) || restSize != size || !bytes.Equal(tail, whole[100:]) {
		t.Errorf("%d bytes of %d, then %d of %d", len(whole), size, len(tail), restSize)
	}
	_, path, _ := strings.Cut(img.OriginalURI.Reveal(), "/blob/")
	path, _, _ = strings.Cut(path, "?")
	artifact, _, err := s.c.Artifact(ctx, id, path)
	ok(t, err)
	if got := must[[]byte](t)(io.ReadAll(artifact)); !bytes.Equal(got, whole) {
		t.Errorf("the artifact has %d bytes, the blob %d", len(got), len(whole))
	}
	ok(t, artifact.Close())

	copied := must[manifest.Project](t)(s.c.CreateProject(ctx, manifest.NewProject{Name: "copy", DomainID: s.project.Settings.DomainID}))
	sum := must[manifest.ImageCreateSummary](t)(s.c.CreateImagesFromURLs(ctx, copied.ID, manifest.ImageBatch{Images: []manifest.NewImage{{URL: img.OriginalURI}}}))
	if len(sum.Images) != 1 || sum.Images[0].Status != manifest.ImageOK || sum.Images[0].Image == nil {
		t.Errorf("%+v", sum)
	}
	ok(t, s.c.DeleteProject(ctx, copied.ID))
	if _, err := s.c.Project(ctx, copied.ID); !manifest.IsNotFound(err) {
		t.Errorf("a deleted project: %v", err)
	}
	s.sim.Service.Advance(25 * time.Hour)
	_, _, err = s.c.Download(ctx, id, img.OriginalURI, 0)
	if !manifest.IsForbidden(err) {
		t.Errorf("an expired link: %v", err)
	}
}

func (s *session) training() {
	t, ctx, id := s.t, s.t.Context(), s.project.ID
	it := must[manifest.Iteration](t)(s.c.Train(ctx, id, manifest.TrainOptions{TrainingType: "Regular"}))
	s.wait()
	it = must[manifest.Iteration](t)(s.c.Iteration(ctx, id, it.ID))
	if !it.Trained() || !it.Exportable {
		t.Fatalf("%+v", it)
	}
	if renamed := must[manifest.Iteration](t)(s.c.UpdateIteration(ctx, id, it.ID, "v 1")); renamed.Name != "v 1" {
		t.Errorf("%+v", renamed)
	}
	if p := must[*manifest.IterationPerformance](t)(s.c.IterationPerformance(ctx, id, it.ID)); p.Precision == "" || len(p.PerTagPerformance) != 1 {
		t.Errorf("%+v", p)
	}
	must[manifest.ModelExport](t)(s.c.ExportIteration(ctx, id, it.ID, "ONNX", "ONNX12"))
	s.wait()
	models := must[[]manifest.ModelExport](t)(s.c.ModelExports(ctx, id, it.ID))
	if len(models) != 1 || models[0].Status != manifest.ExportDone {
		t.Fatalf("%+v", models)
	}
	body, size, err := s.c.Download(ctx, id, models[0].DownloadURI, 0)
	ok(t, err)
	if got := must[[]byte](t)(io.ReadAll(body)); size != int64(len(got)) || size == 0 {
		t.Errorf("a model of %d bytes, %d said", len(got), size)
	}
	ok(t, body.Close())
	const predictionID = "/subscriptions/0/resourceGroups/r/providers/Microsoft.CognitiveServices/accounts/p"
	ok(t, s.c.Publish(ctx, id, it.ID, "model 1", predictionID, false))
	found := must[[]manifest.Iteration](t)(s.c.Iterations(ctx, id))
	if i := slices.IndexFunc(found, func(i manifest.Iteration) bool { return i.ID == it.ID }); i < 0 || found[i].PublishName != "model 1" {
		t.Errorf("%+v", found)
	}
	ok(t, s.c.Unpublish(ctx, id, it.ID))
}

func (s *session) transfer() {
	t, ctx := s.t, s.t.Context()
	e := must[manifest.Export](t)(s.c.ExportProject(ctx, s.project.ID))
	expires, err := e.Expires.Time()
	if err != nil || expires.Before(s.sim.Service.Now()) || e.ImageCount != 17 || e.RegionCount != 16 {
		t.Errorf("%+v: %v", e, err)
	}
	north := dialSim(t, s.sim, "northeurope")
	p := must[manifest.Project](t)(north.ImportProject(ctx, e.Token, "a copy + more"))
	s.wait()
	p = must[manifest.Project](t)(north.Project(ctx, p.ID))
	if n := must[int](t)(north.ImageCount(ctx, p.ID, "")); p.Status != manifest.StatusSucceeded || p.Name != "a copy + more" || n != 17 {
		t.Errorf("%d images in %+v", n, p)
	}
	_, err = north.ImportProject(ctx, manifest.NewSecret(e.Token.Reveal()+"x"), "")
	if se, found := errors.AsType[*manifest.ServiceError](err); !found || se.Code != "BadRequestInvalidImportToken" || se.Hint == "" {
		t.Errorf("a wrong token: %v", err)
	}
}

func (s *session) removal(images []manifest.ListedImage) {
	t, ctx, id := s.t, s.t.Context(), s.project.ID
	ok(t, s.c.DeleteImages(ctx, id, ImageDeletion{IDs: []string{images[0].ID}}))
	ok(t, s.c.DeleteImages(ctx, id, ImageDeletion{All: true, AllIterations: true}))
	s.wait()
	if n := must[int](t)(s.c.ImageCount(ctx, id, "")); n != 0 {
		t.Errorf("%d images are left", n)
	}
	for _, it := range must[[]manifest.Iteration](t)(s.c.Iterations(ctx, id)) {
		if it.Trained() {
			ok(t, s.c.DeleteIteration(ctx, id, it.ID))
		}
	}
	o := fast(s.sim.Endpoint("westeurope"))
	if _, err := dial(t, o).Projects(ctx); !manifest.IsForbidden(err) {
		t.Errorf("a wrong key: %v", err)
	}
}

// What the simulator does to connections and rates, the client survives.
func TestFaultsOfTheSimulator(t *testing.T) {
	s := start(t)
	ctx, west := t.Context(), s.sim.Resource("westeurope")
	lost := west.Inject(simulator.Fault{Operation: "CreateImagesFromFiles", Lose: true})
	sum := must[manifest.ImageCreateSummary](t)(s.c.CreateImagesFromFiles(ctx, s.project.ID, manifest.ImageBatch{Images: []manifest.NewImage{{Name: "a", Contents: picture(t, 0)}}}))
	if sum.Images[0].Status != manifest.ImageOKDuplicate || lost.Hits() != 1 {
		t.Errorf("%+v after %d losses", sum, lost.Hits())
	}
	west.Inject(simulator.Fault{Operation: "CreateTag", Lose: true})
	if _, err := s.c.CreateTag(ctx, s.project.ID, manifest.Tag{Name: "once"}); err == nil || len(must[[]manifest.Tag](t)(s.c.Tags(ctx, s.project.ID, ""))) != 2 {
		t.Errorf("a lost creation: %v", err)
	}
	west.Inject(simulator.Fault{Operation: "DeleteTag", Lose: true})
	ok(t, s.c.DeleteTag(ctx, s.project.ID, s.tag.ID))
	cut := west.Inject(simulator.Fault{Operation: "GetImages", DropAfter: 10})
	if found := must[[]manifest.ListedImage](t)(s.c.Images(ctx, s.project.ID, manifest.ImageQuery{})); len(found) != 1 || cut.Hits() != 1 {
		t.Errorf("%d images after %d cuts", len(found), cut.Hits())
	}
}
