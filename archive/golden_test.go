package archive_test

import (
	"encoding/json"
	"flag"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"cvarchive/archive"
	"cvarchive/manifest"
)

var makeGolden = flag.String("make-golden", "", "write a golden archive of the current format version to this new `file`")

// goldenFiles are archives as version 1.0 wrote them before and after the
// records of images had lists. They are made once and never again: that every
// later version reads them is the point.
var goldenFiles = []struct {
	file, sum string
	line      string         // the 21st of the first project
	image     manifest.Image // that it says
}{
	{"v1.0.tar.zst", "6be2272434ffbb7f444484b13cb24c59201e4149b9f6b67ca5c2a8b860307025",
		`{"id":"61000000-0000-4000-8000-000000000014","created":"2019-06-19T00:20:39.0000020","width":1125,"height":900,"tags":[{"tagId":"74000000-0000-4000-8000-000000000001","created":"2019-06-20T00:00:00.1"},{"tagId":"74000000-0000-4000-8000-000000000002","created":"2019-06-20T00:00:00.1"}],"regions":[{"regionId":"72000000-0000-4000-8000-0000000000a0","tagId":"74000000-0000-4000-8000-000000000001","left":0.0158380,"top":0.1,"width":0.25,"height":1e-3},{"regionId":"72000000-0000-4000-8000-0000000000a1","tagId":"74000000-0000-4000-8000-000000000002","left":0.0158381,"top":0.1,"width":0.25,"height":1e-3}],"metadata":{"a":"é","line":"0","z":"<last>"},"blob":"original","object":{"sha256":"9aec99289a0cf7bbe7960136bae712520257777676b629004a3024fdd0d4d54b","size":1020,"ext":"jpg"}}`,
		goldenImage("2019-06-20T00:00:00.1", "")},
	{"v1.0-lists.tar.zst", "6f2b8b9df7975f719d3abb0d7ccbdf35e0fb21f4310db526d26bbc0d28feb7cc",
		`{"id":"61000000000040008000000000000014","created":"2019-06-19T00:20:39.0000020","width":1125,"height":900,"tags":[["74000000000040008000000000000001",85161.099998],["74000000000040008000000000000002","2019-06-20T00:00:00.1"]],"regions":[[0,"720000000000400080000000000000a0",1.9,0.0158380,0.1,0.25,1e-3],[1,"720000000000400080000000000000a1","2019-06-20T00:00:02.0000000",0.0158381,0.1,0.25,1e-3]],"metadata":{"a":"é","line":"0","z":"<last>"},"blob":"original","object":["9aec99289a0cf7bbe7960136bae712520257777676b629004a3024fdd0d4d54b",1020,"jpg"]}`,
		goldenImage("2019-06-20T00:00:00.1000000", "2019-06-20T00:00:02.0000000")},
}

func goldenImage(tag, region manifest.Timestamp) manifest.Image {
	sum, _ := manifest.ParseDigest("9aec99289a0cf7bbe7960136bae712520257777676b629004a3024fdd0d4d54b")
	return manifest.Image{
		ID: "61000000-0000-4000-8000-000000000014", Created: "2019-06-19T00:20:39.0000020", Width: 1125, Height: 900,
		Tags: []manifest.ImageTag{
			{TagID: "74000000-0000-4000-8000-000000000001", Created: tag},
			{TagID: "74000000-0000-4000-8000-000000000002", Created: "2019-06-20T00:00:00.1"}},
		Regions: []manifest.Region{
			{ID: "72000000-0000-4000-8000-0000000000a0", TagID: "74000000-0000-4000-8000-000000000001", Created: region, Left: "0.0158380", Top: "0.1", Width: "0.25", Height: "1e-3"},
			{ID: "72000000-0000-4000-8000-0000000000a1", TagID: "74000000-0000-4000-8000-000000000002", Created: region, Left: "0.0158381", Top: "0.1", Width: "0.25", Height: "1e-3"}},
		Metadata: map[string]string{"a": "é", "line": "0", "z": "<last>"}, Blob: manifest.BlobOriginal,
		Object: &manifest.Object{SHA256: sum, Size: 1020, Ext: "jpg"},
	}
}

// goldenImages are the numbers of images of its projects.
var goldenImages = []int{25, 3}

// TestMakeGolden makes the golden archive of a new format version, from the
// package's folder:
//
//	go test -run TestMakeGolden -args -make-golden ../testdata/archives/vX.Y.tar.zst
func TestMakeGolden(t *testing.T) {
	if *makeGolden == "" {
		return // nothing to make, and nothing that is missing
	}
	file, _ := write(t, archive.WriterOptions{TempDir: t.TempDir(), ModTime: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}, goldenImages...)
	f, err := os.OpenFile(*makeGolden, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write(file); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestGolden reads what version 1.0 wrote. What it must say is spelled out
// here, not computed, so that a change of the codec cannot hide.
func TestGolden(t *testing.T) {
	for n, golden := range goldenFiles {
		t.Run(golden.file, func(t *testing.T) { testGolden(t, n) })
	}
}

func testGolden(t *testing.T, n int) {
	golden := &goldenFiles[n]
	file, err := os.ReadFile("../testdata/archives/" + golden.file)
	if err != nil {
		t.Fatal(err)
	}
	r := open(t, file)
	v, problems := verify(t, r)
	if len(problems) > 0 {
		t.Errorf("problems: %v", problems)
	}
	if v.SHA256.String() != golden.sum {
		t.Errorf("the golden archive was changed: it is %s", v.SHA256)
	}
	m := r.Manifest()
	if m.FormatVersion != "1.0" || m.ID != "0badcafe" || m.Source.Name != "prod-weu" || len(m.Members) != 11 {
		t.Errorf("manifest: %+v", m)
	}
	const first = "70000000-0000-4000-8000-000000000000"
	want := []manifest.ProjectEntry{
		{ID: first, Name: "Projekt №0", DomainID: "64000000-0000-4000-8000-000000000001", Outcome: manifest.Complete,
			Counts: manifest.Counts{Images: 25, IterationOnly: 2, Tagged: 15, Tags: 2, Regions: 22, Iterations: 1, Models: 1, Bytes: 24275, FailedImages: 2, DuplicateImages: 1},
			Token:  manifest.TokenSummary{State: manifest.TokenStored, Expires: "2026-01-03T03:04:05Z"}},
		{ID: "70000000-0000-4000-8000-000000000001", Name: "Projekt №1", DomainID: "64000000-0000-4000-8000-000000000001", Outcome: manifest.Complete,
			Counts: manifest.Counts{Images: 3, Tagged: 2, Tags: 2, Regions: 3, Iterations: 1, Models: 1, Bytes: 4004},
			Token:  manifest.TokenSummary{State: manifest.TokenStored, Expires: "2026-01-03T03:04:05Z"}},
	}
	if diff := cmp.Diff(want, m.Projects); diff != "" {
		t.Errorf("entries (-want +read):\n%s", diff)
	}
	p, err := r.Project(t.Context(), first)
	if err != nil {
		t.Fatal(err)
	}
	if got := p.Export.Token.Reveal(); got != "https://127.0.0.1/prjexp?sig=a%3D&se=2026-01-03T03:04:05Z" {
		t.Errorf("token %q", got)
	}
	if got := string(p.Project.Settings.Extra["notificationQueueUri"]); got != `{"a":[1.50,null]}` {
		t.Errorf("unknown setting %q", got)
	}
	if perf := p.Iterations[0].Performance; perf.OverlapThreshold != "0.30" || perf.PerTagPerformance[0].Recall != "1E-7" {
		t.Errorf("numbers did not keep their text: %+v", perf)
	}
	var lines []string
	for rec, err := range r.Images(t.Context(), first) {
		if err != nil {
			t.Fatal(err)
		}
		copied, err := manifest.AppendImage(nil, &rec.Image)
		var again manifest.Image
		if err == nil {
			err = manifest.DecodeImage(copied, &again)
		}
		if diff := cmp.Diff(rec.Image, again); err != nil || diff != "" {
			t.Errorf("a record does not come back: %v\n%s\n%s", err, rec.Raw, diff)
		}
		lines = append(lines, string(rec.Raw))
		if len(lines) == 21 {
			if diff := cmp.Diff(golden.image, rec.Image); diff != "" {
				t.Errorf("record 21 (-want +got):\n%s", diff)
			}
		}
	}
	if len(lines) != 25 || lines[20] != golden.line {
		t.Errorf("line 21 of %d: %s", len(lines), lines[20])
	}
	if !json.Valid(r.ManifestJSON()) || strings.Contains(string(r.ManifestJSON()), "sig=") {
		t.Error("manifest.json is not JSON, or holds a token")
	}
}
