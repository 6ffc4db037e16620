package repair

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"golang.org/x/sync/errgroup"

	"cvarchive/archive/progress"
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
			case errors.Is(err, fs.ErrNotExist) && vault.CheckObject(w.object) == nil:
				return r.undelete(gctx, w)
			case !isObjectError(err), vault.CheckObject(w.object) != nil: // no source helps
				w.closed = true
				w.fail("%v", err)
			}
			return nil
		})
	}
	return g.Wait()
}

// undelete brings back an object that is missing because it was deleted, where
// the storage keeps it for a while. Its bytes are then read: those that are not
// what they were are had from the source like any others.
func (r *run) undelete(ctx context.Context, w *work) error {
	if r.opt.DryRun {
		if _, deleted, err := r.vault.SoftDeleted(ctx, w.object); err == nil && deleted {
			r.settle(w, Available, nil)
		}
		return ctx.Err()
	}
	back, err := r.vault.Undelete(ctx, w.object)
	if back && r.read(ctx, w.object) == nil {
		r.settle(w, Repaired, nil)
	}
	if err != nil {
		r.opt.Progress.Send(progress.Event{Kind: progress.Warning, Message: fmt.Sprintf("bring back object %s, which was deleted: %v", w.object.SHA256, err)})
	}
	return ctx.Err()
}

// read reads an object of the vault to its end, or looks it up where it cannot
// be read.
func (r *run) read(ctx context.Context, o manifest.Object) error {
	if r.vault.CanRead() != nil { // encrypted: its name and its size have to do
		has, err := r.vault.HasObject(ctx, o)
		if err == nil && !has {
			err = &vault.ObjectError{Object: o, Reason: "is missing from " + r.vault.String(), Err: fs.ErrNotExist}
		}
		return err
	}
	in, err := r.vault.OpenObject(ctx, o)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, in)
	return errors.Join(err, in.Close())
}
