package archive_test

import (
	"bytes"
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

// goldenFile is an archive as version 1.0 wrote it. It is made once and never
// again: that every later version reads it is the point.
const goldenFile = "../testdata/archives/v1.0.tar.zst"

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
	file, err := os.ReadFile(goldenFile)
	if err != nil {
		t.Fatal(err)
	}
	r := open(t, file)
	v, problems := verify(t, r)
	if len(problems) > 0 {
		t.Errorf("problems: %v", problems)
	}
	const sum = "6be2272434ffbb7f444484b13cb24c59201e4149b9f6b67ca5c2a8b860307025"
	if v.SHA256.String() != sum {
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
		if len(rec.Regions) == 0 && !bytes.Equal(copied, rec.Raw) { // regions have another form now
			t.Errorf("a record is not written as it was:\n%s\n%s", rec.Raw, copied)
		}
		var again manifest.Image
		if err == nil {
			err = manifest.DecodeImage(copied, &again)
		}
		if diff := cmp.Diff(rec.Image, again); err != nil || diff != "" {
			t.Errorf("a record does not come back: %v\n%s\n%s", err, rec.Raw, diff)
		}
		lines = append(lines, string(rec.Raw))
	}
	const wantLine = `{"id":"61000000-0000-4000-8000-000000000014","created":"2019-06-19T00:20:39.0000020","width":1125,"height":900,"tags":[{"tagId":"74000000-0000-4000-8000-000000000001","created":"2019-06-20T00:00:00.1"},{"tagId":"74000000-0000-4000-8000-000000000002","created":"2019-06-20T00:00:00.1"}],"regions":[{"regionId":"72000000-0000-4000-8000-0000000000a0","tagId":"74000000-0000-4000-8000-000000000001","left":0.0158380,"top":0.1,"width":0.25,"height":1e-3},{"regionId":"72000000-0000-4000-8000-0000000000a1","tagId":"74000000-0000-4000-8000-000000000002","left":0.0158381,"top":0.1,"width":0.25,"height":1e-3}],"metadata":{"a":"é","line":"0","z":"<last>"},"blob":"original","object":{"sha256":"9aec99289a0cf7bbe7960136bae712520257777676b629004a3024fdd0d4d54b","size":1020,"ext":"jpg"}}`
	if len(lines) != 25 || lines[20] != wantLine {
		t.Errorf("line 21 of %d: %s", len(lines), lines[20])
	}
	if !json.Valid(r.ManifestJSON()) || strings.Contains(string(r.ManifestJSON()), "sig=") {
		t.Error("manifest.json is not JSON, or holds a token")
	}
}
