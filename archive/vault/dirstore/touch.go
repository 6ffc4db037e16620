package dirstore

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"

	"cvarchive/archive/vault"
	"cvarchive/manifest/store"
)

var _ vault.Toucher = (*Store)(nil)

// Touch implements [vault.Toucher].
func (s *Store) Touch(ctx context.Context, name string) error {
	root, _, err := s.stat(ctx, name)
	if err == nil {
		err = locked(root, name, func(fs.FileInfo) error {
			now := s.now()
			return root.Chtimes(filepath.FromSlash(name), now, now)
		})
	}
	if err != nil {
		return s.explain("touch", name, err)
	}
	return nil
}

// DeleteUnchanged deletes a name as it was when it was looked at: one that was
// touched since is left alone and [store.ErrChanged]. Where the system locks
// files, a touch comes either before the look or after the deletion.
func (s *Store) DeleteUnchanged(ctx context.Context, seen vault.Info) error {
	root, _, err := s.stat(ctx, seen.Name)
	if err == nil {
		err = locked(root, seen.Name, func(info fs.FileInfo) error {
			if !info.ModTime().Equal(seen.Modified) {
				return store.ErrChanged
			}
			return root.Remove(filepath.FromSlash(seen.Name))
		})
	}
	if err != nil {
		return s.explain("delete", seen.Name, err)
	}
	return s.cleanUp(root, seen.Name)
}

// cleanUp makes a deletion durable, and removes folders that became empty.
func (s *Store) cleanUp(root *os.Root, name string) error {
	dir := s.removeEmpty(root, path.Dir(name))
	if err := syncDir(root, dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return s.explain("delete", name, err)
	}
	return nil
}

// locked calls do with what a name is, while nobody else touches or deletes it
// in this way. A name that is gone by then is [fs.ErrNotExist].
func locked(root *os.Root, name string, do func(fs.FileInfo) error) error {
	f, err := root.Open(filepath.FromSlash(name))
	if err != nil {
		return err
	}
	defer f.Close() // and with it the lock
	if err := lock(f); err != nil {
		return err
	}
	mine, err := f.Stat()
	if err != nil {
		return err
	}
	now, err := root.Lstat(filepath.FromSlash(name))
	if err != nil {
		return err
	}
	if !os.SameFile(mine, now) {
		return fs.ErrNotExist
	}
	return do(now)
}
