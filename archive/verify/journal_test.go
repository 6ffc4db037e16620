package verify_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"cvarchive/archive"
	"cvarchive/archive/progress"
	"cvarchive/archive/vault"
	"cvarchive/archive/vault/vaulttest"
	"cvarchive/archive/verify"
	"cvarchive/manifest"
)

var at = time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC)

// countOpens counts by name.
func countOpens(names map[string]int) func(context.Context, string) error {
	var mu sync.Mutex
	return func(_ context.Context, name string) error {
		mu.Lock()
		defer mu.Unlock()
		names[name]++
		return nil
	}
}

func failWith(err error) func(context.Context, string) error {
	return func(context.Context, string) error { return err }
}

// largeArchive is an archive of one project with many images.
func largeArchive(t *testing.T, v *vault.Vault, count int) []byte {
	t.Helper()
	return archiveOf(t, v, count, 0)
}

// archiveOf is a large archive whose images have so many more bytes.
func archiveOf(t *testing.T, v *vault.Vault, count, more int) []byte {
	t.Helper()
	var file bytes.Buffer
	w, err := archive.NewWriter(&file, archive.WriterOptions{TempDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	spool, err := w.NewSpool()
	if err != nil {
		t.Fatal(err)
	}
	for n := range count {
		data := append(contentOf(0, 0), make([]byte, more)...)
		data = append(data, byte(n), byte(n>>8))
		o := objectOf(data)
		if _, err := v.PutObject(t.Context(), o, bytes.NewReader(data)); err != nil {
			t.Fatal(err)
		}
		if err := spool.Append(&manifest.Image{ID: imageID(0, n), Object: &o}); err != nil {
			t.Fatal(err)
		}
	}
	p := archive.ProjectMembers{Project: manifest.Project{ID: firstProject, Name: "large"}, Export: manifest.Export{State: manifest.TokenNone}}
	if err := w.AddProject(manifest.ProjectEntry{ID: firstProject, Name: "large", Outcome: manifest.Complete}, p, spool); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Close(manifest.Manifest{ID: "0123abcd", Source: manifest.Source{Name: "weu"}, Started: at, Finished: at}); err != nil {
		t.Fatal(err)
	}
	return file.Bytes()
}

// A pass that is stopped goes on where it was: what was read is not read
// again, what was not is, and then the journal is gone.
func TestJournalGoesOn(t *testing.T) {
	const count = 1000
	memory := vaulttest.NewMemory()
	v := vaulttest.Init(t, memory)
	a, err := v.CommitArchive(t.Context(), "weu", at, "0123abcd", bytes.NewReader(largeArchive(t, v, count)))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "made", "state")
	scope := verify.Scope{Vault: v.ID(), Archives: []string{a.Name}}
	open := func(restart bool, now time.Time) *verify.Journal {
		t.Helper()
		j, err := verify.OpenJournal(path, scope, now, restart)
		if err != nil {
			t.Fatal(err)
		}
		return j
	}

	// Stopped at about half, without closing anything, as kill does.
	ctx, cancel := context.WithCancel(t.Context())
	stop := vaulttest.Gate(memory, vaulttest.When{Prefix: "objects/", Nth: count / 2}, func(context.Context, string) error {
		cancel()
		return nil
	})
	vaulttest.MustHit(t, stop)
	killed := open(false, at)
	if _, err := verify.Archive(ctx, vaulttest.Init(t, stop), a, verify.Options{ReadData: true, Journal: killed}); !errors.Is(err, context.Canceled) {
		t.Fatalf("stopped: %v", err)
	}
	half, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	// A crash tears the last entry.
	if err := os.WriteFile(path, append(half, 1, 2, 3), 0o600); err != nil {
		t.Fatal(err)
	}

	// Stopped once more, in good order.
	ctx, cancel = context.WithCancel(t.Context())
	stop = vaulttest.Gate(memory, vaulttest.When{Prefix: "objects/", Nth: 100}, func(context.Context, string) error {
		cancel()
		return nil
	})
	vaulttest.MustHit(t, stop)
	j := open(false, at.Add(time.Hour))
	before := j.Known()
	if before < 200 || before >= count/2 || !j.Started().Equal(at) {
		t.Fatalf("%d objects are remembered since %s", before, j.Started())
	}
	if _, err := verify.Archive(ctx, vaulttest.Init(t, stop), a, verify.Options{ReadData: true, Journal: j}); !errors.Is(err, context.Canceled) {
		t.Fatalf("stopped again: %v", err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}

	j = open(false, at.Add(2*time.Hour))
	known := j.Known()
	if known < before+50 {
		t.Fatalf("%d objects are remembered, after %d", known, before)
	}
	opened := map[string]int{}
	gate := vaulttest.Gate(memory, vaulttest.When{Prefix: "objects/"}, countOpens(opened))
	pass := verify.NewPass(vaulttest.Init(t, gate), verify.Options{ReadData: true, Journal: j, Concurrency: 1})
	report, err := pass.Archive(t.Context(), a)
	if err != nil || !report.Sound() || report.Read != count || report.Earlier != known {
		t.Fatalf("report %+v, %v", report, err)
	}
	if int64(len(opened)) != count-known {
		t.Errorf("%d objects were read, %d of %d were known", len(opened), known, count)
	}
	if got := pass.Totals(); got.Objects != count || got.Read != count || got.Earlier != known {
		t.Errorf("totals %+v", got)
	}
	// The scope is what matters, not the path.
	if _, err := verify.OpenJournal(path, verify.Scope{Vault: v.ID()}, at, true); err == nil || !strings.Contains(err.Error(), "other archives") {
		t.Errorf("the journal of another pass: %v", err)
	}
	if err := j.Finish(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("after the end: %v", err)
	}

	for name, open := range map[string]func() *verify.Journal{
		"restart": func() *verify.Journal { return open(true, at) },
		"too old": func() *verify.Journal { return open(false, at.Add(verify.MaxPassAge+time.Minute)) },
	} {
		if err := os.WriteFile(path, half, 0o600); err != nil {
			t.Fatal(err)
		}
		j := open()
		if j.Known() != 0 {
			t.Errorf("%s: %d objects are remembered", name, j.Known())
		}
		if err := j.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestJournalThatIsNone(t *testing.T) {
	scope := verify.Scope{Vault: "v"}
	for name, text := range map[string]string{
		"text": "dear diary\n", "no line": strings.Repeat("x", 1000), "JSON": "{}\n", "other JSON": `{"format":"cvarchive-vault"}` + "\n",
	} {
		path := filepath.Join(t.TempDir(), "state")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := verify.OpenJournal(path, scope, at, true); err == nil || !strings.Contains(err.Error(), "not what a verification leaves") {
			t.Errorf("%s: %v", name, err)
		}
		if kept, _ := os.ReadFile(path); string(kept) != text {
			t.Errorf("%s: the file was changed", name)
		}
	}
	for name, text := range map[string]string{"empty": "", "zeros": "\x00\x00\x00\x00"} {
		path := filepath.Join(t.TempDir(), "state")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		j, err := verify.OpenJournal(path, scope, at, false)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if err := j.Finish(); err != nil {
			t.Error(err)
		}
	}
}

// A journal that cannot be written is said once and stops nothing. Damaged
// objects are not remembered.
func TestJournalThatCannotBeWritten(t *testing.T) {
	memory := vaulttest.NewMemory()
	v := vaulttest.Init(t, memory)
	a, err := v.CommitArchive(t.Context(), "weu", at, "0123abcd", bytes.NewReader(largeArchive(t, v, 600)))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	j, err := verify.OpenJournal(filepath.Join(dir, "new", "state"), verify.Scope{Vault: v.ID()}, at, false)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(dir, "file"), filepath.Join(dir, "new")); err != nil {
		t.Skip(err)
	}
	warnings := 0
	report, err := verify.Archive(t.Context(), v, a, verify.Options{ReadData: true, Journal: j, Concurrency: 1, Progress: func(e progress.Event) {
		if e.Kind == progress.Warning {
			warnings++
		}
	}})
	if err != nil || !report.Sound() || warnings != 1 {
		t.Errorf("%d warnings, report %+v, %v", warnings, report, err)
	}
}
