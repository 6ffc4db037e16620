package inventory

import (
	"errors"
	"iter"

	"golang.org/x/sync/errgroup"

	"cvarchive/archive/objectset"
	"cvarchive/archive/vault"
)

const (
	// inOrder is how many pages are listed one after the other, each of which
	// may take the better part of a second. Of more, each shard is listed by
	// itself, several at once.
	inOrder      = 16
	shardsAtOnce = 8
)

var (
	errDear = errors.New("listing takes more requests than asking")
	errLong = errors.New("listing takes long")
	errFull = errors.New("there is no more room")
)

// list lists the objects of the vault, if that takes fewer requests than there
// are questions. An error is no matter: what was not listed is asked for, and
// whoever does so is told.
func (i *Inventory) list(done chan struct{}, questions int64) {
	defer close(done)
	last, err := i.pages(i.vault.ListObjects(i.ctx), questions)
	switch {
	case errors.Is(err, errDear):
		i.mu.Lock()
		i.listed = nil // another announcement may make it worth it
		i.mu.Unlock()
	case errors.Is(err, errLong):
		var g errgroup.Group
		g.SetLimit(shardsAtOnce)
		for shard := int(last); shard < vault.Shards; shard++ {
			g.Go(func() error {
				_, err := i.pages(i.vault.ListShard(i.ctx, byte(shard)), 0)
				return err
			})
		}
		_ = g.Wait()
	}
}

// pages takes note of what is listed, and returns the last shard that it was in.
// With a number of questions it looks after the first page at how many there
// will be.
func (i *Inventory) pages(objects iter.Seq2[vault.StoredObject, error], questions int64) (last byte, err error) {
	n := 0
	for o, err := range objects {
		if err != nil {
			return last, err
		}
		if n++; n > i.page && questions > 0 {
			if err := i.judge(o, questions); err != nil {
				return last, err
			}
			questions = 0
		}
		last = o.SHA256[0]
		i.mu.Lock()
		i.remember(objectset.OfLine(o.Object), isListed)
		full := i.known.Len() >= maxKnown
		i.mu.Unlock()
		if full {
			return last, errFull
		}
	}
	return last, nil
}

// judge estimates from the first object of the second page how many pages
// there are: digests are spread evenly.
func (i *Inventory) judge(o vault.StoredObject, questions int64) error {
	share := 1 + int64(o.SHA256[0])<<8 + int64(o.SHA256[1])
	pages := 1<<16/share + 1
	requests := pages
	if pages > inOrder {
		requests = max(pages, vault.Shards)
	}
	switch {
	case requests >= questions:
		i.mu.Lock()
		i.worth = requests
		i.mu.Unlock()
		return errDear
	case pages > inOrder:
		return errLong
	}
	return nil
}
