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
	if err := s.isFree(ctx, name); err != nil {
		return err // without reading the body
	}
	dir := path.Dir(name)
	f, err := s.createTemp(dir, true)
	if err != nil {
		return err
	}
	_, err = fill(ctx, f.newFile, body)
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
	return syncDir(f.dir.Root, ".")
}

// isFree fails with [fs.ErrExist] where a name is taken, by a file that waits, too.
func (s *Store) isFree(ctx context.Context, name string) error {
	_, _, err := s.stat(ctx, name)
	switch {
	case err == nil:
		return fs.ErrExist
	case errors.Is(err, fs.ErrNotExist):
		return nil
	}
	return err
}

// createTemp makes the folder, durably or until the next flush, and a temporary
// file in it.
func (s *Store) createTemp(dir string, durably bool) (*tempFile, error) {
	temp := store.TempPrefix + rand.Text()
	for attempt := 1; ; attempt++ {
		if err := s.ensure(dir, durably); err != nil {
			return nil, err
		}
		at, err := s.folder(dir)
		var f newFile
		if err == nil {
			f, err = at.create(temp)
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
func publish(dir *folder, temp, name string) (renamed bool, err error) {
	err = dir.renameNew(temp, name)
	if err == nil || errors.Is(err, fs.ErrExist) || !errors.Is(err, errors.ErrUnsupported) {
		return err == nil, err
	}
	err = dir.Link(temp, name)
	if err == nil || errors.Is(err, fs.ErrExist) || !linkUnsupported(err) {
		return false, err
	}
	return false, fmt.Errorf("the file system has neither hard links nor a rename that refuses to replace; keep the vault on another one: %w", err)
}

// ensure makes a folder and those above it the first time that this store
// needs them, and makes their names durable, unless a flush is to do that.
// Folders that were there are then cleared of stale temporary files, too.
func (s *Store) ensure(dir string, durably bool) error {
	if s.known(dir, durably) {
		return nil
	}
	root, err := s.open()
	if errors.Is(err, fs.ErrNotExist) {
		root, err = s.makeRoot()
	}
	if err != nil {
		return err
	}
	made := false
	if dir != "." {
		parent := path.Dir(dir)
		if err := s.ensure(parent, durably); err != nil {
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
		made = err == nil
		if durably {
			if err := syncNames(root, parent); err != nil {
				return err
			}
		}
	}
	if !made {
		s.removeStale(root.Root, dir)
	}
	s.know(dir, durably)
	return nil
}

// know notes that a folder is there.
func (s *Store) know(dir string, durably bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := s.dirs[dir]; n != nil {
		n.durable = n.durable || durably
		return
	}
	s.dirs[dir] = &named{durable: durably}
}

// makeRoot makes the store's folder itself.
func (s *Store) makeRoot() (*folder, error) {
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

// known reports whether a folder is known to be there, durably if that matters.
func (s *Store) known(dir string, durably bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.dirs[dir]
	return n != nil && (n.durable || !durably)
}

// named is a folder that has its name.
type named struct {
	durable bool // the name is, guarded by Store.mu; else the next flush makes it so
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
