package dirstore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"cvarchive/archive/vault"
	"cvarchive/manifest/store"
)

// List implements [vault.Store]. Symbolic links, devices and files whose
// names no vault could have are passed over, as is the lost+found of a file
// system's root.
func (s *Store) List(ctx context.Context, prefix string) iter.Seq2[vault.Info, error] {
	return func(yield func(vault.Info, error) bool) {
		dir := "."
		if prefix != "" {
			dir = strings.TrimSuffix(prefix, "/")
			if err := store.CheckName(dir); err != nil {
				yield(vault.Info{}, fmt.Errorf("list %s: %w", s.path, err))
				return
			}
		}
		root, err := s.open()
		if err == nil {
			_, err = s.walk(ctx, root.Root, dir, yield)
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			yield(vault.Info{}, fmt.Errorf("list %s in %s: %w", cmp.Or(prefix, "everything"), s.path, err))
		}
	}
}

// walk yields the files below a folder in the order of their full names, and
// reports whether to go on.
func (s *Store) walk(ctx context.Context, root *os.Root, dir string, yield func(vault.Info, error) bool) (bool, error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	entries, err := readDir(root, dir)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) || isNotDir(err) { // deleted meanwhile
			return true, nil
		}
		return false, err
	}
	for _, e := range entries {
		name := path.Join(dir, e.Name())
		switch {
		case store.CheckName(name) != nil || name == "lost+found":
		case e.IsDir():
			if more, err := s.walk(ctx, root, name, yield); err != nil || !more {
				return false, err
			}
		case e.Type().IsRegular():
			info, err := e.Info()
			if errors.Is(err, fs.ErrNotExist) { // deleted meanwhile
				continue
			}
			if err != nil {
				return false, err
			}
			if !yield(vault.Info{Name: name, Size: info.Size(), Modified: info.ModTime().UTC()}, nil) {
				return false, nil
			}
		}
	}
	return true, nil
}

// readDir returns a folder's entries in the order of full names, in which a
// slash follows the name of a folder: "a-b" comes before "a/b".
func readDir(root *os.Root, dir string) ([]fs.DirEntry, error) {
	d, err := root.Open(filepath.FromSlash(dir))
	if err != nil {
		return nil, err
	}
	defer d.Close()
	entries, err := d.ReadDir(-1)
	if err != nil {
		return nil, err
	}
	key := func(e fs.DirEntry) string {
		if e.IsDir() {
			return e.Name() + "/"
		}
		return e.Name()
	}
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return cmp.Compare(key(a), key(b)) })
	return entries, nil
}
