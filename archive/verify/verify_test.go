package verify_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"cvarchive/archive"
	"cvarchive/archive/progress"
	"cvarchive/archive/vault"
	"cvarchive/archive/vault/vaulttest"
	"cvarchive/archive/verify"
	"cvarchive/manifest"
)

const (
	firstProject  = "aaaaaaaa-0000-4000-8000-000000000001"
	secondProject = "aaaaaaaa-0000-4000-8000-000000000002"
	projects      = 2
	images        = 40 // of each project
)

func imageID(project, n int) string {
	return fmt.Sprintf("bbbbbbbb-%04d-4000-8000-%012d", project, n)
}

// contentOf is the content of an image. The last two images of a project are
// the same picture.
func contentOf(project, n int) []byte {
	return fmt.Appendf(nil, "GIF89a picture %d of project %d", min(n, images-2), project)
}

func objectOf(data []byte) manifest.Object {
	return manifest.Object{SHA256: sha256.Sum256(data), Size: int64(len(data)), Ext: manifest.SniffExt(data)}
}

var model = []byte("PK\x03\x04 a model")

// vaultWithArchive makes a vault that holds one archive of two projects and
// its objects.
func vaultWithArchive(t *testing.T) (*vaulttest.Memory, vault.Archive) {
	t.Helper()
	store := vaulttest.NewMemory()
	v := vaulttest.Init(t, store)
	put := func(data []byte) *manifest.Object {
		o := objectOf(data)
		if _, err := v.PutObject(t.Context(), o, bytes.NewReader(data)); err != nil {
			t.Fatal(err)
		}
		return &o
	}
	var file bytes.Buffer
	w, err := archive.NewWriter(&file, archive.WriterOptions{TempDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	for p, id := range []string{firstProject, secondProject} {
		spool, err := w.NewSpool()
		if err != nil {
			t.Fatal(err)
		}
		for n := range images {
			if err := spool.Append(&manifest.Image{ID: imageID(p, n), Object: put(contentOf(p, n))}); err != nil {
				t.Fatal(err)
			}
		}
		members := archive.ProjectMembers{
			Project: manifest.Project{ID: id, Name: fmt.Sprint("project ", p)},
			Iterations: []manifest.Iteration{{
				ID: "cccccccc-0000-4000-8000-000000000001", Name: "it", Status: "Completed",
				Models: []manifest.ModelExport{{Platform: "ONNX", Status: manifest.ExportDone, Object: put(model)}},
			}},
			Export: manifest.Export{State: manifest.TokenNone},
		}
		entry := manifest.ProjectEntry{ID: id, Name: members.Project.Name, Outcome: manifest.Complete}
		if err := w.AddProject(entry, members, spool); err != nil {
			t.Fatal(err)
		}
	}
	at := time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC)
	if _, err := w.Close(manifest.Manifest{ID: "0123abcd", Source: manifest.Source{Name: "weu"}, Started: at, Finished: at}); err != nil {
		t.Fatal(err)
	}
	a, err := v.CommitArchive(t.Context(), "weu", at, "0123abcd", bytes.NewReader(file.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	return store, a
}

func content(t *testing.T, s vault.Store, name string) []byte {
	t.Helper()
	r, err := s.Open(context.Background(), name, 0, -1)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	data, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// replace puts other content under a name.
func replace(t *testing.T, s vault.Store, name string, data []byte) {
	t.Helper()
	if err := s.Delete(t.Context(), name); err != nil {
		t.Fatal(err)
	}
	if err := s.Create(t.Context(), name, bytes.NewReader(data)); err != nil {
		t.Fatal(err)
	}
}

func TestSoundArchive(t *testing.T) {
	for _, readData := range []bool{false, true} {
		store, a := vaultWithArchive(t)
		counted := vaulttest.Count(store)
		v := vaulttest.Init(t, counted)
		counted.BytesRead.Store(0)
		var done atomic.Int64
		report, err := verify.Archive(t.Context(), v, a, verify.Options{ReadData: readData, Progress: func(e progress.Event) {
			if e.Kind == progress.ItemDone {
				done.Add(1)
			}
		}})
		if err != nil {
			t.Fatal(err)
		}
		file := content(t, store, a.Path)
		want := &verify.Report{
			Archive: a.Name, SHA256: sha256.Sum256(file), Size: int64(len(file)), ReadData: readData,
			Members: 1 + 5*projects + 1, Images: projects * images, Objects: projects * (images - 1 + 1),
		}
		for p := range projects {
			want.Bytes += int64(len(model))
			for n := range images - 1 {
				want.Bytes += int64(len(contentOf(p, n)))
			}
		}
		if diff := cmp.Diff(want, report); diff != "" || !report.Sound() {
			t.Errorf("report (-want +got):\n%s", diff)
		}
		if done.Load() != want.Objects {
			t.Errorf("%d objects were reported to progress, want %d", done.Load(), want.Objects)
		}
		if read := counted.BytesRead.Load() >= want.Size+want.Bytes; read != readData {
			t.Errorf("%d bytes were read; objects read: %v, want %v", counted.BytesRead.Load(), read, readData)
		}
	}
}

func TestDamageIsNamed(t *testing.T) {
	victim := contentOf(1, 7)
	flipped := bytes.Clone(victim)
	flipped[len(flipped)-1] ^= 1
	item := fmt.Sprintf(`image %s of project "project 1"`, imageID(1, 7))
	for _, tt := range []struct {
		name         string
		damage       func(t *testing.T, s vault.Store, name string)
		onlyReadData bool
		reason, hint string
	}{
		{
			name:   "missing",
			damage: func(t *testing.T, s vault.Store, name string) { _ = s.Delete(t.Context(), name) },
			reason: "missing", hint: "back up again",
		},
		{
			name:   "truncated",
			damage: func(t *testing.T, s vault.Store, name string) { replace(t, s, name, victim[:9]) },
			reason: "damaged", hint: "move objects/sha256/",
		},
		{
			name:   "emptied",
			damage: func(t *testing.T, s vault.Store, name string) { replace(t, s, name, nil) },
			reason: "damaged", hint: "move objects/sha256/",
		},
		{
			name:   "longer",
			damage: func(t *testing.T, s vault.Store, name string) { replace(t, s, name, append(bytes.Clone(victim), '!')) },
			reason: "damaged", hint: "move objects/sha256/",
		},
		{
			name: "flipped bit", onlyReadData: true,
			damage: func(t *testing.T, s vault.Store, name string) { replace(t, s, name, flipped) },
			reason: "another digest", hint: "move objects/sha256/",
		},
	} {
		for _, readData := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, read data %v", tt.name, readData), func(t *testing.T) {
				store, a := vaultWithArchive(t)
				v := vaulttest.Init(t, store)
				tt.damage(t, store, v.ObjectName(objectOf(victim)))
				report, err := verify.Archive(t.Context(), v, a, verify.Options{ReadData: readData})
				if err != nil {
					t.Fatal(err)
				}
				if tt.onlyReadData && !readData {
					if !report.Sound() {
						t.Errorf("problems %v", report.Problems)
					}
					return
				}
				if len(report.Problems) != 1 || report.Objects != projects*images {
					t.Fatalf("%d objects checked, problems %v", report.Objects, report.Problems)
				}
				p := report.Problems[0]
				if p.Item != item || !strings.Contains(p.Reason, tt.reason) || !strings.Contains(p.Hint, tt.hint) {
					t.Errorf("problem %q", p)
				}
			})
		}
	}
}

func TestUnreadableObject(t *testing.T) {
	store, a := vaultWithArchive(t)
	sick := errors.New("the disk is sick")
	gate := vaulttest.Gate(store, vaulttest.When{Prefix: "objects/", Nth: 3}, func(context.Context, string) error { return sick })
	vaulttest.MustHit(t, gate)
	report, err := verify.Archive(t.Context(), vaulttest.Init(t, gate), a, verify.Options{ReadData: true})
	if err != nil {
		t.Fatal(err)
	}
	if len(report.Problems) != 1 || !strings.Contains(report.Problems[0].Reason, "sick") || report.Objects != projects*images {
		t.Errorf("report %+v", report)
	}
}

// A byte that changed anywhere in the archive is found, and what can still be
// read of the records is held against the vault.
func TestEveryFlippedByteOfTheArchive(t *testing.T) {
	store, a := vaultWithArchive(t)
	v := vaulttest.Init(t, store)
	file := content(t, store, a.Path)
	lost := v.ObjectName(objectOf(contentOf(0, 0)))
	if err := store.Delete(t.Context(), lost); err != nil {
		t.Fatal(err)
	}
	bothFound := 0
	for at := 0; at < len(file); at += 41 {
		file[at] ^= 0x10
		replace(t, store, a.Path, file)
		file[at] ^= 0x10
		report, err := verify.Archive(t.Context(), v, a, verify.Options{})
		if err != nil {
			t.Fatalf("byte %d: %v", at, err)
		}
		structural, missing := 0, 0
		for _, p := range report.Problems {
			if strings.Contains(p.Reason, "missing from") {
				missing++
			} else {
				structural++
			}
		}
		if structural == 0 {
			t.Errorf("byte %d of %d flipped: nothing found; problems %v", at, len(file), report.Problems)
		}
		if missing > 0 {
			bothFound++
		}
	}
	if bothFound == 0 {
		t.Error("the objects were never looked at beside damage of the archive")
	}
}

func TestArchiveThatIsNone(t *testing.T) {
	store, a := vaultWithArchive(t)
	v := vaulttest.Init(t, store)
	whole := content(t, store, a.Path)
	for name, file := range map[string][]byte{
		"empty": nil, "truncated": whole[:len(whole)/2], "something else": []byte(strings.Repeat("not an archive ", 100)),
	} {
		t.Run(name, func(t *testing.T) {
			replace(t, store, a.Path, file)
			report, err := verify.Archive(t.Context(), v, a, verify.Options{})
			if err != nil {
				t.Fatal(err)
			}
			if report.Sound() || len(report.Unchecked) == 0 {
				t.Errorf("report %+v", report)
			}
		})
	}
}

// An archive under the name of another is sound in itself.
func TestSwappedArchive(t *testing.T) {
	store, a := vaultWithArchive(t)
	v := vaulttest.Init(t, store)
	swapped, err := v.CommitArchive(t.Context(), "weu", a.Created.Add(time.Hour), "11111111", bytes.NewReader(content(t, store, a.Path)))
	if err != nil {
		t.Fatal(err)
	}
	report, err := verify.Archive(t.Context(), v, swapped, verify.Options{})
	if err != nil || len(report.Problems) != 1 || !strings.Contains(report.Problems[0].Reason, "0123abcd") {
		t.Errorf("report %+v, %v", report, err)
	}
}

func TestErrorsOfVerifying(t *testing.T) {
	store, a := vaultWithArchive(t)
	v := vaulttest.Init(t, store)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := verify.Archive(ctx, v, a, verify.Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if err := store.Delete(t.Context(), a.Path); err != nil {
		t.Fatal(err)
	}
	if _, err := verify.Archive(t.Context(), v, a, verify.Options{}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("archive gone: %v", err)
	}
}

func TestFile(t *testing.T) {
	store, a := vaultWithArchive(t)
	file := content(t, store, a.Path)
	report, err := verify.File(t.Context(), bytes.NewReader(file), int64(len(file)), "copy.tar.zst")
	if err != nil || !report.Sound() || report.SHA256 != sha256.Sum256(file) || len(report.Unchecked) != 1 || report.Objects != 0 {
		t.Errorf("report %+v, %v", report, err)
	}
	file[len(file)/2] ^= 1
	report, err = verify.File(t.Context(), bytes.NewReader(file), int64(len(file)), "copy.tar.zst")
	if err != nil || report.Sound() {
		t.Errorf("flipped: report %+v, %v", report, err)
	}
}
