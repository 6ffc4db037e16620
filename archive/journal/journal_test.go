package journal_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cvarchive/archive/journal"
	"cvarchive/archive/vault/vaulttest"
)

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// read returns the notes of a folder, in their order.
func read(t *testing.T, f *journal.Folder) (texts []string) {
	t.Helper()
	check(t, f.Read(t.Context(), func(_ string, text []byte) error {
		texts = append(texts, string(text))
		return nil
	}))
	return texts
}

// TestFolder writes notes from two sides and reads them back in order, with
// strangers beside them.
func TestFolder(t *testing.T) {
	s := vaulttest.NewMemory()
	one, other := journal.New(s, journal.Root+"a/b/c/"), journal.New(s, journal.Root+"a/b/c/")
	for i, f := range []*journal.Folder{one, other, other, one} { // both begin with the same number
		_, err := f.Write(t.Context(), fmt.Appendf(nil, "note %d", i))
		check(t, err)
	}
	s.Put(journal.Root+"a/b/c/readme.txt", []byte("not ours"))
	s.Put(journal.Root+"a/b/000001.json", []byte("not wanted"))
	found, err := journal.Find(t.Context(), s, journal.Root+"a/", func(path string) bool { return path == "b/c/" })
	check(t, err)
	if len(found) != 1 || found[0].Dir() != journal.Root+"a/b/c/" || found[0].Modified().IsZero() {
		t.Fatalf("found %+v", found)
	}
	if d := cmp.Diff([]string{"note 0", "note 1", "note 2", "note 3"}, read(t, found[0])); d != "" {
		t.Errorf("notes (-want +got):\n%s", d)
	}
	name, err := found[0].Write(t.Context(), []byte("next"))
	if err != nil || !strings.HasSuffix(name, "/000004.json") {
		t.Errorf("the next note is %q: %v", name, err)
	}
	check(t, s.Delete(t.Context(), found[0].Names()[1])) // by somebody else
	if got := read(t, found[0]); len(got) != 4 {
		t.Errorf("notes %q", got)
	}
	check(t, found[0].Remove(t.Context(), found[0].Names()...))
	if left := slices.DeleteFunc(s.Names(), func(n string) bool { return !strings.HasPrefix(n, journal.Root+"a/b/c/0") }); len(left) > 0 {
		t.Errorf("left %q", left)
	}
}

// witness is a store that refuses to delete all but the last name.
type witness struct {
	*vaulttest.Memory
	keep string
}

func (w witness) Delete(ctx context.Context, name string) error {
	if name == w.keep {
		return errors.New("refused")
	}
	return w.Memory.Delete(ctx, name)
}

// TestRemoveLast deletes the last note only when the others are gone.
func TestRemoveLast(t *testing.T) {
	s := witness{vaulttest.NewMemory(), journal.Root + "a/b/c/000000.json"}
	f := journal.New(s, journal.Root+"a/b/c/")
	for range 3 {
		_, err := f.Write(t.Context(), []byte("note"))
		check(t, err)
	}
	if err := f.Remove(t.Context(), f.Names()...); err == nil {
		t.Error("a note stays, and nobody is told")
	}
	if !slices.Contains(s.Names(), journal.Root+"a/b/c/000002.json") {
		t.Errorf("the last note is gone before the others: %q", s.Names())
	}
}

// TestHugeNote is refused before it is in memory.
func TestHugeNote(t *testing.T) {
	s := vaulttest.NewMemory()
	s.Put(journal.Root+"a/b/c/000000.json", make([]byte, 2<<20))
	found, err := journal.Find(t.Context(), s, journal.Root, func(string) bool { return true })
	check(t, err)
	if err := found[0].Read(t.Context(), func(string, []byte) error { return nil }); err == nil || !strings.Contains(err.Error(), "000000.json is larger than a note can be") {
		t.Errorf("err %v", err)
	}
}

func TestKey(t *testing.T) {
	if journal.Key("https://A.example/") != journal.Key("https://a.example") || journal.Key("https://a.example") == journal.Key("https://b.example") {
		t.Error("an endpoint is not known by its key")
	}
}
