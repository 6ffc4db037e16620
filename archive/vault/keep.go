package vault

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"cvarchive/manifest"
)

// Toucher is a [Store] that can make a stored name look new.
type Toucher interface {
	// Touch sets the time of the last change to now. A missing name is
	// [io/fs.ErrNotExist], one that cannot be touched where it lies
	// [store.ErrUntouchable].
	Touch(ctx context.Context, name string) error
}

// Sweeper is a [Store] in which writers that are killed leave files that are
// never listed.
type Sweeper interface {
	// Sweep deletes those that nobody can be writing any more.
	Sweep(ctx context.Context) error
}

// youngFor is how long an object counts as new to [Vault.KeepObject].
const youngFor = time.Hour

// KeepObject is [Vault.HasObject] for a writer that is about to name an object
// in a new archive, and to rely on it being there: one that has been there for
// long is made young, so that a prune at the same time, to which no archive
// names it yet, leaves it alone for its grace period. A store that cannot
// ([Toucher]) is only asked; where the object itself cannot be touched, a note
// says that it is relied on ([Vault.Wanted]).
func (v *Vault) KeepObject(ctx context.Context, o manifest.Object) (bool, error) {
	info, has, err := v.statObject(ctx, o)
	touch, can := v.store.(Toucher)
	if err != nil || !has || !can || time.Since(info.Modified) <= youngFor {
		return has, err
	}
	if err = touch.Touch(ctx, info.Name); isUntouchable(err) {
		err = v.want(ctx, v.Stored(o))
	}
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("keep object %s: %w", o.SHA256, err)
	}
	// Had a prune looked before the touch, it has deleted by now.
	return v.HasObject(ctx, o)
}
