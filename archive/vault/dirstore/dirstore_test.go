package dirstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"cvarchive/archive/vault"
	"cvarchive/archive/vault/storecheck"
)

func newStore(t testing.TB, path string) *Store {
	t.Helper()
	s, err := New(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func TestContract(t *testing.T) {
	root := filepath.Join(t.TempDir(), "not", "yet", "there")
	s := newStore(t, root)
	for r := range storecheck.Run(t.Context(), s, "check/") {
		if r.Err != nil {
			t.Errorf("%s: %v", r.Check, r.Err)
		}
	}
	if left := tree(t, root); len(left) > 0 {
		t.Errorf("the checks left %v", left)
	}
}

// tree lists everything below a folder, hidden files too.
func tree(t *testing.T, root string) []string {
	t.Helper()
	var names []string
	err := filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
		if path != root {
			rel, _ := filepath.Rel(root, path)
			names = append(names, filepath.ToSlash(rel))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func TestModesAndCleanFolder(t *testing.T) {
	root := filepath.Join(t.TempDir(), "vault")
	s := newStore(t, root)
	if err := s.Create(t.Context(), "a/b", strings.NewReader("x")); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"a", "a/b"}, tree(t, root)); diff != "" {
		t.Error(diff)
	}
	if runtime.GOOS == "windows" {
		return
	}
	for path, want := range map[string]fs.FileMode{"": 0o700, "a": 0o700, "a/b": 0o600} {
		info, err := os.Stat(filepath.Join(root, path))
		if err != nil || info.Mode().Perm() != want {
			t.Errorf("mode of %q: %v, %v", path, info.Mode(), err)
		}
	}
}

// A body that is cut off stands for a process that is killed while it writes:
// nothing has the name, also while the writing goes on.
func TestNothingIsSeenBeforeTheEnd(t *testing.T) {
	root := t.TempDir()
	s := newStore(t, root)
	reached, goOn := make(chan struct{}), make(chan struct{})
	body := &pausingBody{Reader: bytes.NewReader(make([]byte, 1<<20)), reached: reached, goOn: goOn}
	done := make(chan error)
	go func() { done <- s.Create(t.Context(), "x/file", body) }()
	<-reached
	if _, err := s.Stat(t.Context(), "x/file"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("while it is written: %v", err)
	}
	if names := listed(t, s); len(names) > 0 {
		t.Errorf("while it is written, listed %v", names)
	}
	if left := tree(t, root); len(left) != 2 || !strings.HasPrefix(left[1], "x/.tmp-") {
		t.Errorf("while it is written, on disk %v", left)
	}
	close(goOn)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"x", "x/file"}, tree(t, root)); diff != "" {
		t.Error(diff)
	}
}

type pausingBody struct {
	*bytes.Reader
	reached, goOn chan struct{}
	once          sync.Once
}

func (b *pausingBody) Read(p []byte) (int, error) {
	if b.Len() < int(b.Size())/2 {
		b.once.Do(func() { close(b.reached); <-b.goOn })
	}
	return b.Reader.Read(p[:min(len(p), 64<<10)])
}

// WriteTo would pass Read by.
func (b *pausingBody) WriteTo(w io.Writer) (int64, error) {
	return io.Copy(w, struct{ io.Reader }{b})
}

func listed(t *testing.T, s *Store) []string {
	t.Helper()
	var names []string
	for info, err := range s.List(t.Context(), "") {
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, info.Name)
	}
	return names
}

func TestCancelWhileWriting(t *testing.T) {
	root := t.TempDir()
	s := newStore(t, root)
	ctx, cancel := context.WithCancel(t.Context())
	reached, goOn := make(chan struct{}), make(chan struct{})
	body := &pausingBody{Reader: bytes.NewReader(make([]byte, 1<<20)), reached: reached, goOn: goOn}
	done := make(chan error)
	go func() { done <- s.Create(ctx, "file", body) }()
	<-reached
	cancel()
	close(goOn)
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if left := tree(t, root); len(left) > 0 {
		t.Errorf("a cancelled create left %v", left)
	}
}

func TestStaleTemporaryFiles(t *testing.T) {
	root := t.TempDir()
	now := time.Now()
	for name, age := range map[string]time.Duration{"a/.tmp-old": 25 * time.Hour, "a/.tmp-new": 23 * time.Hour, ".tmp-root": 99 * time.Hour, "a/keep": 99 * time.Hour} {
		path := filepath.Join(root, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, nil, 0o600), os.Chtimes(path, now, now.Add(-age))); err != nil {
			t.Fatal(err)
		}
	}
	s := newStore(t, root)
	if diff := cmp.Diff([]string{"a/keep"}, listed(t, s)); diff != "" {
		t.Error(diff)
	}
	if err := s.Create(t.Context(), "a/next", strings.NewReader("x")); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"a", "a/.tmp-new", "a/keep", "a/next"}, tree(t, root)); diff != "" {
		t.Error(diff)
	}
	// Where nothing is stored any more, a sweep finds them.
	if err := os.Chtimes(filepath.Join(root, "a/.tmp-new"), now, now.Add(-25*time.Hour)); err != nil {
		t.Fatal(err)
	}
	if err := s.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"a", "a/keep", "a/next"}, tree(t, root)); diff != "" {
		t.Error(diff)
	}
	if err := newStore(t, filepath.Join(root, "nowhere")).Sweep(t.Context()); err != nil {
		t.Errorf("sweep what is not there: %v", err)
	}
}

func TestNoWayOut(t *testing.T) {
	outside, root := t.TempDir(), t.TempDir()
	secret := filepath.Join(outside, "secret")
	if err := os.WriteFile(secret, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	for link, target := range map[string]string{"dir": outside, "file": secret} {
		if err := os.Symlink(target, filepath.Join(root, link)); err != nil {
			t.Skipf("no symbolic links here: %v", err)
		}
	}
	s := newStore(t, root)
	for _, name := range []string{"dir/secret", "file"} {
		if r, err := s.Open(t.Context(), name, 0, -1); err == nil {
			r.Close()
			t.Errorf("%s can be read", name)
		}
		if err := s.Delete(t.Context(), name); err == nil {
			t.Errorf("%s can be deleted", name)
		}
	}
	if err := s.Create(t.Context(), "dir/new", strings.NewReader("x")); err == nil {
		t.Error("a file can be created outside")
	}
	if names := listed(t, s); len(names) > 0 {
		t.Errorf("listed %v", names)
	}
	if diff := cmp.Diff([]string{"secret"}, tree(t, outside)); diff != "" {
		t.Error(diff)
	}
}

func TestErrorsAreSentences(t *testing.T) {
	root := t.TempDir()
	if err := os.WriteFile(filepath.Join(root, "plain"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := New(filepath.Join(root, "plain")); err == nil || !strings.Contains(err.Error(), "it is a file, not a folder") {
		t.Errorf("a file as the folder: %v", err)
	}
	s := newStore(t, root)
	_, err := s.Stat(t.Context(), "nothing")
	if want := fmt.Sprintf("look for nothing in %s: it is not there: file does not exist", root); err == nil || err.Error() != want {
		t.Errorf("missing: %v", err)
	}
	// A file where a folder would have to be.
	if _, err := s.Stat(t.Context(), "plain/below"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("below a file: %v", err)
	}
	if err := s.Create(t.Context(), "plain/below", strings.NewReader("x")); err == nil || errors.Is(err, fs.ErrExist) {
		t.Errorf("create below a file: %v", err)
	}
	missing := newStore(t, filepath.Join(root, "missing"))
	if _, err := missing.Open(t.Context(), "x", 0, -1); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing folder: %v", err)
	}
	if names := listed(t, missing); len(names) > 0 {
		t.Errorf("missing folder lists %v", names)
	}
}

// Folders come and go under concurrent creates and deletes; no create may
// fail for it.
func TestCreatesAndDeletesTogether(t *testing.T) {
	root := t.TempDir()
	var wg sync.WaitGroup
	for i := range 4 {
		s := newStore(t, root) // as other processes would
		wg.Go(func() {
			for j := range 100 {
				name := fmt.Sprintf("a/b/%d-%d", i, j)
				if err := errors.Join(s.Create(t.Context(), name, strings.NewReader("x")), s.Delete(t.Context(), name)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if left := tree(t, root); len(left) > 0 {
		t.Errorf("left %v", left)
	}
}

// File systems without hard links get their names by a rename that must not
// replace either.
func TestRenameNew(t *testing.T) {
	if runtime.GOOS != "linux" && runtime.GOOS != "darwin" {
		t.Skip("only Linux and macOS have such a rename")
	}
	dir := t.TempDir()
	opened, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	root := &folder{Root: opened}
	defer root.Close()
	write := func(name, text string) {
		if err := errors.Join(root.MkdirAll("d", 0o700), root.WriteFile(name, []byte(text), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	write("d/.tmp-1", "first")
	if err := root.renameNew("d/.tmp-1", "d/file"); err != nil {
		t.Fatal(err)
	}
	write("d/.tmp-2", "second")
	if err := root.renameNew("d/.tmp-2", "d/file"); !errors.Is(err, fs.ErrExist) {
		t.Errorf("onto a taken name: %v", err)
	}
	if got, err := root.ReadFile("d/file"); string(got) != "first" {
		t.Errorf("replaced by %q, %v", got, err)
	}
}

func BenchmarkCreate(b *testing.B) {
	body := bytes.Repeat([]byte("0123456789abcdef"), 16<<10) // 256 KiB
	b.Run("dirstore", func(b *testing.B) {
		s := newStore(b, b.TempDir())
		b.SetBytes(int64(len(body)))
		for i := 0; b.Loop(); i++ {
			if err := s.Create(b.Context(), fmt.Sprintf("%02x/%d", i%256, i), bytes.NewReader(body)); err != nil {
				b.Fatal(err)
			}
		}
	})
	for _, sync := range []bool{false, true} {
		b.Run(fmt.Sprintf("bare,sync=%t", sync), func(b *testing.B) {
			dir := b.TempDir()
			b.SetBytes(int64(len(body)))
			for i := 0; b.Loop(); i++ {
				if err := bareWrite(filepath.Join(dir, fmt.Sprint(i)), body, sync); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func bareWrite(path string, body []byte, sync bool) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(body)
	if sync && err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// A vault whose folder is not there is another mistake than a folder that is none.
func TestMissingFolderIsNoVault(t *testing.T) {
	dir := t.TempDir()
	for path, want := range map[string]string{
		dir:                         "it has no cvarchive.json",
		filepath.Join(dir, "wrong"): "there is no such folder",
	} {
		if _, err := vault.Open(t.Context(), newStore(t, path)); err == nil || !strings.Contains(err.Error(), path+" is not a vault: "+want+"; check the vault's address") {
			t.Errorf("%s: %v", path, err)
		}
	}
}
