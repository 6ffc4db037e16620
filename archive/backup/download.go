package backup

import (
	"context"
	"errors"
	"fmt"

	"cvarchive/archive/download"
	"cvarchive/archive/vault"
	"cvarchive/manifest"
)

// keep fetches an item and stores it. Errors that are the item's come as
// itemError; any other ends the backup.
func (r *run) keep(ctx context.Context, projectID string, l download.Link, limit int64) (manifest.Object, error) {
	b := r.downloads.NewBody(r.opt.TempDir, limit)
	defer b.Close()
	if err := r.downloads.Fetch(ctx, projectID, l, b); err != nil {
		if b.Failed() != nil || ctx.Err() != nil {
			return manifest.Object{}, err
		}
		return manifest.Object{}, &itemError{err}
	}
	o, err := b.Object()
	if err != nil {
		return o, err
	}
	// Most of what is downloaded is new: storing it, which fails where the name
	// is taken, takes one request to the vault and not two.
	has, err := r.inventory.PutObject(ctx, o, b.Reader())
	if _, damaged := errors.AsType[*vault.ObjectError](err); damaged {
		return o, &itemError{fmt.Errorf("%w; move that file out of the vault and back up again", err)}
	}
	if err != nil {
		return o, err
	}
	if !has {
		r.tally.stored.Add(1)
		r.tally.bytesStored.Add(o.Size)
	}
	return o, nil
}

// itemError is an error that concerns one image or model only.
type itemError struct{ err error }

func (e *itemError) Error() string { return e.err.Error() }
func (e *itemError) Unwrap() error { return e.err }
