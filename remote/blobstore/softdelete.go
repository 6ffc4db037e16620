package blobstore

import (
	"context"
	"fmt"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"

	"cvarchive/manifest/store"
)

// SoftDeleted reports whether a name that is missing was deleted and is kept by
// the account for a while, and for how many days yet; 0 where the service does
// not tell. It costs a listing.
func (s *Store) SoftDeleted(ctx context.Context, name string) (daysLeft int, deleted bool, err error) {
	if err := store.CheckName(name); err != nil {
		return 0, false, err
	}
	full := s.where.prefix + name
	pager := s.client.NewListBlobsFlatPager(&container.ListBlobsFlatOptions{
		Prefix: &full, Include: container.ListBlobsInclude{Deleted: true},
	})
	page, err := pager.NextPage(ctx) // the name itself is the first with this prefix
	if err != nil {
		return 0, false, fmt.Errorf("look whether %s was deleted lately: %w", name, s.explain("ListBlobs", err))
	}
	for _, item := range page.Segment.BlobItems {
		if item.Name == nil || *item.Name != full || item.Deleted == nil || !*item.Deleted || item.Snapshot != nil && *item.Snapshot != "" {
			continue
		}
		if item.Properties != nil && item.Properties.RemainingRetentionDays != nil {
			daysLeft = int(*item.Properties.RemainingRetentionDays)
		}
		return daysLeft, true, nil
	}
	return 0, false, nil
}

// Undelete brings back a name that is soft-deleted (Undelete Blob).
func (s *Store) Undelete(ctx context.Context, name string) error {
	if err := store.CheckName(name); err != nil {
		return err
	}
	if _, err := s.blob(name).Undelete(ctx, nil); err != nil {
		return fmt.Errorf("undelete %s: %w", name, s.explain("UndeleteBlob", err))
	}
	return nil
}
