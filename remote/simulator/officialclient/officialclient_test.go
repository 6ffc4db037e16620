package officialclient

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"cvarchive/remote/simulator"
	"cvarchive/remote/simulator/simtest"

	"github.com/Azure/azure-sdk-for-go/services/cognitiveservices/v3.3/customvision/training"
	"github.com/Azure/go-autorest/autorest"
	"github.com/Azure/go-autorest/autorest/azure"
	"github.com/gofrs/uuid"
	"github.com/google/go-cmp/cmp"
)

// session is one project of one resource under the official client.
type session struct {
	t   *testing.T
	ctx context.Context
	sim *simtest.Server
	c   training.BaseClient
	id  uuid.UUID
}

func must[T any](v T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func ptr[T any](v T) *T { return &v }

// wantCode checks the service's code in an error of the official client.
func wantCode(t *testing.T, err error, code string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), code) {
		t.Errorf("error = %v, want code %s", err, code)
	}
}

func start(t *testing.T, opt simulator.Options) *session {
	sim := simtest.Start(t, opt)
	return &session{t: t, ctx: t.Context(), sim: sim, c: New(sim.Endpoint("westeurope"), sim.Key("westeurope"))}
}

func (s *session) project(name, domain string, classification training.Classifier) {
	s.t.Helper()
	id := uuid.FromStringOrNil(domain)
	p := must(s.c.CreateProject(s.ctx, name, "made by a test", &id, string(classification), []string{"CoreML"}))(s.t)
	s.id = *p.ID
}

func (s *session) tag(name string, typ training.TagType) uuid.UUID {
	s.t.Helper()
	return *must(s.c.CreateTag(s.ctx, s.id, name, "about "+name, string(typ)))(s.t).ID
}

func picture(n int) []byte {
	img := image.NewPaletted(image.Rect(0, 0, 300, 256), color.Palette{color.RGBA{uint8(n), uint8(n >> 8), 7, 255}})
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		panic(err)
	}
	return b.Bytes()
}

// upload adds n pictures through CreateImagesFromFiles.
func (s *session) upload(from, n int, metadata map[string]*string, tags ...uuid.UUID) []uuid.UUID {
	s.t.Helper()
	var entries []training.ImageFileCreateEntry
	for i := range n {
		entries = append(entries, training.ImageFileCreateEntry{
			Name: ptr(fmt.Sprint(i)), Contents: ptr(picture(from + i)), TagIds: &tags,
		})
	}
	sum := must(s.c.CreateImagesFromFiles(s.ctx, s.id, training.ImageFileCreateBatch{Images: &entries, Metadata: metadata}))(s.t)
	if !*sum.IsBatchSuccessful || len(*sum.Images) != n {
		s.t.Fatalf("upload: %d results, successful %v", len(*sum.Images), *sum.IsBatchSuccessful)
	}
	ids := make([]uuid.UUID, n)
	for _, r := range *sum.Images {
		var i int
		fmt.Sscan(*r.SourceURL, &i)
		ids[i] = *r.Image.ID
	}
	return ids
}

const (
	general          = "ee85a74c-405e-4adc-bb47-ffa8ca0c9f31"
	compact          = "0732100f-1a38-4e49-a514-c9b44c697ab5"
	detectionGeneral = "da2e3a8a-40a5-4171-82f4-58522f70fbc1"
	predictionID     = "/subscriptions/s/resourceGroups/g/providers/Microsoft.CognitiveServices/accounts/p"
)

func TestProjectsAndTags(t *testing.T) {
	s := start(t, simulator.Options{})
	domains := must(s.c.GetDomains(s.ctx))(t)
	if len(*domains.Value) < 15 {
		t.Errorf("%d domains", len(*domains.Value))
	}
	if d := must(s.c.GetDomain(s.ctx, uuid.FromStringOrNil(compact)))(t); *d.Name != "General (compact)" || !*d.Exportable {
		t.Errorf("domain = %s", *d.Name)
	}
	s.project("Bäume & Büsche", general, training.Multiclass)
	_, err := s.c.CreateProject(s.ctx, "Bäume & Büsche", "", nil, "", nil)
	wantCode(t, err, "BadRequestProjectNameNotUnique")

	p := must(s.c.GetProject(s.ctx, s.id))(t)
	if *p.Name != "Bäume & Büsche" || p.Settings.ClassificationType != training.Multiclass || p.Status != training.ProjectStatusSucceeded {
		t.Errorf("project = %+v", p)
	}
	if age := time.Since(p.Created.Time); age < 0 || age > time.Minute {
		t.Errorf("created %v ago", age)
	}
	p.Name = ptr("renamed")
	p.Settings.ImageProcessingSettings = &training.ImageProcessingSettings{AugmentationMethods: map[string]*bool{"rotation": ptr(false)}}
	if p := must(s.c.UpdateProject(s.ctx, s.id, p))(t); *p.Name != "renamed" || *p.Settings.ImageProcessingSettings.AugmentationMethods["rotation"] {
		t.Errorf("updated project = %+v", p)
	}
	p.Settings.DomainID = ptr(uuid.FromStringOrNil(detectionGeneral))
	_, err = s.c.UpdateProject(s.ctx, s.id, p)
	wantCode(t, err, "BadRequestProjectUnsupportedDomainTypeChange")

	oak := s.tag("oak", training.Regular)
	s.tag("none", training.Negative)
	_, err = s.c.CreateTag(s.ctx, s.id, "none2", "", string(training.Negative))
	wantCode(t, err, "BadRequestMultipleNegativeTag")
	must(s.c.UpdateTag(s.ctx, s.id, oak, training.Tag{Name: ptr("Oak"), Description: ptr("d"), Type: training.Regular}))(t)
	if tag := must(s.c.GetTag(s.ctx, s.id, oak, nil))(t); *tag.Name != "Oak" || *tag.Description != "d" {
		t.Errorf("tag = %+v", tag)
	}
	if list := must(s.c.GetTags(s.ctx, s.id, nil))(t); len(*list.Value) != 2 {
		t.Errorf("%d tags", len(*list.Value))
	}
	must(s.c.DeleteTag(s.ctx, s.id, oak))(t)
	must(s.c.DeleteProject(s.ctx, s.id))(t)
	if list := must(s.c.GetProjects(s.ctx))(t); len(*list.Value) != 0 {
		t.Errorf("%d projects left", len(*list.Value))
	}
}

func TestImages(t *testing.T) {
	s := start(t, simulator.Options{})
	s.project("trees", general, training.Multilabel)
	oak, elm := s.tag("oak", training.Regular), s.tag("elm", training.Regular)
	ids := s.upload(0, 60, map[string]*string{"camera": ptr("A")}, oak)
	s.upload(60, 10, nil)

	page := must(s.c.GetImages(s.ctx, s.id, nil, nil, "Tagged", "metadata=camera eq 'A'", "Oldest", ptr(int32(256)), nil))(t)
	if len(*page.Value) != 60 || *(*page.Value)[0].ID != ids[0] || *(*page.Value)[0].Metadata["camera"] != "A" {
		t.Errorf("GetImages: %d images", len(*page.Value))
	}
	counts := []int32{
		*must(s.c.GetImageCount(s.ctx, s.id, nil, "", "", nil))(t).Value,
		*must(s.c.GetTaggedImageCount(s.ctx, s.id, nil, []uuid.UUID{oak, elm}))(t).Value,
		*must(s.c.GetUntaggedImageCount(s.ctx, s.id, nil))(t).Value,
		int32(len(*must(s.c.GetTaggedImages(s.ctx, s.id, nil, nil, "", nil, nil))(t).Value)),
		int32(len(*must(s.c.GetUntaggedImages(s.ctx, s.id, nil, "", nil, nil))(t).Value)),
		int32(len(*must(s.c.GetImagesByIds(s.ctx, s.id, ids[:7], nil))(t).Value)),
	}
	if got := fmt.Sprint(counts); got != "[70 60 10 50 10 7]" {
		t.Errorf("counts = %s", got)
	}

	tags := must(s.c.CreateImageTags(s.ctx, s.id, training.ImageTagCreateBatch{Tags: &[]training.ImageTagCreateEntry{
		{ImageID: &ids[0], TagID: &elm}, {ImageID: &ids[0], TagID: &oak},
	}}))(t)
	if len(*tags.Created) != 1 || len(*tags.Duplicated) != 1 {
		t.Errorf("CreateImageTags: %+v", tags)
	}
	must(s.c.DeleteImageTags(s.ctx, s.id, ids[:1], []uuid.UUID{elm}))(t)

	meta := must(s.c.UpdateImageMetadata(s.ctx, s.id, append([]uuid.UUID{uuid.Must(uuid.NewV4())}, ids[:2]...), map[string]*string{"k": ptr("v")}))(t)
	if *meta.IsBatchSuccessful || meta.StatusCode != 207 || (*meta.Images)[0].Status != training.ImageMetadataUpdateStatusErrorImageNotFound {
		t.Errorf("UpdateImageMetadata: %d %+v", meta.StatusCode, *meta.Images)
	}
	must(s.c.DeleteImages(s.ctx, s.id, ids[:3], nil, nil))(t)
	if n := *must(s.c.GetImageCount(s.ctx, s.id, nil, "", "", nil))(t).Value; n != 67 {
		t.Errorf("%d images after a deletion, want 67", n)
	}
}

func TestUploads(t *testing.T) {
	s := start(t, simulator.Options{})
	s.project("p", general, training.Multilabel)
	one := s.upload(1, 1, nil)[0]
	dup := must(s.c.CreateImagesFromData(s.ctx, s.id, io.NopCloser(bytes.NewReader(picture(1))), nil))(t)
	if r := (*dup.Images)[0]; dup.StatusCode != 207 || r.Status != training.ImageCreateStatusOKDuplicate || *r.Image.ID != one || *r.SourceURL != `"imageData"` {
		t.Errorf("a duplicate answers %d %+v", dup.StatusCode, r)
	}

	link := *(*must(s.c.GetImagesByIds(s.ctx, s.id, []uuid.UUID{one}, nil))(t).Value)[0].OriginalImageURI
	s.project("q", general, training.Multilabel)
	urls := []training.ImageURLCreateEntry{{URL: &link}, {URL: ptr(s.sim.URL + "/nowhere")}}
	sum := must(s.c.CreateImagesFromUrls(s.ctx, s.id, training.ImageURLCreateBatch{Images: &urls}))(t)
	got := map[string]training.ImageCreateStatus{}
	for _, r := range *sum.Images {
		got[*r.SourceURL] = r.Status
	}
	if sum.StatusCode != 207 || got[link] != "OK" || got[s.sim.URL+"/nowhere"] != "ErrorSource" {
		t.Errorf("CreateImagesFromUrls: %d %v", sum.StatusCode, got)
	}
}

func TestRegions(t *testing.T) {
	s := start(t, simulator.Options{})
	s.project("p", detectionGeneral, "")
	cat := s.tag("cat", training.Regular)
	id := s.upload(0, 1, nil)[0]
	entry := training.ImageRegionCreateEntry{ImageID: &id, TagID: &cat, Left: ptr(0.1), Top: ptr(0.2), Width: ptr(0.3), Height: ptr(0.4)}
	batch := training.ImageRegionCreateBatch{Regions: &[]training.ImageRegionCreateEntry{entry}}
	made := must(s.c.CreateImageRegions(s.ctx, s.id, batch))(t)
	if again := must(s.c.CreateImageRegions(s.ctx, s.id, batch))(t); len(*made.Created) != 1 || len(*again.Duplicated) != 1 {
		t.Errorf("CreateImageRegions: %+v, then %+v", made, again)
	}
	if p := must(ReadBack(s.ctx, s.sim.Endpoint("westeurope"), s.sim.Key("westeurope"), s.id.String()))(t); len(p.Images[0].Regions) != 1 ||
		p.Images[0].Regions[0] != (Region{"cat", 0.1, 0.2, 0.3, 0.4}) || p.Tags[0].ImageCount != 1 || !bytes.Equal(p.Images[0].Original, picture(0)) {
		t.Errorf("read back: %+v", p)
	}
	must(s.c.DeleteImageRegions(s.ctx, s.id, []uuid.UUID{*(*made.Created)[0].RegionID}))(t)
}

func TestIterations(t *testing.T) {
	s := start(t, simulator.Options{})
	s.project("p", compact, training.Multiclass)
	s.upload(0, 8, nil, s.tag("a", training.Regular))
	s.upload(8, 8, nil, s.tag("b", training.Regular))
	it := must(s.c.TrainProject(s.ctx, s.id, "", nil, nil, "", nil))(t)
	if *it.Status != "Training" {
		t.Errorf("status = %s", *it.Status)
	}
	_, err := s.c.ExportProject(s.ctx, s.id)
	wantCode(t, err, "BadRequestExportWhileTraining")
	s.sim.Service.Advance(time.Minute)
	if it = must(s.c.GetIteration(s.ctx, s.id, *it.ID))(t); *it.Status != "Completed" || !*it.Exportable || it.TrainedAt == nil {
		t.Errorf("iteration = %+v", it)
	}
	_, err = s.c.TrainProject(s.ctx, s.id, "", nil, nil, "", nil)
	wantCode(t, err, "BadRequestTrainingNotNeeded")
	must(s.c.UpdateIteration(s.ctx, s.id, *it.ID, training.Iteration{Name: ptr("best")}))(t)

	perf := must(s.c.GetIterationPerformance(s.ctx, s.id, *it.ID, ptr(0.5), ptr(0.3)))(t)
	if len(*perf.PerTagPerformance) != 2 || *perf.Precision <= 0.5 || *perf.Precision > 1 {
		t.Errorf("performance = %+v", perf)
	}
	images := must(s.c.GetImagePerformances(s.ctx, s.id, *it.ID, nil, "", nil, nil))(t)
	if n := must(s.c.GetImagePerformanceCount(s.ctx, s.id, *it.ID, nil))(t); *n.Value != 16 || len(*images.Value) != 16 {
		t.Errorf("%d image performances of %d", len(*images.Value), *n.Value)
	}
	if ok := must(s.c.PublishIteration(s.ctx, s.id, *it.ID, "live", predictionID, nil))(t); !*ok.Value {
		t.Error("not published")
	}
	wantCode(t, second(s.c.DeleteProject(s.ctx, s.id)), "BadRequestIterationIsPublished")

	must(s.c.ExportIteration(s.ctx, s.id, *it.ID, "ONNX", "ONNX12"))(t)
	_, err = s.c.ExportIteration(s.ctx, s.id, *it.ID, "ONNX", "ONNX12")
	wantCode(t, err, "BadRequestExportAlreadyInProgress")
	s.sim.Service.Advance(time.Minute)
	exports := *must(s.c.GetExports(s.ctx, s.id, *it.ID))(t).Value
	model, err := Download(s.ctx, *exports[0].DownloadURI)
	if err != nil || exports[0].Status != training.Done || !bytes.HasPrefix(model, []byte("PK")) {
		t.Errorf("export %+v: %d bytes, %v", exports[0], len(model), err)
	}
	must(s.c.UnpublishIteration(s.ctx, s.id, *it.ID))(t)
	must(s.c.DeleteIteration(s.ctx, s.id, *it.ID))(t)
}

func second(_ autorest.Response, err error) error { return err }

// TestTransfer copies a project by its raw token and reads both sides back.
func TestTransfer(t *testing.T) {
	s := start(t, simulator.Options{})
	s.project("birds", detectionGeneral, "")
	wren := s.tag("wren", training.Regular)
	var regions []training.ImageRegionCreateEntry
	ids := s.upload(0, 20, map[string]*string{"site": ptr("north")})
	for i := range ids {
		regions = append(regions, training.ImageRegionCreateEntry{
			ImageID: &ids[i], TagID: &wren, Left: ptr(0.01 * float64(i)), Top: ptr(0.25), Width: ptr(0.5), Height: ptr(0.125),
		})
	}
	must(s.c.CreateImageRegions(s.ctx, s.id, training.ImageRegionCreateBatch{Regions: &regions}))(t)
	it := must(s.c.TrainProject(s.ctx, s.id, "", nil, nil, "", nil))(t)
	s.sim.Service.Advance(time.Minute)
	must(s.c.PublishIteration(s.ctx, s.id, *it.ID, "live", predictionID, nil))(t)
	exp := must(s.c.ExportProject(s.ctx, s.id))(t)
	if *exp.ImageCount != 20 || *exp.RegionCount != 20 || *exp.TagCount != 1 || *exp.IterationCount != 1 || *exp.EstimatedImportTimeInMS <= 0 {
		t.Errorf("export = %+v", exp)
	}
	source := must(ReadBack(s.ctx, s.sim.Endpoint("westeurope"), s.sim.Key("westeurope"), s.id.String()))(t)

	target := New(s.sim.Endpoint("northeurope"), s.sim.Key("northeurope"))
	_, err := target.ImportProject(s.ctx, *exp.Token+"x", "")
	wantCode(t, err, "BadRequestInvalidImportToken")
	p := must(target.ImportProject(s.ctx, *exp.Token, ""))(t)
	if p.Status != training.ProjectStatusImporting {
		t.Errorf("status = %s", p.Status)
	}
	s.sim.Service.Advance(time.Minute)
	copied := must(ReadBack(s.ctx, s.sim.Endpoint("northeurope"), s.sim.Key("northeurope"), p.ID.String()))(t)
	if copied.Training.Published != "" || copied.Training.OriginalPublishResourceID != predictionID {
		t.Errorf("imported iteration = %+v", copied.Training)
	}
	source.Training.Published = "" // a publication does not travel
	if diff := cmp.Diff(source, copied); diff != "" {
		t.Errorf("the copy differs (-source +copy):\n%s", diff)
	}
}

func TestArtifact(t *testing.T) {
	s := start(t, simulator.Options{Resources: []simulator.ResourceOptions{{Name: "westeurope", Key: "k", VNET: true}}})
	s.project("p", general, training.Multilabel)
	id := s.upload(5, 1, nil)[0]
	im := (*must(s.c.GetImagesByIds(s.ctx, s.id, []uuid.UUID{id}, nil))(t).Value)[0]
	if strings.Contains(*im.OriginalImageURI, ":") {
		t.Fatalf("original = %s, want a relative path", *im.OriginalImageURI)
	}
	art := must(s.c.GetArtifact(s.ctx, s.id, *im.OriginalImageURI))(t)
	data, err := io.ReadAll(*art.Value)
	if err != nil || !bytes.Equal(data, picture(5)) {
		t.Errorf("artifact: %d bytes, %v", len(data), err)
	}
	if thumb := must(s.c.GetArtifact(s.ctx, s.id, *im.ThumbnailURI))(t); thumb.StatusCode != http.StatusOK {
		t.Errorf("thumbnail: %s", thumb.Status)
	}
}

func TestErrorsOfTheGateway(t *testing.T) {
	s := start(t, simulator.Options{})
	_, err := New(s.sim.Endpoint("westeurope"), "wrong").GetProjects(s.ctx)
	var service *azure.RequestError
	if !errors.As(err, &service) || service.ServiceError.Code != "401" {
		t.Errorf("wrong key: %v", err)
	}
	s.sim.Resource("westeurope").SetCallsPerSecond(20)
	s.c.RetryAttempts, s.c.RetryDuration = 3, time.Second // it counts in whole seconds
	for range 25 {
		must(s.c.GetProjects(s.ctx))(t) // 429 is waited out
	}
	if n := s.sim.Resource("westeurope").Calls()["GetProjects"]; n <= 25 {
		t.Errorf("%d calls: the rate limit was never met", n)
	}
}
