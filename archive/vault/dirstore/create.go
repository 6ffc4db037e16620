package dirstore

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"cvarchive/manifest/store"
)

// staleAfter is the age from which a temporary file belongs to nobody: a
// running Create touches its file with every write.
const staleAfter = 24 * time.Hour

// dirAttempts bounds how often Create makes a folder that a Delete elsewhere
// removes again.
const dirAttempts = 8

// Create implements [vault.Store].
func (s *Store) Create(ctx context.Context, name string, body io.ReadSeeker) error {
	if err := s.create(ctx, name, body); err != nil {
		return s.explain("store", name, err)
	}
	return nil
}

func (s *Store) create(ctx context.Context, name string, body io.ReadSeeker) (err error) {
	if _, _, err := s.stat(ctx, name); err == nil {
		return fs.ErrExist // without reading the body
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	dir := path.Dir(name)
	f, err := s.createTemp(dir)
	if err != nil {
		return err
	}
	_, err = fill(ctx, f.File, body)
	if err == nil {
		err = f.Sync()
	}
	err = errors.Join(err, f.Close())
	named := false
	if err == nil {
		named, err = publish(f.dir, f.temp, path.Base(name))
	}
	if !named { // a link leaves the temporary name, a rename does not
		err = errors.Join(err, f.dir.Remove(f.temp))
	}
	if err != nil {
		s.removeEmpty(dir) // it may have been made for this
		return err
	}
	return syncDir(f.dir, ".")
}

// createTemp makes the folder and a temporary file in it.
func (s *Store) createTemp(dir string) (*tempFile, error) {
	temp := store.TempPrefix + rand.Text()
	for attempt := 1; ; attempt++ {
		if err := s.ensure(dir); err != nil {
			return nil, err
		}
		at, err := s.folder(dir)
		var f *os.File
		if err == nil {
			f, err = at.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, fileMode)
		}
		if errors.Is(err, fs.ErrNotExist) && attempt < dirAttempts {
			s.forget(dir)
			continue
		}
		if errors.Is(err, fs.ErrNotExist) {
			err = errors.New("the folder was removed while it was in use")
		}
		return &tempFile{f, at, temp}, err
	}
}

// publish gives a temporary file its name, in its folder, unless that is
// taken. It reports whether the temporary name is gone with it. The rename that
// refuses to replace is one step and a link two, but fewer systems have it.
func publish(dir *os.Root, temp, name string) (renamed bool, err error) {
	err = renameNew(dir, temp, name)
	if err == nil || errors.Is(err, fs.ErrExist) || !errors.Is(err, errors.ErrUnsupported) {
		return err == nil, err
	}
	err = dir.Link(temp, name)
	if err == nil || errors.Is(err, fs.ErrExist) || !linkUnsupported(err) {
		return false, err
	}
	return false, fmt.Errorf("the file system has neither hard links nor a rename that refuses to replace; keep the vault on another one: %w", err)
}

// ensure makes a folder and those above it, and makes their names durable
// the first time that this store needs them. Folders are then cleared of
// stale temporary files, too.
func (s *Store) ensure(dir string) error {
	root, err := s.open()
	if errors.Is(err, fs.ErrNotExist) {
		root, err = s.makeRoot()
	}
	if err != nil || s.known(dir) {
		return err
	}
	if dir != "." {
		parent := path.Dir(dir)
		if err := s.ensure(parent); err != nil {
			return err
		}
		err := root.Mkdir(filepath.FromSlash(dir), dirMode)
		if errors.Is(err, fs.ErrNotExist) {
			// A Delete elsewhere removed the parent as well.
			s.forget(parent)
			return nil
		}
		if err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
		if err := syncDir(root, parent); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	s.removeStale(root, dir)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dirs[dir] = true
	return nil
}

// makeRoot makes the store's folder itself.
func (s *Store) makeRoot() (*os.Root, error) {
	if err := os.MkdirAll(s.path, dirMode); err != nil {
		return nil, err
	}
	above, err := os.OpenRoot(filepath.Dir(s.path))
	if err != nil {
		return nil, err
	}
	if err := errors.Join(syncDir(above, "."), above.Close()); err != nil {
		return nil, err
	}
	return s.open()
}

func (s *Store) known(dir string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.dirs[dir]
}

// forget makes ensure look at a folder, and those above it, again.
func (s *Store) forget(dir string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for ; dir != "."; dir = path.Dir(dir) {
		delete(s.dirs, dir)
		delete(s.folders, dir)
	}
}

// removeStale deletes temporary files that nobody writes any more. Failing to
// is no reason not to store.
func (s *Store) removeStale(root *os.Root, dir string) {
	d, err := root.Open(filepath.FromSlash(dir))
	if err != nil {
		return
	}
	defer d.Close()
	names, _ := d.Readdirnames(-1)
	for _, name := range names {
		if !strings.HasPrefix(name, store.TempPrefix) {
			continue
		}
		s.removeTemp(root, filepath.Join(filepath.FromSlash(dir), name))
	}
}

// removeTemp deletes one temporary file, if it is stale.
func (s *Store) removeTemp(root *os.Root, temp string) {
	info, err := root.Lstat(temp)
	if err == nil && info.Mode().IsRegular() && s.now().Sub(info.ModTime()) > staleAfter {
		_ = root.Remove(temp)
	}
}
