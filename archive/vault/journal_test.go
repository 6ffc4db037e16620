package vault_test

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"cvarchive/archive/vault"
	"cvarchive/archive/vault/vaulttest"
	"cvarchive/manifest"
)

const (
	projectID = "6f1c2a54-1b1e-4b0a-9a53-0f8de1c2ab11"
	imageID   = "7fdb31b0-72f1-437a-91fe-678786afae76"
)

var runStart = time.Date(2028, 9, 1, 2, 0, 0, 5, time.UTC)

func journalOf(n int) vault.Journal {
	j := vault.Journal{Endpoint: "https://example.invalid"}
	for i := range n {
		j.Entries = append(j.Entries, vault.JournalEntry{
			Project: projectID, Image: imageID, Blob: manifest.BlobOriginal,
			Object: manifest.Object{SHA256: sha256.Sum256(fmt.Append(nil, i)), Size: int64(i), Ext: "jpg"},
		})
	}
	return j
}

func TestJournal(t *testing.T) {
	s := vaulttest.NewMemory()
	v, ctx := vaulttest.Init(t, s), t.Context()
	want := journalOf(3)
	for _, number := range []int{1, 2} {
		if _, err := v.WriteSegment(ctx, "prod", runStart, "0a1b2c3d", number, want); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := v.WriteSegment(ctx, "prod", runStart, "0a1b2c3d", 2, want); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a segment was written twice: %v", err)
	}
	if _, err := v.WriteSegment(ctx, "prod-2", runStart.Add(time.Hour), "0a1b2c3d", 1, want); err != nil {
		t.Fatal(err)
	}
	for _, stray := range []string{"notes.txt", "20280901T020000Z-0a1b2c3d-1.jsonl", "20289901T020000Z-0a1b2c3d-000001.jsonl", "x/20280901T020000Z-0a1b2c3d-000001.jsonl"} {
		if err := s.Create(ctx, "journal/prod/"+stray, strings.NewReader("x")); err != nil {
			t.Fatal(err)
		}
	}

	list, err := v.Segments(ctx, "prod")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, seg := range list {
		names = append(names, seg.Path)
		got, err := v.ReadSegment(ctx, seg)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +got)\n%s", seg.Path, err, diff)
		}
	}
	wantNames := []string{"journal/prod/20280901T020000Z-0a1b2c3d-000002.jsonl", "journal/prod/20280901T020000Z-0a1b2c3d-000001.jsonl"}
	if diff := cmp.Diff(wantNames, names); diff != "" {
		t.Errorf("segments (-want +got)\n%s", diff)
	}
	if err := v.DeleteSegment(ctx, list[0]); err != nil {
		t.Error(err)
	}
	if _, err := v.ReadSegment(ctx, list[0]); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a segment that is gone: %v", err)
	}
	// A journal is no part of what the vault promises.
	if strays, err := v.Strays(ctx); err != nil || len(strays) > 0 {
		t.Errorf("strays %v, %v", strays, err)
	}
}

func TestJournalRefuses(t *testing.T) {
	v := vaulttest.New(t)
	change := func(f func(*vault.JournalEntry)) vault.Journal {
		j := journalOf(2)
		f(&j.Entries[1])
		return j
	}
	for name, j := range map[string]vault.Journal{
		"too many":     journalOf(vault.MaxSegmentEntries + 1),
		"project":      change(func(e *vault.JournalEntry) { e.Project = "../x" }),
		"image":        change(func(e *vault.JournalEntry) { e.Image = "" }),
		"blob":         change(func(e *vault.JournalEntry) { e.Blob = "else" }),
		"no digest":    change(func(e *vault.JournalEntry) { e.Object.SHA256 = manifest.Digest{} }),
		"size":         change(func(e *vault.JournalEntry) { e.Object.Size = -1 }),
		"extension":    change(func(e *vault.JournalEntry) { e.Object.Ext = "../jpg" }),
		"no extension": change(func(e *vault.JournalEntry) { e.Object.Ext = "" }),
	} {
		if _, err := v.WriteSegment(t.Context(), "prod", runStart, "0a1b2c3d", 1, j); err == nil {
			t.Errorf("%s: written", name)
		}
	}
	if _, err := v.Segments(t.Context(), "../x"); err == nil {
		t.Error("listed a source that cannot be")
	}
}

// Whatever happens to a segment, it is read as it was written or not at all.
func TestDamagedJournal(t *testing.T) {
	s := vaulttest.NewMemory()
	v, ctx := vaulttest.Init(t, s), t.Context()
	seg, err := v.WriteSegment(ctx, "prod", runStart, "0a1b2c3d", 1, journalOf(2))
	if err != nil {
		t.Fatal(err)
	}
	info, err := s.Stat(ctx, seg.Path)
	if err != nil {
		t.Fatal(err)
	}
	refuse := func(what string, s vault.Store) {
		t.Helper()
		_, err := vaulttest.Init(t, s).ReadSegment(ctx, seg)
		if _, ok := errors.AsType[*vault.SegmentError](err); !ok || !strings.Contains(err.Error(), "downloaded again") {
			t.Errorf("%s: error %v", what, err)
		}
	}
	for at := range info.Size {
		refuse(fmt.Sprint("byte ", at), vaulttest.FlipByte(s, vaulttest.When{Prefix: "journal/"}, at))
		refuse(fmt.Sprint("cut at ", at), vaulttest.Truncate(s, vaulttest.When{Prefix: "journal/"}, at))
	}

	sealed := func(text string) string {
		return fmt.Sprintf("%s{\"sha256\":%q}\n", text, manifest.Digest(sha256.Sum256([]byte(text))))
	}
	head := `{"format":"cvarchive-journal","formatVersion":1,"endpoint":"x"}` + "\n"
	for what, text := range map[string]string{
		"newer":     sealed(`{"format":"cvarchive-journal","formatVersion":2}` + "\n"),
		"no head":   sealed("{}\n"),
		"nonsense":  sealed(head + "[1]\n"),
		"too many":  sealed(head + strings.Repeat("{}\n", vault.MaxSegmentEntries+1)),
		"bad entry": sealed(head + `{"project":"x"}` + "\n"),
		"too large": sealed(head + strings.Repeat(" ", 5<<20) + "\n"),
	} {
		m := vaulttest.NewMemory()
		vaulttest.Init(t, m)
		if err := m.Create(ctx, seg.Path, strings.NewReader(text)); err != nil {
			t.Fatal(err)
		}
		refuse(what, m)
	}
}
