package blobstore

import (
	"context"
	"fmt"

	"cvarchive/manifest/store"
)

// Touch makes a blob look new: writing its metadata, none, sets the time of
// its last change. It costs one write operation, and fails under an
// immutability policy, where nothing is deleted either.
func (s *Store) Touch(ctx context.Context, name string) error {
	if err := store.CheckName(name); err != nil {
		return err
	}
	if _, err := s.blob(name).SetMetadata(ctx, nil, nil); err != nil {
		return fmt.Errorf("touch %s: %w", name, s.explain("SetBlobMetadata", err))
	}
	return nil
}
