package verify_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"cvarchive/archive"
	"cvarchive/archive/progress"
	"cvarchive/archive/vault"
	"cvarchive/archive/vault/dirstore"
	"cvarchive/archive/vault/vaulttest"
	"cvarchive/archive/verify"
	"cvarchive/manifest"
	"cvarchive/manifest/store"
)

const (
	firstProject  = "aaaaaaaa-0000-4000-8000-000000000001"
	secondProject = "aaaaaaaa-0000-4000-8000-000000000002"
	iteration     = "cccccccc-0000-4000-8000-000000000001"
	projects      = 2
	images        = 16 // of each project
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

// stores turn what is in memory into each kind of store that a vault may be
// in.
var stores = map[string]func(*testing.T, *vaulttest.Memory) vault.Store{
	"memory": func(_ *testing.T, m *vaulttest.Memory) vault.Store { return m },
	"folder": func(t *testing.T, m *vaulttest.Memory) vault.Store {
		dir := t.TempDir()
		for _, name := range m.Names() { // at once: every write of the store itself is synced
			path := filepath.Join(dir, filepath.FromSlash(name))
			if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, m.Bytes(name), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		s, err := dirstore.New(dir)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
		return s
	},
}

// vaultWithArchive makes a vault that holds one archive of two projects and
// its objects.
func vaultWithArchive(t *testing.T) (*vaulttest.Memory, vault.Archive) {
	t.Helper()
	store := vaulttest.NewMemory()
	return store, addArchive(t, store, "0123abcd", nil)
}

// addArchive adds an archive of two projects and its objects.
func addArchive(t *testing.T, store vault.Store, id string, parent *manifest.Parent) vault.Archive {
	t.Helper()
	at := time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC)
	file := archiveFile(t, vaulttest.Init(t, store), id, func(m *manifest.Manifest) { m.Parent = parent })
	a, err := vaulttest.Init(t, store).CommitArchive(t.Context(), "weu", at, id, bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// archiveFile writes an archive file and puts its objects into a vault.
func archiveFile(t *testing.T, v *vault.Vault, id string, change func(*manifest.Manifest)) []byte {
	t.Helper()
	put := func(data []byte) *manifest.Object {
		o := objectOf(data)
		if _, err := v.PutObject(t.Context(), o, bytes.NewReader(data)); err != nil {
			t.Fatal(err)
		}
		return &o
	}
	var file bytes.Buffer
	w, err := archive.NewWriter(&file, archive.WriterOptions{TempDir: t.TempDir(), FrameSize: 4 << 10})
	if err != nil {
		t.Fatal(err)
	}
	for p, project := range []string{firstProject, secondProject} {
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
			Project: manifest.Project{ID: project, Name: fmt.Sprint("project ", p)},
			Iterations: []manifest.Iteration{{
				ID: iteration, Name: "it", Status: "Completed",
				Models: []manifest.ModelExport{{Platform: "ONNX", Status: manifest.ExportDone, Object: put(model)}},
			}},
			Export: manifest.Export{State: manifest.TokenNone},
		}
		entry := manifest.ProjectEntry{ID: project, Name: members.Project.Name, Outcome: manifest.Complete}
		if err := w.AddProject(entry, members, spool); err != nil {
			t.Fatal(err)
		}
	}
	at := time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC)
	m := manifest.Manifest{ID: id, Source: manifest.Source{Name: "weu"}, Started: at, Finished: at}
	change(&m)
	if _, err := w.Close(m); err != nil {
		t.Fatal(err)
	}
	return file.Bytes()
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
		distinct := want.Objects - 1 // the model is in both projects
		for p := range projects {
			want.Bytes += int64(len(model))
			for n := range images - 1 {
				want.Bytes += int64(len(contentOf(p, n)))
			}
		}
		if readData {
			want.Read, want.Earlier = want.Objects, 1
			want.BytesRead = want.Bytes - int64(len(model))
		}
		if diff := cmp.Diff(want, report); diff != "" || !report.Sound() {
			t.Errorf("report (-want +got):\n%s", diff)
		}
		if done.Load() != distinct {
			t.Errorf("%d objects were reported to progress, want %d", done.Load(), distinct)
		}
		if read := counted.BytesRead.Load() >= want.Size+want.Bytes-int64(len(model)); read != readData {
			t.Errorf("%d bytes were read; objects read: %v, want %v", counted.BytesRead.Load(), read, readData)
		}
	}
}

// finding is what a problem must say, without the words.
type finding struct {
	Kind                        verify.Kind
	Project, ImageID, Iteration string
	ObjectName                  string
}

func findings(r *verify.Report) []finding {
	var all []finding
	for _, p := range r.Problems {
		all = append(all, finding{p.Kind, p.Project, p.ImageID, p.IterationID, p.ObjectName})
	}
	return all
}

func TestDamageOfObjectsIsNamed(t *testing.T) {
	victim, other, shared := contentOf(1, 7), contentOf(1, 8), contentOf(1, images-1)
	flip := func(data []byte) []byte {
		data = bytes.Clone(data)
		data[len(data)-1] ^= 1
		return data
	}
	v := vaulttest.New(t)
	name := func(data []byte) string { return v.ObjectName(objectOf(data)) }
	image := func(kind verify.Kind, n int) finding {
		return finding{Kind: kind, Project: "project 1", ImageID: imageID(1, n), ObjectName: name(contentOf(1, n))}
	}
	remove := func(t *testing.T, s vault.Store, data []byte) {
		if err := s.Delete(t.Context(), name(data)); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct {
		name         string
		damage       func(t *testing.T, s vault.Store)
		onlyReadData bool
		want         []finding
		reason, hint string
	}{
		{
			name:   "missing",
			damage: func(t *testing.T, s vault.Store) { remove(t, s, victim) },
			want:   []finding{image(verify.Missing, 7)}, reason: "is missing from", hint: "cvarchive repair weu/",
		},
		{
			name:   "truncated",
			damage: func(t *testing.T, s vault.Store) { replace(t, s, name(victim), victim[:9]) },
			want:   []finding{image(verify.Damaged, 7)}, reason: "is damaged", hint: "cvarchive repair weu/",
		},
		{
			name:   "emptied",
			damage: func(t *testing.T, s vault.Store) { replace(t, s, name(victim), nil) },
			want:   []finding{image(verify.Damaged, 7)}, reason: "is damaged", hint: "cvarchive repair weu/",
		},
		{
			name:   "longer",
			damage: func(t *testing.T, s vault.Store) { replace(t, s, name(victim), append(bytes.Clone(victim), '!')) },
			want:   []finding{image(verify.Damaged, 7)}, reason: "is damaged", hint: "cvarchive repair weu/",
		},
		{
			name: "flipped bit", onlyReadData: true,
			damage: func(t *testing.T, s vault.Store) { replace(t, s, name(victim), flip(victim)) },
			want:   []finding{image(verify.Damaged, 7)}, reason: "another digest", hint: "--read-data",
		},
		{
			name: "swapped", onlyReadData: true,
			damage: func(t *testing.T, s vault.Store) {
				replace(t, s, name(victim), other)
				replace(t, s, name(other), victim)
			},
			want: []finding{image(verify.Damaged, 7), image(verify.Damaged, 8)}, reason: "another digest", hint: "--read-data",
		},
		{
			name:   "missing, of two images",
			damage: func(t *testing.T, s vault.Store) { remove(t, s, shared) },
			want:   []finding{image(verify.Missing, images-2), image(verify.Missing, images-1)}, reason: "is missing from",
		},
		{
			name:   "a model of two projects",
			damage: func(t *testing.T, s vault.Store) { replace(t, s, name(model), model[1:]) },
			want: []finding{
				{Kind: verify.Damaged, Project: "project 0", Iteration: iteration, ObjectName: name(model)},
				{Kind: verify.Damaged, Project: "project 1", Iteration: iteration, ObjectName: name(model)},
			}, reason: "is damaged",
		},
	} {
		for kind, open := range stores {
			for _, readData := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s, %s, read data %v", tt.name, kind, readData), func(t *testing.T) {
					memory, a := vaultWithArchive(t)
					store := open(t, memory)
					tt.damage(t, store)
					var streamed []verify.Problem
					report, err := verify.Archive(t.Context(), vaulttest.Init(t, store), a, verify.Options{
						ReadData: readData, Found: func(p verify.Problem) { streamed = append(streamed, p) },
					})
					if err != nil {
						t.Fatal(err)
					}
					want := tt.want
					if tt.onlyReadData && !readData {
						want = nil
					}
					if diff := cmp.Diff(want, findings(report)); diff != "" || report.Objects != projects*images {
						t.Fatalf("%d objects checked (-want +got):\n%s", report.Objects, diff)
					}
					if diff := cmp.Diff(report.Problems, streamed); diff != "" {
						t.Errorf("told while it ran (-report +told):\n%s", diff)
					}
					for _, p := range report.Problems {
						if !strings.Contains(p.Reason, tt.reason) || !strings.Contains(p.Hint, tt.hint) || p.Archive != a.Name || p.Object == nil {
							t.Errorf("problem %+v", p)
						}
					}
				})
			}
		}
	}
}

func TestUnreadableObject(t *testing.T) {
	store, a := vaultWithArchive(t)
	sick := errors.New("the disk is sick")
	// An object that one record names; which one is read third is not known.
	name := vaulttest.Init(t, store).ObjectName(objectOf(contentOf(0, 3)))
	gate := vaulttest.Gate(store, vaulttest.When{Prefix: name}, func(context.Context, string) error { return sick })
	vaulttest.MustHit(t, gate)
	report, err := verify.Archive(t.Context(), vaulttest.Init(t, gate), a, verify.Options{ReadData: true})
	if err != nil {
		t.Fatal(err)
	}
	if len(report.Problems) != 1 || !strings.Contains(report.Problems[0].Reason, "sick") || report.Objects != projects*images {
		t.Errorf("report %+v", report)
	}
}

// What lies in the archive tier is no damage, nor is the vault given up for it;
// what was deleted and can be brought back says so.
func TestOfflineAndSoftDeletedObjects(t *testing.T) {
	memory, a := vaultWithArchive(t)
	g := vaulttest.Guarding(memory)
	deleted := false
	for _, name := range memory.Names() {
		if !strings.HasPrefix(name, "objects/") {
			continue
		}
		if !deleted {
			deleted = g.Delete(t.Context(), name) == nil
			continue
		}
		g.SetState(name, store.State{Offline: true})
	}
	v := vaulttest.Init(t, g)
	report, err := verify.Archive(t.Context(), v, a, verify.Options{ReadData: true})
	if err != nil {
		t.Fatal(err)
	}
	kinds := map[verify.Kind]int{}
	for _, p := range report.Problems {
		kinds[p.Kind]++
		want := map[verify.Kind]string{verify.Offline: "`cvarchive rehydrate " + a.Name, verify.Missing: "the storage keeps it for 7 more days: `cvarchive repair " + a.Name}[p.Kind]
		if !strings.Contains(p.Hint, want) {
			t.Errorf("%s: %s", p.Kind, p.Hint)
		}
	}
	if kinds[verify.Missing] != 1 || kinds[verify.Offline] < images || len(kinds) != 2 {
		t.Errorf("%v", kinds)
	}
	report, err = verify.Archive(t.Context(), v, a, verify.Options{})
	if err != nil || len(report.Problems) != 1 {
		t.Errorf("without reading: %+v, %v", report.Problems, err)
	}
}

// A byte that changed anywhere in the archive is found, and what can still be
// read of the records is held against the vault. What is wrong with the archive
// itself is told first, also where objects are read meanwhile.
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
		report, err := verify.Archive(t.Context(), v, a, verify.Options{ReadData: at%2 == 0})
		if err != nil {
			t.Fatalf("byte %d: %v", at, err)
		}
		structural, missing := 0, 0
		for _, p := range report.Problems {
			if strings.Contains(p.Reason, "missing from") {
				missing++
				continue
			}
			structural++
			if missing > 0 {
				t.Errorf("byte %d: %v comes after what is missing", at, p)
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
	report, err := verify.File(t.Context(), bytes.NewReader(file), int64(len(file)), "copy.tar.zst", nil, verify.Options{})
	if err != nil || !report.Sound() || report.SHA256 != sha256.Sum256(file) || len(report.Unchecked) != 1 || report.Objects != 0 {
		t.Errorf("report %+v, %v", report, err)
	}
	file[len(file)/2] ^= 1
	report, err = verify.File(t.Context(), bytes.NewReader(file), int64(len(file)), "copy.tar.zst", nil, verify.Options{})
	if err != nil || report.Sound() {
		t.Errorf("flipped: report %+v, %v", report, err)
	}
}
