package dirstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// addLater creates n files, and returns their names.
func addLater(t *testing.T, s *Store, n int) []string {
	t.Helper()
	var names []string
	for i := range n {
		name := fmt.Sprintf("objects/%02d/file%d", i%3, i)
		if err := s.CreateLater(t.Context(), name, strings.NewReader("content of "+name)); err != nil {
			t.Fatal(err)
		}
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func read(t *testing.T, s *Store, name string) string {
	t.Helper()
	r, err := s.Open(t.Context(), name, 0, -1)
	if err != nil {
		return err.Error()
	}
	defer r.Close()
	data, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// Files that are created for later are there for their store, and for nobody
// else until the flush: neither is anything of them after a crash.
func TestCreateLater(t *testing.T) {
	for _, n := range []int{1, syncAllFrom - 1, syncAllFrom + 20} {
		root := t.TempDir()
		s, other := newStore(t, root), newStore(t, root)
		names := addLater(t, s, n)
		for _, name := range names {
			info, err := s.Stat(t.Context(), name)
			if err != nil || info.Name != name || info.Size != int64(len("content of "+name)) || read(t, s, name) != "content of "+name {
				t.Errorf("%s is not there for its own store: %v, %v", name, info, err)
			}
			if err := s.Touch(t.Context(), name); err != nil {
				t.Error(err)
			}
			if _, err := other.Stat(t.Context(), name); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("%s is there before the flush: %v", name, err)
			}
		}
		if got := listed(t, other); len(got) > 0 {
			t.Errorf("listed before the flush: %v", got)
		}
		for _, create := range []func(context.Context, string, io.ReadSeeker) error{s.Create, s.CreateLater} {
			if err := create(t.Context(), names[0], strings.NewReader("x")); !errors.Is(err, fs.ErrExist) {
				t.Errorf("a name that is taken: %v", err)
			}
		}
		if err := s.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(names, listed(t, other)); diff != "" {
			t.Errorf("after the flush: %s", diff)
		}
		for _, name := range names {
			if read(t, other, name) != "content of "+name || read(t, s, name) != "content of "+name {
				t.Errorf("%s has another content", name)
			}
		}
		if err := s.Flush(t.Context()); err != nil {
			t.Errorf("nothing to flush: %v", err)
		}
		if len(s.later) != 0 || s.laterBytes != 0 || len(tree(t, root)) != n+1+min(n, 3) {
			t.Errorf("left: %v, %v", s.later, tree(t, root))
		}
	}
}

// No name is given before the content is durable, and a flush that fails can
// be tried again.
func TestFlushKeepsTheOrder(t *testing.T) {
	root := t.TempDir()
	s := newStore(t, root)
	names := addLater(t, s, syncAllFrom)
	var seen [][]string
	broken := errors.New("the disk is gone")
	s.syncAll = func(*os.Root) (bool, error) {
		seen = append(seen, listed(t, s))
		if len(seen) == 1 {
			return false, broken
		}
		return true, nil
	}
	if err := s.Flush(t.Context()); !errors.Is(err, broken) {
		t.Errorf("flush: %v", err)
	}
	if err := s.Flush(t.Context()); err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff([][]string{nil, nil, names}, seen); diff != "" {
		t.Errorf("names at each sync: %s", diff)
	}
}

// Whoever names a file first has the name.
func TestCreateLaterOfTwo(t *testing.T) {
	root := t.TempDir()
	s, other := newStore(t, root), newStore(t, root)
	names := addLater(t, s, 3)
	if err := other.Create(t.Context(), names[1], strings.NewReader("another's")); err != nil {
		t.Fatal(err)
	}
	if err := s.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := read(t, s, names[1]); got != "another's" {
		t.Errorf("replaced by %q", got)
	}
	if err := s.CreateLater(t.Context(), "objects/last", strings.NewReader("x")); err != nil {
		t.Fatal(err)
	}
	if err := s.Delete(t.Context(), "objects/last"); err != nil {
		t.Errorf("delete what waits: %v", err)
	}
	if err := s.CreateLater(t.Context(), "other/closed", strings.NewReader("x")); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(append(names, "other/closed"), listed(t, other)); diff != "" {
		t.Errorf("after the end: %s", diff)
	}
	if left := tree(t, root); slices.ContainsFunc(left, func(n string) bool { return strings.Contains(n, ".tmp-") }) {
		t.Errorf("left %v", left)
	}
}

// A folder that another process removed and made again is the one that is
// used.
func TestFolderMadeAgain(t *testing.T) {
	root := t.TempDir()
	s, other := newStore(t, root), newStore(t, root)
	if err := s.Create(t.Context(), "d/e/first", strings.NewReader("x")); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"d/e/second", "d/e/third"} {
		if err := os.RemoveAll(root + "/d"); err != nil {
			t.Fatal(err)
		}
		if err := other.Create(t.Context(), name, strings.NewReader(name)); err != nil {
			t.Fatal(err)
		}
		if got := read(t, s, name); got != name {
			t.Errorf("%s: %s", name, got)
		}
		if err := os.RemoveAll(root + "/d"); err != nil {
			t.Fatal(err)
		}
		if err := s.CreateLater(t.Context(), name, strings.NewReader("later")); err != nil {
			t.Error(err)
		}
		if err := s.Flush(t.Context()); err != nil {
			t.Error(err)
		}
		if got := read(t, other, name); got != "later" {
			t.Errorf("%s: %s", name, got)
		}
	}
}

// The name of a new folder waits for the flush with the files in it, unless a
// file that does not wait is stored below.
func TestNamesOfFolders(t *testing.T) {
	for _, n := range []int{1, syncAllFrom} {
		s := newStore(t, t.TempDir())
		for i := range n {
			if err := s.CreateLater(t.Context(), fmt.Sprintf("a/b/%d", i), strings.NewReader("x")); err != nil {
				t.Fatal(err)
			}
		}
		for _, dir := range []string{"a", "a/b"} {
			if !s.known(dir, false) || s.known(dir, true) {
				t.Errorf("%s is not known, or already durable", dir)
			}
		}
		if err := s.Create(t.Context(), "a/file", strings.NewReader("x")); err != nil {
			t.Fatal(err)
		}
		if !s.known("a", true) || s.known("a/b", true) {
			t.Error("it is not just the folder of the file that became durable")
		}
		if err := s.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		if !s.known("a/b", true) {
			t.Error("after a flush, the name of a folder is not durable")
		}
	}
}

// A folder that was removed and made again during a flush is not taken for the
// one whose name that made durable.
func TestFolderMadeAgainDuringFlush(t *testing.T) {
	s := newStore(t, t.TempDir())
	if err := s.CreateLater(t.Context(), "a/1", strings.NewReader("x")); err != nil {
		t.Fatal(err)
	}
	made := s.madeFolders()
	s.forget("a")
	s.know("a", false)
	s.areDurable(made)
	if s.known("a", true) {
		t.Error("it is taken for durable")
	}
}
