package repair

import (
	"context"
	"errors"
	"io"

	"golang.org/x/sync/errgroup"

	"cvarchive/archive/vault"
	"cvarchive/manifest"
)

// examine looks at every object once more: the verification may be old.
func (r *run) examine(ctx context.Context) error {
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(r.opt.Downloads)
	for _, w := range r.works {
		g.Go(func() error {
			err := r.read(gctx, w.object)
			switch {
			case gctx.Err() != nil:
				return gctx.Err()
			case err == nil:
				r.settle(w, Sound, nil)
			case !isObjectError(err), vault.CheckObject(w.object) != nil: // no source helps
				w.closed = true
				w.fail("%v", err)
			}
			return nil
		})
	}
	return g.Wait()
}

// read reads an object of the vault to its end.
func (r *run) read(ctx context.Context, o manifest.Object) error {
	in, err := r.vault.OpenObject(ctx, o)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, in)
	return errors.Join(err, in.Close())
}
