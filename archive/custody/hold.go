package custody

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"cvarchive/archive/objectset"
	"cvarchive/archive/progress"
	"cvarchive/archive/vault"
	"cvarchive/manifest"
)

// Hold puts a legal hold on an archive, its signature and all its objects:
// objects first, so that an archive that is held has its objects held.
func Hold(ctx context.Context, v *vault.Vault, a vault.Archive, opt Options) (*Report, error) {
	g, ok := v.Guards()
	if !ok {
		return nil, &UnsupportedError{Vault: v.String(), What: "legal holds"}
	}
	w := newWork(opt)
	w.opt.Progress.Send(progress.Event{Kind: progress.PhaseStarted, Message: "hold " + a.Name})
	hold := func(ctx context.Context, name string) error { return g.SetHold(ctx, name, true) }
	if err := w.toObjects(ctx, v, a, &objectset.Table{}, hold); err != nil || w.report.Failed > 0 {
		return &w.report, err
	}
	return &w.report, w.toFiles(ctx, v, a, hold)
}

// Release takes it off again: from the archive first, and then from those of
// its objects that no other archive names that is held.
func Release(ctx context.Context, v *vault.Vault, a vault.Archive, opt Options) (*Report, error) {
	g, ok := v.Guards()
	if !ok {
		return nil, &UnsupportedError{Vault: v.String(), What: "legal holds"}
	}
	others, err := heldByOthers(ctx, v, a)
	if err != nil {
		return nil, err
	}
	w := newWork(opt)
	w.opt.Progress.Send(progress.Event{Kind: progress.PhaseStarted, Message: "release " + a.Name})
	release := func(ctx context.Context, name string) error { return g.SetHold(ctx, name, false) }
	if err := w.toFiles(ctx, v, a, release); err != nil {
		return &w.report, err
	}
	return &w.report, w.toObjects(ctx, v, a, others, release)
}

func (w *work) toFiles(ctx context.Context, v *vault.Vault, a vault.Archive, do func(context.Context, string) error) error {
	names, err := ownFiles(ctx, v, a)
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := w.one(ctx, name, do(ctx, name)); err != nil {
			return err
		}
	}
	return nil
}

// heldByOthers collects what other archives name that are held. One that
// cannot be read might name anything.
func heldByOthers(ctx context.Context, v *vault.Vault, a vault.Archive) (*objectset.Table, error) {
	archives, err := v.Archives(ctx)
	if err != nil {
		return nil, err
	}
	var held objectset.Table
	for _, other := range archives {
		if other.Path == a.Path {
			continue
		}
		info, err := v.Store().Stat(ctx, other.Path)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("look whether %s is held: %w", other.Name, err)
		}
		if err != nil || !info.Held {
			continue
		}
		err = eachMention(ctx, v, other, nil, func(o manifest.Object) error { held.Put(objectset.OfLine(o), 1); return nil })
		if err != nil {
			return nil, fmt.Errorf("the archive %s is held too and cannot be read, so that it is not known which objects it needs held: %w", other.Name, err)
		}
	}
	return &held, nil
}
