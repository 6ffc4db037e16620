package repair

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"cvarchive/archive/download"
	"cvarchive/archive/vault"
	"cvarchive/manifest"
)

// errNoModel says that an export is gone.
var errNoModel = errors.New("the source does not have this exported model any more")

// obtain downloads the bytes of one record, and puts them into the vault when
// they are the object's. Its error is that of the context.
func (a *asked) obtain(ctx context.Context, w want, l download.Link, limit int64) error {
	if a.opt.DryRun {
		a.settle(w.work, Available, w.item)
		return nil
	}
	b := download.NewBody(a.opt.TempDir, limit)
	defer b.Close()
	if err := a.downloads.Fetch(ctx, w.item.ProjectID, l, b); err != nil {
		w.fail("%s could not be downloaded from %s: %v", w.item.Name, a.name, err)
		return ctx.Err()
	}
	got, err := b.Object()
	switch {
	case err != nil:
		w.fail("%v", err)
	case got.SHA256 != w.object.SHA256 || got.Size != w.object.Size:
		w.fail("%s has other bytes in %s now (SHA-256 %s, %d bytes)", w.item.Name, a.name, got.SHA256, got.Size)
	default:
		// A deletion is not left alone by an interruption.
		a.replace(context.WithoutCancel(ctx), w, b)
	}
	return nil
}

// replace puts good bytes, which are at hand, in the place of bad ones.
func (a *asked) replace(ctx context.Context, w want, good *download.Body) {
	switch err := a.read(ctx, w.object); {
	case err == nil: // someone else was faster
		a.settle(w.work, Sound, nil)
		return
	case errors.Is(err, fs.ErrNotExist):
	case !isObjectError(err):
		w.fail("%v", err)
		return
	default:
		if err := a.vault.Store().Delete(ctx, a.vault.ObjectName(w.object)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			w.fail("the damaged object cannot be removed: %v", err)
			w.closed = true
			return
		}
	}
	if err := a.store(ctx, w.object, good); err != nil {
		w.fail("its good bytes are at hand and could not be stored: %v; repair again", err)
		w.closed = true
		return
	}
	a.settle(w.work, Repaired, w.item)
}

// store stores an object and reads it back.
func (a *asked) store(ctx context.Context, o manifest.Object, good *download.Body) error {
	_, err := a.vault.PutObject(ctx, o, good.Reader())
	if err == nil {
		err = a.vault.Flush(ctx)
	}
	if err != nil {
		return err
	}
	if err := a.read(ctx, o); err != nil {
		return fmt.Errorf("read it back: %w", err)
	}
	return nil
}

func isObjectError(err error) bool {
	_, ok := errors.AsType[*vault.ObjectError](err)
	return ok
}
