package archive_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"cvarchive/archive"
	"cvarchive/manifest"
)

// uuid makes an id from a kind and a number.
func uuid(kind byte, n int) string { return fmt.Sprintf("%02x000000-0000-4000-8000-%012x", kind, n) }

// sampleProject makes a project of n images with what records can have.
func sampleProject(number, images int) (archive.ProjectMembers, []manifest.Image) {
	id := uuid('p', number)
	tags := []manifest.Tag{
		{ID: uuid('t', 1), Name: "Schraube <M4> & Mutter", Type: manifest.TagRegular, ImageCount: images / 2},
		{ID: uuid('t', 2), Name: "ネジ", Description: "日本語", Type: manifest.TagNegative,
			Extra: manifest.Extra{"colour": json.RawMessage(`"<red>"`)}},
	}
	yes := true
	p := archive.ProjectMembers{
		Project: manifest.Project{
			ID: id, Name: fmt.Sprintf("Projekt №%d", number), Created: "2019-06-19T23:02:39.8757957", Status: "Succeeded",
			Settings: manifest.ProjectSettings{
				DomainID: uuid('d', 1), UseNegativeSet: &yes, TargetExportPlatforms: []string{"VAIDK"},
				ImageProcessingSettings: &manifest.ImageProcessingSettings{AugmentationMethods: map[string]bool{"scaling": true, "rotation": false}},
				Extra:                   manifest.Extra{"notificationQueueUri": json.RawMessage(`{"a":[1.50,null]}`)},
			},
		},
		Tags: tags,
		Iterations: []manifest.Iteration{{
			ID: uuid('i', 1), Name: "Iteration 1", Status: "Completed", Exportable: true, ExportableTo: []string{"ONNX"},
			Performance: &manifest.IterationPerformance{Threshold: "0.5", OverlapThreshold: "0.30", Precision: "0.8333333", Recall: "1.0",
				PerTagPerformance: []manifest.TagPerformance{{ID: tags[0].ID, Name: tags[0].Name, Precision: "1", Recall: "1E-7"}}},
			Models: []manifest.ModelExport{{Platform: "ONNX", Status: manifest.ExportDone, Object: object("model", number)}},
		}},
		Export: manifest.Export{
			ImageCount: images, TagCount: 2, Requested: "2026-01-02T03:04:05Z", Expires: "2026-01-03T03:04:05Z",
			State: manifest.TokenStored, Token: manifest.NewSecret("https://127.0.0.1/prjexp?sig=a%3D&se=2026-01-03T03:04:05Z"),
		},
	}
	records := make([]manifest.Image, images)
	for n := range records {
		records[n] = sampleImage(number, n)
	}
	return p, records
}

func sampleImage(project, n int) manifest.Image {
	img := manifest.Image{
		ID: uuid('a', n), Created: manifest.Timestamp(fmt.Sprintf("2019-06-19T%02d:%02d:39.%07d", n/60%24, n%60, n%1e7)), Width: 1125, Height: 900,
		Blob: manifest.BlobOriginal, Object: object(fmt.Sprint("image", project), n),
	}
	switch {
	case n%10 == 7:
		img.Object, img.Failure = nil, &manifest.Failure{Item: "image " + img.ID, Code: "ErrorNotFound", Message: "gone"}
	case n%10 == 8:
		img.Iterations = []string{uuid('i', 1)}
	case n%10 == 9:
		img.Extra = manifest.Extra{"isFavourite": json.RawMessage("true"), "a": json.RawMessage(`{"b":1.10}`)}
	}
	for t := range n % 3 {
		created := []manifest.Timestamp{"2019-06-20T00:00:00.1000000", "2019-06-20T00:00:00.1"}[t]
		img.Tags = append(img.Tags, manifest.ImageTag{TagID: uuid('t', t+1), Created: created})
		img.Regions = append(img.Regions, manifest.Region{ID: uuid('r', n*8+t), TagID: uuid('t', t+1), Created: "2019-06-20T00:00:02.0000000",
			Left: json.Number(fmt.Sprintf("0.%07d", (n*7919+t)%9999999)), Top: "0.1", Width: "0.25", Height: "1e-3"})
	}
	if n%5 == 0 {
		img.Metadata = map[string]string{"z": "<last>", "a": "é", "line": fmt.Sprint(n % 4)}
	}
	return img
}

func object(kind string, n int) *manifest.Object {
	if n%50 == 3 {
		n-- // the same bytes as the one before
	}
	return &manifest.Object{SHA256: sha256.Sum256(fmt.Append(nil, kind, n)), Size: int64(1000 + n), Ext: "jpg"}
}

// capture is what a caller of Close knows.
func capture() manifest.Manifest {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	return manifest.Manifest{
		ID: "0badcafe", Tool: manifest.Tool{Name: "cvarchive", Version: "test"}, Started: at, Finished: at.Add(time.Minute),
		Source: manifest.Source{Name: "prod-weu", Endpoint: "https://westeurope.example", APIVersion: "v3.3"},
	}
}

// write makes an archive of projects with the given numbers of images.
func write(t testing.TB, opt archive.WriterOptions, images ...int) ([]byte, archive.Summary) {
	t.Helper()
	var out bytes.Buffer
	w, err := archive.NewWriter(&out, opt)
	if err != nil {
		t.Fatal(err)
	}
	for i, n := range images {
		p, records := sampleProject(i, n)
		s, err := w.NewSpool()
		if err != nil {
			t.Fatal(err)
		}
		for k := range records {
			if err := s.Append(&records[k]); err != nil {
				t.Fatal(err)
			}
		}
		e := manifest.ProjectEntry{ID: p.Project.ID, Name: p.Project.Name, DomainID: p.Project.Settings.DomainID, Outcome: manifest.Complete}
		if err := w.AddProject(e, p, s); err != nil {
			t.Fatal(err)
		}
	}
	sum, err := w.Close(capture())
	if err != nil {
		t.Fatal(err)
	}
	return out.Bytes(), sum
}

func open(t testing.TB, file []byte) *archive.Reader {
	t.Helper()
	r, err := archive.NewReader(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func verify(t testing.TB, r *archive.Reader) (archive.Verified, []archive.Problem) {
	t.Helper()
	var problems []archive.Problem
	v, err := r.Verify(context.Background(), func(p archive.Problem) { problems = append(problems, p) })
	if err != nil {
		t.Fatal(err)
	}
	return v, problems
}

func TestRoundTrip(t *testing.T) {
	sizes := []int{650, 0, 1}
	file, sum := write(t, archive.WriterOptions{TempDir: t.TempDir(), FrameSize: 32 << 10}, sizes...)
	r := open(t, file)
	if diff := cmp.Diff(&sum.Manifest, r.Manifest()); diff != "" {
		t.Errorf("manifest (-written +read):\n%s", diff)
	}
	if sum.SHA256 != sha256.Sum256(file) || sum.Size != int64(len(file)) {
		t.Errorf("summary says %s and %d bytes, the file has %d", sum.SHA256, sum.Size, len(file))
	}
	for i, n := range sizes {
		wantMembers, wantImages := sampleProject(i, n)
		got, err := r.Project(t.Context(), wantMembers.Project.ID)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(wantMembers, got); diff != "" {
			t.Errorf("project %d (-written +read):\n%s", i, diff)
		}
		images := []manifest.Image{}
		for rec, err := range r.Images(t.Context(), wantMembers.Project.ID) {
			if err != nil {
				t.Fatal(err)
			}
			images = append(images, rec.Image)
		}
		if diff := cmp.Diff(wantImages, images); diff != "" {
			t.Errorf("images of project %d (-written +read):\n%s", i, diff)
		}
	}
	v, problems := verify(t, r)
	if len(problems) > 0 {
		t.Errorf("problems in a good archive: %v", problems)
	}
	want := archive.Verified{SHA256: sum.SHA256, Size: sum.Size, Members: 1 + 5*len(sizes) + 1, Images: 651}
	if v != want {
		t.Errorf("verified %+v, want %+v", v, want)
	}
}
