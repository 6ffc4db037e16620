package export

import (
	"bytes"
	"crypto/sha256"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"cvarchive/archive"
	"cvarchive/archive/vault"
	"cvarchive/archive/vault/vaulttest"
	"cvarchive/manifest"
)

func TestElement(t *testing.T) {
	for name, want := range map[string]string{
		"Fruit bowl":             "Fruit bowl",
		"إشارات المرور":          "إشارات المرور",
		"Straße 🚦":               "Straße 🚦",
		"a/b\\c:d":               "a_b_c_d",
		"..":                     "_",
		"../../etc/passwd":       "_.._.._etc_passwd",
		".hidden":                "_.hidden",
		"":                       "_",
		"   ":                    "_",
		"dots. . .":              "dots",
		"CON":                    "_CON",
		"com1.txt":               "_com1.txt",
		"comic":                  "comic",
		"line\nbreak\x1b[2J":     "line_break_[2J",
		"right\u202eto left":     "right_to left",
		"\xff\xfe":               "__",
		strings.Repeat("空", 100): strings.Repeat("空", 33),
	} {
		if got := element(name); got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
}

func TestElements(t *testing.T) {
	type thing struct{ id, name string }
	things := []thing{{"11111111-1", "cats"}, {"22222222-2", "Cats"}, {"33333333-3", "a/b"}, {"44444444-4", "a_b"}, {"55555555-5", "dogs"}, {"../../../x", "cats"}, {"11111111-7", "cats"}}
	got := elements(things, func(t thing) string { return t.name }, func(t thing) string { return t.id })
	want := map[string]string{
		"11111111-1": "cats ~11111111", "22222222-2": "Cats ~22222222", "33333333-3": "a_b ~33333333", "44444444-4": "a_b ~44444444",
		"55555555-5": "dogs", "../../../x": "cats ~_.._.._", "11111111-7": "cats ~2",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

// example is an archive of three projects with models, in a vault.
type example struct {
	t       *testing.T
	store   *vaulttest.Memory
	vault   *vault.Vault
	archive *archive.Reader
}

// object stores the bytes of a model.
func (e *example) object(data string) *manifest.Object {
	e.t.Helper()
	o := manifest.Object{SHA256: sha256.Sum256([]byte(data)), Size: int64(len(data)), Ext: "zip"}
	_, err := e.vault.PutObject(e.t.Context(), o, strings.NewReader(data))
	check(e.t, err)
	return &o
}

func newExample(t *testing.T) *example {
	t.Helper()
	e := &example{t: t, store: vaulttest.NewMemory()}
	e.vault = vaulttest.Init(t, e.store)
	iteration := func(name string, models ...manifest.ModelExport) manifest.Iteration {
		return manifest.Iteration{ID: uuid.NewString(), Name: name, Status: "Completed", Models: models}
	}
	done := func(platform, flavor, data string) manifest.ModelExport {
		return manifest.ModelExport{Platform: platform, Flavor: flavor, Status: manifest.ExportDone, Object: e.object(data)}
	}
	var file bytes.Buffer
	w, err := archive.NewWriter(&file, archive.WriterOptions{TempDir: t.TempDir()})
	check(t, err)
	add := func(name string, iterations ...manifest.Iteration) {
		spool, err := w.NewSpool()
		check(t, err)
		p := manifest.Project{ID: uuid.NewString(), Name: name}
		export := manifest.Export{State: manifest.TokenNone, Failure: &manifest.Failure{Item: "export", Message: "not asked for"}}
		check(t, w.AddProject(manifest.ProjectEntry{ID: p.ID, Name: name, Outcome: manifest.Complete}, archive.ProjectMembers{Project: p, Iterations: iterations, Export: export}, spool))
	}
	add("Fruit", iteration("Iteration 1", done("ONNX", "", "onnx"), done("TensorFlow", "TensorFlowLite", "lite")),
		iteration("Iteration 2",
			manifest.ModelExport{Platform: "CoreML", Status: "Failed"},
			manifest.ModelExport{Platform: "VAIDK", Status: manifest.ExportDone, Failure: &manifest.Failure{Item: "model", Message: "no link"}}))
	add("../..", iteration("/etc", done("../../x", "a:b", "climber")))
	add("إشارات", iteration("Iteration 1", done("ONNX", "", "onnx")))
	_, err = w.Close(manifest.Manifest{
		ID: "0a1b2c3d", Tool: manifest.Tool{Name: "cvarchive", Version: "test"},
		Source:  manifest.Source{Name: "prod", Endpoint: "https://example.invalid", APIVersion: "v3.3"},
		Started: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Finished: time.Date(2026, 1, 2, 3, 5, 5, 0, time.UTC),
	})
	check(t, err)
	e.archive, err = archive.NewReader(bytes.NewReader(file.Bytes()), int64(file.Len()))
	check(t, err)
	return e
}

func (e *example) export(dir string) *Report {
	e.t.Helper()
	r, err := Models(e.t.Context(), e.archive, e.vault, Options{Dir: dir, Projects: e.archive.Manifest().Projects})
	check(e.t, err)
	return r
}

// outcomes has those of a report by platform and flavor.
func outcomes(r *Report, project string) map[string]Outcome {
	out := map[string]Outcome{}
	for _, m := range r.Models {
		if m.Project == project {
			out[strings.TrimSpace(m.Platform+" "+m.Flavor)] = m.Outcome
		}
	}
	return out
}

// files are those below a folder, with their content.
func files(t *testing.T, dir string) map[string]string {
	t.Helper()
	found := map[string]string{}
	check(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		if runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has the mode %v", path, info.Mode())
		}
		if d.Type().IsRegular() {
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			name, _ := filepath.Rel(dir, path)
			found[filepath.ToSlash(name)] = string(data)
		}
		return nil
	}))
	return found
}

// TestModels writes models out, twice: names stay in the folder, what is there
// is left alone, and what cannot be had is named.
func TestModels(t *testing.T) {
	e := newExample(t)
	dir := filepath.Join(t.TempDir(), "new", "models")
	r := e.export(dir)
	climber := e.archive.Manifest().Projects[1]
	want := map[string]string{
		"Fruit/Iteration 1/ONNX.zip":                      "onnx",
		"Fruit/Iteration 1/TensorFlow TensorFlowLite.zip": "lite",
		"إشارات/Iteration 1/ONNX.zip":                     "onnx",
	}
	got := files(t, dir)
	for name, data := range got {
		if data == "climber" && strings.HasPrefix(name, "_.._ ~"+climber.ID[:8]+"/_etc ~") && strings.HasSuffix(name, "/_.._.._x a_b.zip") {
			delete(got, name)
		}
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("files (-want +got):\n%s", d)
	}
	wantOutcomes := map[string]Outcome{"ONNX": Written, "TensorFlow TensorFlowLite": Written, "CoreML": Absent, "VAIDK": Failed}
	if d := cmp.Diff(wantOutcomes, outcomes(r, "Fruit")); d != "" || r.Whole() {
		t.Errorf("whole %t, outcomes (-want +got):\n%s", r.Whole(), d)
	}
	wantOutcomes["ONNX"], wantOutcomes["TensorFlow TensorFlowLite"] = Present, Present
	if d := cmp.Diff(wantOutcomes, outcomes(e.export(dir), "Fruit")); d != "" {
		t.Errorf("again, outcomes (-want +got):\n%s", d)
	}
}

// TestModelsInTheWay finds other files, a link that leads out of the folder,
// and damaged objects: nothing is replaced, nothing is left half, and the rest
// is written.
func TestModelsInTheWay(t *testing.T) {
	e := newExample(t)
	dir, outside := t.TempDir(), t.TempDir()
	check(t, os.Chmod(dir, 0o700))
	check(t, os.MkdirAll(filepath.Join(dir, "Fruit", "Iteration 1"), 0o700))
	mine := filepath.Join(dir, "Fruit", "Iteration 1", "ONNX.zip")
	check(t, os.WriteFile(mine, []byte("mine"), 0o600)) // as long as the model
	check(t, os.Symlink(outside, filepath.Join(dir, "إشارات")))
	lite := e.object("lite")
	e.store.Put(e.vault.ObjectName(*lite), []byte("LITE"))
	r := e.export(dir)
	got := outcomes(r, "Fruit")
	if got["ONNX"] != Failed || got["TensorFlow TensorFlowLite"] != Failed || outcomes(r, "إشارات")["ONNX"] != Failed || outcomes(r, "../..")["../../x a:b"] != Written {
		t.Errorf("models %+v", r.Models)
	}
	if data, err := os.ReadFile(mine); err != nil || string(data) != "mine" {
		t.Errorf("the file that was there: %q, %v", data, err)
	}
	if left := files(t, filepath.Join(dir, "Fruit")); len(left) != 1 {
		t.Errorf("files %v", left)
	}
	if there, err := os.ReadDir(outside); err != nil || len(there) > 0 {
		t.Errorf("outside of the folder: %v, %v", there, err)
	}
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
