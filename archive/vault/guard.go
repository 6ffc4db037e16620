package vault

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"cvarchive/manifest"
	"cvarchive/manifest/store"
)

// Guard is a [Store] that keeps names from being changed and deleted, as Blob
// Storage does with policies and holds. What it does with a name is in its
// [store.State].
type Guard interface {
	// ImmutableFor returns how long at least a name is protected when it is
	// stored; 0: not at all.
	ImmutableFor(name string) time.Duration
	// Extend protects a name for so long from now on.
	Extend(ctx context.Context, name string) error
	// SetHold puts a legal hold on a name, or takes it off.
	SetHold(ctx context.Context, name string, held bool) error
}

// Rehydrater is a [Store] with a tier from which nothing is read
// ([store.State.Offline]).
type Rehydrater interface {
	// Rehydrate begins to move a name to another tier, such as "cool", and
	// does not wait for it.
	Rehydrate(ctx context.Context, name, tier string, high bool) error
}

// Undeleter is a [Store] that keeps what was deleted for a while.
type Undeleter interface {
	// SoftDeleted reports whether a missing name was deleted and is kept
	// yet, and for how many days; 0: not known.
	SoftDeleted(ctx context.Context, name string) (daysLeft int, deleted bool, err error)
	Undelete(ctx context.Context, name string) error
}

// unchangedDeleter is a [Store] that deletes under a condition.
type unchangedDeleter interface {
	// DeleteUnchanged deletes a name as it was when it was looked at; one
	// that was touched since is [store.ErrChanged].
	DeleteUnchanged(ctx context.Context, seen Info) error
}

// DeleteUnchanged deletes a name unless it was touched since it was looked at
// ([store.ErrChanged]). The stores of this program decide that in one step
// with the deletion; another one is asked for both, one after the other.
func (v *Vault) DeleteUnchanged(ctx context.Context, seen Info) error {
	if d, ok := v.store.(unchangedDeleter); ok {
		return d.DeleteUnchanged(ctx, seen)
	}
	now, err := v.store.Stat(ctx, seen.Name)
	if err == nil && !now.Modified.Equal(seen.Modified) {
		err = store.ErrChanged
	}
	if err != nil {
		return fmt.Errorf("delete %s: %w", seen.Name, err)
	}
	return v.store.Delete(ctx, seen.Name)
}

// Guards reports whether the vault's store can protect what is in it.
func (v *Vault) Guards() (Guard, bool) {
	g, ok := v.store.(Guard)
	return g, ok
}

// SoftDeleted reports whether an object that is missing was deleted and can
// be brought back with [Vault.Undelete], and for how many days yet.
func (v *Vault) SoftDeleted(ctx context.Context, o manifest.Object) (daysLeft int, deleted bool, err error) {
	u, ok := v.store.(Undeleter)
	if !ok || CheckObject(o) != nil {
		return 0, false, nil
	}
	return u.SoftDeleted(ctx, v.ObjectName(o))
}

// Undelete brings back an object that is soft-deleted; ok is false where the
// store keeps none.
func (v *Vault) Undelete(ctx context.Context, o manifest.Object) (ok bool, err error) {
	u, can := v.store.(Undeleter)
	if !can {
		return false, nil
	}
	_, deleted, err := v.SoftDeleted(ctx, o)
	if err != nil || !deleted {
		return false, err
	}
	if err := u.Undelete(ctx, v.ObjectName(o)); err != nil {
		return false, err
	}
	has, err := v.HasObject(ctx, o)
	if err == nil && !has {
		err = &ObjectError{Object: o, Reason: "was brought back and is missing all the same", Err: fs.ErrNotExist}
	}
	return err == nil, err
}

// isUntouchable reports whether a store cannot make a name look new.
func isUntouchable(err error) bool { return errors.Is(err, store.ErrUntouchable) }
