//go:build linux || darwin

package dirstore

import (
	"errors"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// What has the name of a file and is none is missing, and opening it neither
// waits nor follows.
func TestOnlyRegularFilesAreRead(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir) // the name of a socket must be short
	s := newStore(t, dir)
	if err := s.Create(t.Context(), "a/file", strings.NewReader("content")); err != nil {
		t.Fatal(err)
	}
	socket, err := net.Listen("unix", "a/socket")
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	if err := errors.Join(
		unix.Mkfifo("a/pipe", 0o600), os.Mkdir("a/folder", 0o700), os.Symlink("file", "a/link"), os.Symlink("nothing", "a/dangling"),
	); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"a/pipe", "a/folder", "a/link", "a/dangling", "a/socket", "a/file/below", "a"} {
		if r, err := s.Open(t.Context(), name, 0, -1); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %v, %v", name, r, err)
		}
	}
	if got := readAll(t, s, "a/file"); got != "content" {
		t.Errorf("read %q", got)
	}
}

// A folder that was removed and made again is not read from as it was.
func TestReadFromFolderMadeAgain(t *testing.T) {
	root := t.TempDir()
	reads, writes := newStore(t, root), newStore(t, root)
	for _, text := range []string{"first", "second"} {
		if err := writes.Create(t.Context(), "a/file", strings.NewReader(text)); err != nil {
			t.Fatal(err)
		}
		if got := readAll(t, reads, "a/file"); got != text {
			t.Errorf("read %q instead of %q", got, text)
		}
		if err := writes.Delete(t.Context(), "a/file"); err != nil {
			t.Fatal(err)
		}
		if _, err := reads.Open(t.Context(), "a/file", 0, -1); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("after its deletion: %v", err)
		}
	}
}

// A file that gets shorter while it is read ends there; a closed one is not
// read from any more.
func TestReadOfFileThatChanges(t *testing.T) {
	root := t.TempDir()
	s := newStore(t, root)
	if err := s.Create(t.Context(), "file", strings.NewReader("0123456789")); err != nil {
		t.Fatal(err)
	}
	r, err := s.Open(t.Context(), "file", 2, -1)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(filepath.Join(root, "file"), 5); err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(r); string(got) != "234" || err != nil {
		t.Errorf("read %q, %v", got, err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	r, err = s.Open(t.Context(), "file", 0, -1)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Read(make([]byte, 1)); !errors.Is(err, os.ErrClosed) {
		t.Errorf("read when closed: %v", err)
	}
	if err := r.Close(); !errors.Is(err, os.ErrClosed) {
		t.Errorf("closed twice: %v", err)
	}
}

func readAll(t *testing.T, s *Store, name string) string {
	t.Helper()
	r, err := s.Open(t.Context(), name, 0, -1)
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(r)
	if err = errors.Join(err, r.Close()); err != nil {
		t.Fatal(err)
	}
	return string(got)
}
