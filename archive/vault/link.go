package vault

import (
	"context"
	"errors"
	"fmt"
	"time"

	"cvarchive/manifest"
)

// Linker is a [Store] that hands out links to what it stores, as Blob Storage
// does.
type Linker interface {
	// ReadURL returns a URL that reads one name and nothing else until ttl
	// has passed.
	ReadURL(ctx context.Context, name string, ttl time.Duration) (manifest.Secret, error)
}

// ErrNoLinks says that the store of a vault hands out no links.
var ErrNoLinks = errors.New("a vault in a folder has no links to objects; only Blob Storage has")

// ErrEncrypted says that the service cannot read what the vault holds.
var ErrEncrypted = errors.New("the objects of an encrypted vault can be read by nobody who fetches them")

// ObjectURL returns a URL that reads an object, and nothing else, until ttl
// has passed. It does not look whether the object is there. Where the store
// has none to give, the error is [ErrNoLinks], [ErrEncrypted] or the store's.
func (v *Vault) ObjectURL(ctx context.Context, o manifest.Object, ttl time.Duration) (manifest.Secret, error) {
	if err := CheckObject(o); err != nil {
		return manifest.Secret{}, err
	}
	if v.Encrypted() {
		return manifest.Secret{}, ErrEncrypted
	}
	l, ok := v.store.(Linker)
	if !ok {
		return manifest.Secret{}, ErrNoLinks
	}
	link, err := l.ReadURL(ctx, v.ObjectName(o), ttl)
	if err != nil {
		return manifest.Secret{}, fmt.Errorf("make a link to object %s: %w", o.SHA256, err)
	}
	return link, nil
}
