package dirstore

import (
	"context"
	"path/filepath"

	"cvarchive/archive/vault"
)

var _ vault.Toucher = (*Store)(nil)

// Touch implements [vault.Toucher].
func (s *Store) Touch(ctx context.Context, name string) error {
	root, _, err := s.stat(ctx, name)
	if err == nil {
		now := s.now()
		err = root.Chtimes(filepath.FromSlash(name), now, now)
	}
	if err != nil {
		return s.explain("touch", name, err)
	}
	return nil
}
