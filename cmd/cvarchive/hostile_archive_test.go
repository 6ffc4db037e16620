package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode"

	"cvarchive/archive"
	"cvarchive/archive/vault"
	"cvarchive/archive/vault/dirstore"
	"cvarchive/manifest"
)

// evilText steers terminals, climbs out of folders and breaks lines.
const evilText = "../../x\r\n\x1b]0;owned\x07\x1b[2J\u009b31m\u202eexe.gpj\u2066\u200b\x7f'\"`$(touch x)<script>%s%n"

// hostileArchive has such text wherever the format leaves room for text, and
// names of a quarter of a megabyte.
func hostileArchive(t *testing.T, dir string) vault.Archive {
	t.Helper()
	file, err := os.Create(filepath.Join(t.TempDir(), "a"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	s, err := dirstore.New(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	v, err := vault.Init(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	w, err := archive.NewWriter(file, archive.WriterOptions{TempDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	long := evilText + strings.Repeat("n", 1<<18)
	id := func(n int) string { return fmt.Sprintf("%08x-0000-4000-8000-000000000000", n) }
	failure := manifest.Failure{Item: evilText, Operation: evilText, Code: evilText, Message: long, RequestID: evilText}
	p := archive.ProjectMembers{
		Project: manifest.Project{ID: id(1), Name: evilText, Description: long, Status: evilText, Created: evilText, Settings: manifest.ProjectSettings{
			DomainID: id(2), ClassificationType: evilText, TargetExportPlatforms: []string{evilText}, DetectionParameters: evilText,
			ImageProcessingSettings: &manifest.ImageProcessingSettings{AugmentationMethods: map[string]bool{evilText: true}},
		}},
		Tags: []manifest.Tag{{ID: id(3), Name: long, Description: evilText, Type: evilText}, {ID: id(4), Name: evilText, Type: manifest.TagRegular}},
		Iterations: []manifest.Iteration{{
			ID: id(5), Name: evilText, Status: evilText, PublishName: evilText, TrainedAt: evilText, ClassificationType: evilText,
			Models: []manifest.ModelExport{{Platform: evilText, Flavor: evilText, Status: evilText, Failure: &failure}},
		}},
		Export: manifest.Export{State: evilText, Expires: evilText, Failure: &failure},
	}
	spool, err := w.NewSpool()
	if err != nil {
		t.Fatal(err)
	}
	for n := range 3 {
		img := manifest.Image{
			ID: id(10 + n), Created: evilText, Blob: evilText, Metadata: map[string]string{evilText: evilText},
			Tags:    []manifest.ImageTag{{TagID: id(3), TagName: evilText}, {TagID: id(99), TagName: evilText}},
			Regions: []manifest.Region{{TagID: id(4), TagName: evilText, Left: "0", Top: "0", Width: "1e300", Height: "1"}},
			Failure: &failure,
		}
		if n == 0 {
			img.Object, img.Failure = &manifest.Object{SHA256: manifest.Digest{1}, Size: 1 << 40, Ext: "jpg"}, nil
		}
		if err := spool.Append(&img); err != nil {
			t.Fatal(err)
		}
	}
	entry := manifest.ProjectEntry{ID: id(1), Name: evilText, DomainID: id(2), Type: evilText, Outcome: evilText, Failures: []manifest.Failure{failure}}
	if err := w.AddProject(entry, p, spool); err != nil {
		t.Fatal(err)
	}
	addRestorable(t, w, v, id)
	_, err = w.Close(manifest.Manifest{
		ID: "0123abcd", Tool: manifest.Tool{Name: evilText, Version: long}, Source: manifest.Source{Name: evilText, Endpoint: evilText, APIVersion: evilText},
		Capture: manifest.Capture{Projects: []string{long}}, Domains: []manifest.Domain{{ID: id(2), Name: evilText, Type: evilText}},
		Failures: []manifest.Failure{failure}, Parent: &manifest.Parent{Name: long, SHA256: manifest.Digest{1}},
	})
	if err != nil {
		t.Fatal(err)
	}
	a, err := v.CommitArchive(t.Context(), "west", time.Date(2028, 9, 1, 2, 0, 0, 0, time.UTC), "0123abcd", file)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// addRestorable adds a project that a target takes, with names that are no
// better.
func addRestorable(t *testing.T, w *archive.Writer, v *vault.Vault, id func(int) string) {
	t.Helper()
	const detection = "da2e3a8a-40a5-4171-82f4-58522f70fbc1"
	data := picture(1)
	o := manifest.Object{SHA256: sha256.Sum256(data), Size: int64(len(data)), Ext: manifest.SniffExt(data)}
	if _, err := v.PutObject(t.Context(), o, bytes.NewReader(data)); err != nil {
		t.Fatal(err)
	}
	spool, err := w.NewSpool()
	if err != nil {
		t.Fatal(err)
	}
	for n, object := range []*manifest.Object{&o, {SHA256: manifest.Digest{2}, Size: 5, Ext: "png"}} {
		err := spool.Append(&manifest.Image{
			ID: id(20 + n), Object: object, Metadata: map[string]string{evilText: evilText}, Tags: []manifest.ImageTag{{TagID: id(8)}},
			Regions: []manifest.Region{{TagID: id(8), Left: "0.1", Top: "0.1", Width: "0.5", Height: json.Number(fmt.Sprint(n * 7))}},
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	p := archive.ProjectMembers{
		Project: manifest.Project{ID: id(7), Name: "restorable " + evilText, Description: evilText, Settings: manifest.ProjectSettings{
			DomainID: detection, TargetExportPlatforms: []string{evilText},
			ImageProcessingSettings: &manifest.ImageProcessingSettings{AugmentationMethods: map[string]bool{evilText: true}},
		}},
		Tags: []manifest.Tag{{ID: id(8), Name: evilText, Description: evilText, Type: manifest.TagRegular}},
	}
	entry := manifest.ProjectEntry{ID: id(7), Name: p.Project.Name, DomainID: detection, Type: manifest.ObjectDetection, Outcome: manifest.Complete}
	if err := w.AddProject(entry, p, spool); err != nil {
		t.Fatal(err)
	}
}

// Whatever an archive says, no command passes it to the terminal as it is,
// floods it, or writes anything outside its folders.
func TestHostileArchive(t *testing.T) {
	_, base := newService(t)
	root := t.TempDir()
	dir := filepath.Join(root, "work")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	config := filepath.Join(dir, "cvarchive.yaml")
	if err := os.WriteFile(config, []byte(testConfig(base)), 0o600); err != nil {
		t.Fatal(err)
	}
	store := filepath.Join(dir, "vault")
	a := hostileArchive(t, store)
	lone := filepath.Join(store, filepath.FromSlash(a.Path))
	t.Chdir(dir)
	for _, line := range []string{
		"list", "list --json", "inspect latest", "inspect latest --json", "inspect " + lone,
		"verify latest --progress json", "verify latest --json", "verify --all --read-data", "verify " + lone,
		"restore latest --to north --dry-run", "restore latest --to north --dry-run --json",
		"restore latest --to north --dry-run --mode rebuild", "restore latest --to north --yes --mode rebuild --verbose",
		"restore latest --to north --yes --json", "diff latest", "diff latest --live north", "diff latest --live north --json",
		"diff latest " + lone + " --images", "repair latest --from west", "repair latest --from west --json", "list west",
	} {
		var out, errs bytes.Buffer
		args := append([]string{"--config", config, "--vault", store}, strings.Split(line, " ")...)
		status := run(t.Context(), args, process{
			stdin: strings.NewReader(""), stdout: &out, stderr: &errs,
			lookupEnv: func(name string) (string, bool) { return testKey, name == "KEY" },
		})
		if status == exitUsage {
			t.Errorf("%q is no command line any more: %s", line, errs.String())
		}
		for where, text := range map[string]string{"stdout": out.String(), "stderr": errs.String()} {
			if i := strings.IndexFunc(text, steering); i >= 0 {
				t.Errorf("%q printed on %s: %q", line, where, text[max(0, i-60):min(len(text), i+60)])
			}
			if most := 100_000; len(text) > most && !strings.Contains(line, "json") {
				t.Errorf("%q printed %d bytes on %s", line, len(text), where)
			}
		}
	}
	entries, err := os.ReadDir(root)
	if err != nil || len(entries) != 1 {
		t.Errorf("beside the working folder: %v, %v", entries, err)
	}
	if inside, err := os.ReadDir(dir); err != nil || len(inside) != 2 {
		t.Errorf("in the working folder: %v, %v", inside, err)
	}
}

// steering reports whether a character has no business in any output. ui has
// its own idea of it; this one must not share its mistakes.
func steering(r rune) bool {
	return r != '\n' && (unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == '\u200b')
}
