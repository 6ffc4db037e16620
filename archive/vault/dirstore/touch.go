package dirstore

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path"

	"cvarchive/archive/vault"
	"cvarchive/manifest/store"
)

var _ vault.Toucher = (*Store)(nil)

// Touch implements [vault.Toucher].
func (s *Store) Touch(ctx context.Context, name string) error {
	dir, at, err := s.stat(ctx, name)
	if err == nil {
		err = locked(dir.Root, at.base, func(fs.FileInfo) error {
			now := s.now()
			return dir.Chtimes(at.base, now, now)
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
	dir, err := s.named(ctx, seen.Name)
	if err == nil {
		base := path.Base(seen.Name)
		err = locked(dir.Root, base, func(info fs.FileInfo) error {
			if !info.ModTime().Equal(seen.Modified) {
				return store.ErrChanged
			}
			return dir.Remove(base)
		})
	}
	if err != nil {
		return s.explain("delete", seen.Name, err)
	}
	return s.cleanUp(seen.Name)
}

// cleanUp makes a deletion durable, and removes folders that became empty.
func (s *Store) cleanUp(name string) error {
	dir := s.removeEmpty(path.Dir(name))
	root, err := s.open()
	if err != nil {
		return s.explain("delete", name, err)
	}
	if err := syncDir(root.Root, dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return s.explain("delete", name, err)
	}
	return nil
}

// locked calls do with what a name in a folder is, while nobody else touches or
// deletes it in this way. A name that is gone by then is [fs.ErrNotExist].
func locked(dir *os.Root, name string, do func(fs.FileInfo) error) error {
	f, err := dir.Open(name)
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
	now, err := dir.Lstat(name)
	if err != nil {
		return err
	}
	if !os.SameFile(mine, now) {
		return fs.ErrNotExist
	}
	return do(now)
}
