package blobstore

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"

	"cvarchive/manifest/store"
)

// PageSize is how many names one request of a listing brings.
func (s *Store) PageSize() int { return 5000 }

// List implements the store of a vault. Blobs whose names no vault could have, and
// the folders of hierarchical namespaces, are passed over.
func (s *Store) List(ctx context.Context, prefix string) iter.Seq2[store.Info, error] {
	return func(yield func(store.Info, error) bool) {
		if prefix != "" {
			if err := store.CheckName(strings.TrimSuffix(prefix, "/")); err != nil {
				yield(store.Info{}, fmt.Errorf("list %s: %w", s, err))
				return
			}
		}
		full := s.where.prefix + prefix
		pager := s.client.NewListBlobsFlatPager(&container.ListBlobsFlatOptions{
			Prefix: &full,
			Include: container.ListBlobsInclude{
				Metadata:           true, // tells folders
				ImmutabilityPolicy: s.setsPolicies(), LegalHold: s.setsPolicies(),
			},
		})
		for pager.More() {
			page, err := pager.NextPage(ctx)
			if err != nil {
				yield(store.Info{}, fmt.Errorf("list %s: %w", cmp.Or(prefix, "everything"), s.explain("ListBlobs", err)))
				return
			}
			for _, item := range page.Segment.BlobItems {
				info, ok := s.info(item)
				if ok && !yield(info, nil) {
					return
				}
			}
		}
	}
}

// info reads a listed blob; ok is false for what is not a file of a vault.
func (s *Store) info(item *container.BlobItem) (info store.Info, ok bool) {
	if item.Name == nil || item.Properties == nil {
		return info, false
	}
	info.Name = strings.TrimPrefix(*item.Name, s.where.prefix)
	if store.CheckName(info.Name) != nil {
		return info, false
	}
	for key, value := range item.Metadata {
		if strings.EqualFold(key, "hdi_isfolder") && value != nil && strings.EqualFold(*value, "true") {
			return info, false
		}
	}
	if n := item.Properties.ContentLength; n != nil {
		info.Size = *n
	}
	if t := item.Properties.LastModified; t != nil {
		info.Modified = t.UTC()
	}
	p := item.Properties
	info.State = stateOf(p.AccessTier, p.ArchiveStatus, p.ImmutabilityPolicyExpiresOn, p.LegalHold)
	return info, true
}
