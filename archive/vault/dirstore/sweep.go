package dirstore

import (
	"context"
	"errors"
	"io/fs"
	"path"
	"path/filepath"
	"strings"

	"cvarchive/manifest/store"
)

// Sweep implements [vault.Sweeper]: it deletes the temporary files of writers
// that ended before they could, from a day old on, in all folders.
func (s *Store) Sweep(ctx context.Context) error {
	root, err := s.open()
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = fs.WalkDir(root.FS(), ".", func(name string, d fs.DirEntry, err error) error {
			if err != nil || ctx.Err() != nil {
				if errors.Is(err, fs.ErrNotExist) { // deleted meanwhile
					return nil
				}
				return errors.Join(err, ctx.Err())
			}
			if !d.IsDir() && strings.HasPrefix(path.Base(name), store.TempPrefix) {
				s.removeTemp(root.Root, filepath.FromSlash(name))
			}
			return nil
		})
	}
	if err != nil {
		return s.explain("clear", "unfinished files", err)
	}
	return nil
}
