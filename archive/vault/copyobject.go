package vault

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"cvarchive/manifest"
)

// Copier is a [Store] that can take a name from another one without its bytes
// passing through this machine, as Blob Storage does.
type Copier interface {
	// CopiesFrom reports whether another store is of a kind that can be
	// copied from.
	CopiesFrom(from any) bool
	// CopyFrom stores under a name what another store has under it, and
	// checks that it has this size in bytes and is the same. A taken name is
	// left alone and reported ([io/fs.ErrExist]). What has to be read and
	// written instead is [errors.ErrUnsupported].
	CopyFrom(ctx context.Context, from any, name string, size int64) error
}

// Copies reports whether the stores of two vaults may be able to copy objects
// from one to the other by themselves.
func (v *Vault) Copies(from *Vault) bool {
	c, ok := v.store.(Copier)
	sameKeys := !v.Encrypted() && !from.Encrypted() || v.ID() == from.ID()
	return ok && sameKeys && c.CopiesFrom(from.store)
}

// CopyObject stores an object that another vault has, unless this one has it,
// by asking the store to do so. What stands against it is any error but those
// of a context; [errors.ErrUnsupported] where it cannot be asked. Then
// [Vault.PutObject] is to be tried.
func (v *Vault) CopyObject(ctx context.Context, from *Vault, o manifest.Object) error {
	if err := CheckObject(o); err != nil {
		return err
	}
	c, ok := v.store.(Copier)
	if !ok || !c.CopiesFrom(from.store) || from.ObjectName(o) != v.ObjectName(o) {
		return errors.ErrUnsupported
	}
	err := c.CopyFrom(ctx, from.store, v.ObjectName(o), v.Stored(o).Size)
	if !errors.Is(err, fs.ErrExist) {
		if err != nil {
			err = fmt.Errorf("copy object %s: %w", o.SHA256, err)
		}
		return err
	}
	has, err := v.KeepObject(ctx, o)
	if err == nil && !has {
		err = &ObjectError{Object: o, Reason: "was deleted while it was being copied; run again", Err: fs.ErrNotExist}
	}
	return err
}
