package custody

import (
	"context"
	"time"

	"golang.org/x/sync/errgroup"

	"cvarchive/archive/objectset"
	"cvarchive/archive/progress"
	"cvarchive/archive/vault"
	"cvarchive/manifest"
)

// Protect prolongs the policies of an archive's objects that end before its
// own would if it were stored now: objects that were there already, from
// earlier archives. It does nothing where the store sets no policies.
func Protect(ctx context.Context, v *vault.Vault, a vault.Archive, opt Options) (*Report, error) {
	w := newWork(opt)
	g, ok := v.Guards()
	if !ok || g.ImmutableFor(a.Path) == 0 {
		return &w.report, nil
	}
	var named objectset.Set
	if err := eachMention(ctx, v, a, nil, func(o manifest.Object) error { named.Add(objectset.OfLine(v.Stored(o))); return nil }); err != nil {
		return &w.report, err
	}
	w.opt.Progress.Send(progress.Event{Kind: progress.PhaseStarted, Message: "protect the objects of " + a.Name, Total: int64(named.Len())})
	now := time.Now()
	group, gctx := errgroup.WithContext(ctx)
	group.SetLimit(w.opt.Concurrency)
	var broken error
	for o, err := range v.ListObjects(gctx) {
		if err != nil {
			broken = err
			break
		}
		if !named.Has(objectset.OfLine(o.Object)) {
			continue
		}
		if !o.State.ImmutableUntil.Before(now.Add(g.ImmutableFor(o.Name))) {
			w.report.Left++
			continue
		}
		group.Go(func() error { return w.one(gctx, o.Name, g.Extend(gctx, o.Name)) })
	}
	if stopped := group.Wait(); stopped != nil {
		return &w.report, stopped
	}
	return &w.report, broken
}
