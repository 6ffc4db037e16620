package blobstore

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"

	"cvarchive/manifest"
	"cvarchive/manifest/store"
)

const (
	// maxCopy is the largest blob that Copy Blob From URL takes, in bytes.
	maxCopy = 256 << 20
	// copyLinkLife is how long a link to the source of a copy works. A copy
	// is done when it is answered; repeated tries take minutes.
	copyLinkLife = time.Hour
)

// errDiffers means that a copy is not what its source is.
var errDiffers = errors.New("the copy has another size or MD5 than its source")

// CopiesFrom reports whether another store is Blob Storage too.
func (s *Store) CopiesFrom(from any) bool {
	_, ok := from.(*Store)
	return ok
}

// CopyFrom stores under a name what another store of Blob Storage has under
// it: the service copies, and no byte of it passes through this machine. Like
// [Store.Create] it is create-only. The service compares the bytes that it
// reads with the MD5 that the source was stored with, and the copy is asked
// for its size and MD5 afterwards; that the source is the object that its name
// says is not looked at.
//
// The source is read by a link that lives an hour, or by the SAS that its
// store was opened with; the link is part of the request and of nothing else.
// What cannot be copied in this way (a store of another kind, a blob without an
// MD5 or above 256 MiB, keys that customers provide) is
// [errors.ErrUnsupported], and nothing was done.
func (s *Store) CopyFrom(ctx context.Context, from any, name string, size int64) error {
	source, ok := from.(*Store)
	if !ok {
		return fmt.Errorf("%v is not Blob Storage: %w", from, errors.ErrUnsupported)
	}
	if s.cpk != nil || source.cpk != nil {
		return fmt.Errorf("the service copies nothing by itself that is encrypted with a customer's key: %w", errors.ErrUnsupported)
	}
	if size > maxCopy {
		return fmt.Errorf("the service copies up to %d MiB by itself: %w", maxCopy>>20, errors.ErrUnsupported)
	}
	if err := store.CheckName(name); err != nil {
		return err
	}
	p, err := source.blob(name).GetProperties(ctx, nil)
	if err != nil {
		return fmt.Errorf("look for %s: %w", name, source.explain("GetBlobProperties", err))
	}
	if p.ContentLength == nil || *p.ContentLength != size || len(p.ContentMD5) == 0 {
		return fmt.Errorf("the source has another size, or no MD5 to hold the copy against: %w", errors.ErrUnsupported)
	}
	link, err := source.copyLink(ctx, name)
	if err != nil {
		return err
	}
	w := &write{store: s, name: name, client: s.blob(name), size: size, word: rand.Text(), rule: s.rule(name)}
	mode, until := w.rule.policy(s.now())
	_, err = w.client.CopyFromURL(ctx, link.Reveal(), &blob.CopyFromURLOptions{
		SourceContentMD5: p.ContentMD5, Metadata: w.metadata(), Tier: w.rule.tier, CPKScopeInfo: s.scope,
		ImmutabilityPolicyMode: mode, ImmutabilityPolicyExpiry: until, BlobAccessConditions: createOnly(),
	})
	if err := w.settle(ctx, "CopyBlobFromURL", err); err != nil {
		return fmt.Errorf("copy %s: %w", name, err)
	}
	return w.compare(ctx, p.ContentMD5)
}

// compare asks for what a copy became. One that is something else is deleted:
// it is this write's, and nobody relies on it yet.
func (w *write) compare(ctx context.Context, sum []byte) error {
	p, err := w.client.GetProperties(ctx, w.store.properties())
	if err != nil {
		return fmt.Errorf("look at the copy of %s: %w", w.name, w.store.explain("GetBlobProperties", err))
	}
	if p.ContentLength != nil && *p.ContentLength == w.size && bytes.Equal(p.ContentMD5, sum) {
		return nil
	}
	return errors.Join(fmt.Errorf("copy %s: %w", w.name, errDiffers), w.store.Delete(ctx, w.name))
}

// copyLink is a URL with which Blob Storage itself reads a name: the SAS that
// the store was opened with, where it can make no better one.
func (s *Store) copyLink(ctx context.Context, name string) (manifest.Secret, error) {
	if s.auth == bySAS {
		return manifest.NewSecret(s.blob(name).URL()), nil
	}
	return s.ReadURL(ctx, name, copyLinkLife)
}
