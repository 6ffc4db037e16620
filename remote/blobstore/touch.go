package blobstore

import (
	"context"
	"errors"
	"fmt"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/bloberror"

	"cvarchive/manifest/store"
)

// Touch makes a blob look new: writing its metadata, none, sets the time of
// its last change. It costs one write operation. A blob in the archive tier, or
// under an immutability policy or a legal hold, is [store.ErrUntouchable]; where a
// rule of this store set the policy, it is prolonged instead.
func (s *Store) Touch(ctx context.Context, name string) error {
	if err := store.CheckName(name); err != nil {
		return err
	}
	_, err := s.blob(name).SetMetadata(ctx, nil, &blob.SetMetadataOptions{CPKInfo: s.cpk, CPKScopeInfo: s.scope})
	if hasCode(err, bloberror.BlobImmutableDueToPolicy) && s.rule(name).immutableFor > 0 {
		if extended := s.Extend(ctx, name); extended == nil {
			return nil
		}
	}
	if hasCode(err, bloberror.BlobImmutableDueToPolicy, bloberror.BlobArchived, bloberror.BlobBeingRehydrated) {
		return fmt.Errorf("touch %s: %w", name, errors.Join(store.ErrUntouchable, s.explain("SetBlobMetadata", err)))
	}
	if err != nil {
		return fmt.Errorf("touch %s: %w", name, s.explain("SetBlobMetadata", err))
	}
	return nil
}
