package inventory

import (
	"context"
	"io"
	"sync"

	"cvarchive/archive/objectset"
	"cvarchive/archive/vault"
	"cvarchive/manifest"
)

const (
	// few questions are asked one by one: a listing takes a request too, and
	// an answer of some size.
	few = 8
	// maxKnown bounds how many objects are remembered, at eight bytes each.
	// Beyond, each is asked for.
	maxKnown = 3_000_000
)

// Pager is a [vault.Store] that is asked over a network.
type Pager interface {
	// PageSize is how many names one request lists.
	PageSize() int
}

// Inventory is what is known of the objects of one vault. It is safe for
// concurrent use.
type Inventory struct {
	vault *vault.Vault
	page  int             // names that a request lists; 0: listing saves nothing
	ctx   context.Context // of the listing, for which any one question waits

	mu       sync.Mutex
	known    objectset.Table
	expected int64         // questions
	worth    int64         // so many questions are worth a listing
	listed   chan struct{} // closed when the listing has ended; nil: none was begun
}

// What a table says of an object.
const (
	isListed byte = iota + 1
	isOurs        // stored through the inventory
)

// New returns an inventory that knows nothing yet. The context ends what it
// does beside the questions that it is asked.
func New(ctx context.Context, v *vault.Vault) *Inventory {
	i := &Inventory{vault: v, ctx: ctx, worth: few}
	if p, ok := v.Store().(Pager); ok {
		i.page = p.PageSize()
	}
	return i
}

// Expect announces so many calls of [Inventory.HasObject], besides those
// announced before. It does not wait.
func (i *Inventory) Expect(questions int64) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.expected += questions
	if i.page > 0 && i.listed == nil && i.expected > i.worth {
		i.listed = make(chan struct{})
		go i.list(i.listed, i.expected)
	}
}

// HasObject is [vault.Vault.HasObject], as of any time since the inventory was
// made.
func (i *Inventory) HasObject(ctx context.Context, o manifest.Object) (bool, error) {
	if err := vault.CheckObject(o); err != nil {
		return false, err
	}
	k := i.key(o)
	i.mu.Lock()
	what, listed := i.known.Get(k), i.listed
	i.mu.Unlock()
	if what == 0 && listed != nil {
		select {
		case <-listed:
		case <-ctx.Done():
			return false, ctx.Err()
		}
		i.mu.Lock()
		what = i.known.Get(k)
		i.mu.Unlock()
	}
	if what != 0 {
		return true, nil
	}
	// It is lost, of another size, or was stored since.
	return i.vault.HasObject(ctx, o)
}

// PutObject is [vault.Vault.PutObject]. What is known to be there is not sent.
func (i *Inventory) PutObject(ctx context.Context, o manifest.Object, body io.ReadSeeker) (existed bool, err error) {
	if err := vault.CheckObject(o); err != nil {
		return false, err
	}
	k := i.key(o)
	i.mu.Lock()
	what := i.known.Get(k)
	i.mu.Unlock()
	switch what {
	case isOurs:
		return true, nil
	case isListed:
		if has, err := i.vault.KeepObject(ctx, o); has || err != nil {
			return has, err
		}
	}
	existed, err = i.vault.PutObject(ctx, o, body)
	if err == nil {
		i.mu.Lock()
		i.remember(k, isOurs)
		i.mu.Unlock()
	}
	return existed, err
}

// key stands for an object with its size, as the store has it.
func (i *Inventory) key(o manifest.Object) objectset.Key {
	return objectset.OfLine(i.vault.Stored(o))
}

// remember notes an object while there is room. The lock is held.
func (i *Inventory) remember(k objectset.Key, what byte) {
	if i.known.Len() < maxKnown {
		i.known.Put(k, what)
	}
}
