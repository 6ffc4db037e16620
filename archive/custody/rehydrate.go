package custody

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"cvarchive/archive/objectset"
	"cvarchive/archive/progress"
	"cvarchive/archive/vault"
	"cvarchive/manifest"
)

// Cold is what of an archive's objects lies in a tier from which nothing is
// read.
type Cold struct {
	Objects, Bytes        int64 // named by the archive, or the chosen projects
	Offline, OfflineBytes int64 // in the archive tier, and nobody asked for them
	Pending, PendingBytes int64 // on their way out of it
	Missing               int64 // not in the vault at all
	vault                 *vault.Vault
	objects               objectset.Table // those that are named, as named, offline and pending
}

// What is known of an object.
const (
	named   = 1 << iota
	offline // in the archive tier, and nobody asked for it
	pending // on its way out of it
)

// Look finds out where the objects of an archive lie, or only those of some
// projects, by id; nil: of all. It lists the objects of the vault once.
func Look(ctx context.Context, v *vault.Vault, a vault.Archive, projects []string) (*Cold, error) {
	if _, ok := v.Store().(vault.Rehydrater); !ok {
		return nil, &UnsupportedError{Vault: v.String(), What: "archive tier"}
	}
	c := &Cold{vault: v}
	err := eachMention(ctx, v, a, projects, func(o manifest.Object) error {
		if c.objects.Mark(objectset.OfLine(v.Stored(o)), named) != 0 {
			return nil
		}
		c.Objects++
		c.Bytes += o.Size
		return nil
	})
	if err != nil {
		return nil, err
	}
	return c, c.look(ctx)
}

func (c *Cold) look(ctx context.Context) error {
	c.Offline, c.OfflineBytes, c.Pending, c.PendingBytes = 0, 0, 0, 0
	c.Missing = c.Objects
	for o, err := range c.vault.ListObjects(ctx) {
		if err != nil {
			return err
		}
		k := objectset.OfLine(o.Object)
		if c.objects.Get(k) == 0 {
			continue
		}
		c.Missing--
		how := byte(named)
		switch {
		case o.State.Rehydrating:
			c.Pending++
			c.PendingBytes += o.Size
			how |= pending
		case o.State.Offline:
			c.Offline++
			c.OfflineBytes += o.Size
			how |= offline
		}
		c.objects.Put(k, how)
	}
	return nil
}

// Start asks for all that were offline when it was looked, and at high priority
// again for those that were on their way, and does not wait for them. It lists
// the objects of the vault again, for the names of millions are not kept.
func (c *Cold) Start(ctx context.Context, tier string, high bool, opt Options) (*Report, error) {
	r, ok := c.vault.Store().(vault.Rehydrater)
	if !ok {
		return nil, errors.ErrUnsupported // Look has said so
	}
	w := newWork(opt)
	w.total = c.Offline
	wanted := byte(offline)
	if high {
		w.total += c.Pending
		wanted |= pending
	}
	if w.total == 0 {
		return &w.report, nil
	}
	w.opt.Progress.Send(progress.Event{Kind: progress.PhaseStarted, Message: "ask for objects", Total: w.total})
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(w.opt.Concurrency)
	var broken error
	for o, err := range c.vault.ListObjects(gctx) {
		if err != nil {
			broken = err
			break
		}
		if c.objects.Get(objectset.OfLine(o.Object))&wanted != 0 {
			g.Go(func() error { return w.one(gctx, o.Name, r.Rehydrate(gctx, o.Name, tier, high)) })
		}
	}
	if stopped := g.Wait(); stopped != nil {
		return &w.report, stopped
	}
	return &w.report, broken
}

// Follow waits until none is on its way any more, and looks as often as every.
// What is still offline afterwards nobody asked for.
func (c *Cold) Follow(ctx context.Context, every time.Duration, send progress.Func) error {
	if err := c.look(ctx); err != nil {
		return err
	}
	total := c.Pending
	send.Send(progress.Event{Kind: progress.PhaseStarted, Message: "wait for objects from the archive tier", Total: total})
	tick := time.NewTicker(every)
	defer tick.Stop()
	for c.Pending > 0 {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
		if err := c.look(ctx); err != nil {
			return fmt.Errorf("look how far the rehydration is: %w", err)
		}
		send.Send(progress.Event{Kind: progress.ItemDone, Item: "rehydration", Done: total - c.Pending, Total: total})
	}
	return nil
}

// errEnough ends a look that has seen enough.
var errEnough = errors.New("enough")

// AnyOffline looks at the first few objects of an archive, or of some
// projects, and returns the name of one that lies in the archive tier; "" when
// none does, or the store has no such tier.
func AnyOffline(ctx context.Context, v *vault.Vault, a vault.Archive, projects []string) (string, error) {
	if _, ok := v.Store().(vault.Rehydrater); !ok {
		return "", nil
	}
	var first []manifest.Object
	err := eachMention(ctx, v, a, projects, func(o manifest.Object) error {
		if slices.Contains(first, o) {
			return nil
		}
		first = append(first, o)
		if len(first) == sampled {
			return errEnough
		}
		return nil
	})
	if err != nil && !errors.Is(err, errEnough) {
		return "", err
	}
	for _, o := range first {
		info, err := v.Store().Stat(ctx, v.ObjectName(o))
		if err == nil && info.Offline {
			return info.Name, nil
		}
	}
	return "", nil
}

// sampled is how many objects [AnyOffline] looks at.
const sampled = 16
