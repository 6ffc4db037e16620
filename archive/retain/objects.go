package retain

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"golang.org/x/sync/errgroup"

	"cvarchive/archive"
	"cvarchive/archive/objectset"
	"cvarchive/archive/progress"
	"cvarchive/archive/vault"
	"cvarchive/manifest"
	"cvarchive/manifest/store"
)

const (
	// batchSize is how many objects are deleted between looks at what was
	// added to the vault.
	batchSize = 512
	// maxFailed is how many objects in a row may refuse to go.
	maxFailed = 100
)

// objects deletes the objects that nothing names.
func (p *pruner) objects(ctx context.Context) error {
	if err := p.collect(ctx); err != nil {
		return err
	}
	p.opt.Progress.Send(progress.Event{Kind: progress.PhaseStarted, Message: "objects"})
	var batch []vault.StoredObject
	for o, err := range p.vault.ListObjects(ctx) {
		if err != nil {
			return err
		}
		if !p.window.covers(objectset.Of(o.Object)) {
			if err := p.delete(ctx, batch); err != nil {
				return err
			}
			batch = batch[:0]
			p.moveTo(o)
			if err := p.collect(ctx); err != nil {
				return err
			}
		}
		if p.sort(o) {
			batch = append(batch, o)
		}
		if len(batch) == batchSize {
			if err := p.delete(ctx, batch); err != nil {
				return err
			}
			batch = batch[:0]
		}
	}
	return p.delete(ctx, batch)
}

// moveTo begins a window with an object: everything is to be read again.
func (p *pruner) moveTo(o vault.StoredObject) {
	p.window.moveTo(objectset.Of(o.Object))
	clear(p.read)
}

// sort counts an object that the window covers, and reports whether it can go.
func (p *pruner) sort(o vault.StoredObject) bool {
	n := &p.report.Objects
	count := func(count, bytes *int64) { *count++; *bytes += o.Size }
	count(&n.Count, &n.Bytes)
	switch k := objectset.Of(o.Object); {
	case p.window.named.Has(k):
		count(&n.Named, &n.NamedBytes)
	case p.window.waiting.Has(k):
		count(&n.Waiting, &n.WaitingBytes)
	case !p.old(o.Modified):
		count(&n.Young, &n.YoungBytes)
	case o.State.Protected(p.now):
		p.protected(o, o.State)
	default:
		count(&n.Deletable, &n.DeletableBytes)
		return len(p.report.Blocked) == 0
	}
	return false
}

// collect reads everything that names objects and was not read yet. The window
// may become narrower.
func (p *pruner) collect(ctx context.Context) error {
	// Readers of archives look in this order, in which things move: a
	// journal into an archive, both to what is kept aside.
	for s, err := range p.vault.AllSegments(ctx) {
		if err != nil {
			return err
		}
		if err := p.readSegment(ctx, s.Segment, p.doomed[s.Path]); err != nil {
			return err
		}
	}
	archives, err := p.vault.Archives(ctx)
	if err != nil {
		return err
	}
	for _, goes := range []bool{false, true} { // what stays need not wait besides
		for _, a := range archives {
			if p.doomed[a.Path] != goes {
				continue
			}
			if err := p.readArchive(ctx, a, goes); err != nil {
				return err
			}
		}
	}
	for w, err := range p.vault.Wanted(ctx) {
		if err != nil {
			return err
		}
		if !p.old(w.Modified) {
			p.window.wait(objectset.Of(w.Object))
		}
	}
	retired, err := p.vault.Retired(ctx)
	if err != nil {
		return err
	}
	for _, r := range retired {
		switch {
		case p.doomed[r.Path]:
		case r.Archive != nil:
			err = p.readArchive(ctx, *r.Archive, true)
		case r.Segment != nil:
			err = p.readSegment(ctx, *r.Segment, true)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// readArchive adds what an archive names to a set. One that goes, or has gone,
// names what waits; without a grace period it names nothing.
func (p *pruner) readArchive(ctx context.Context, a vault.Archive, gone bool) error {
	if p.read[a.Path] || gone && p.opt.Grace == 0 {
		return nil
	}
	f, err := p.vault.OpenIndex(ctx, a)
	if err == nil {
		defer f.Close()
		err = p.readObjects(ctx, f, gone)
	}
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, fs.ErrNotExist): // deleted meanwhile
		return nil
	case err != nil:
		next := "verify it, and put another copy in its place or delete it"
		if gone {
			next = "it goes for good when the grace period is over; prune again then"
		}
		if !p.bad[a.Path] { // in a window before
			p.report.Blocked = append(p.report.Blocked, fmt.Sprintf(
				"archive %s cannot be read, so that no object is known to be of no use, and none is deleted: %v; %s", a.Name, err, next))
		}
		p.bad[a.Path] = true
	}
	p.read[a.Path] = true
	return nil
}

func (p *pruner) readObjects(ctx context.Context, f *vault.ArchiveFile, gone bool) error {
	r, err := archive.NewReader(f, f.Size())
	if err != nil {
		return err
	}
	for o, err := range r.Objects(ctx) {
		if err != nil {
			return err
		}
		p.name(o, gone)
	}
	return nil
}

// readSegment adds what a segment of a journal names. A damaged one is of no
// use to the backup that would go on with it, and names nothing.
func (p *pruner) readSegment(ctx context.Context, s vault.Segment, gone bool) error {
	if p.read[s.Path] || gone && p.opt.Grace == 0 {
		return nil
	}
	j, err := p.vault.ReadSegment(ctx, s)
	_, damaged := errors.AsType[*vault.SegmentError](err)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil && !damaged:
		return err
	}
	for _, e := range j.Entries {
		p.name(e.Object, gone)
	}
	p.read[s.Path] = true
	return nil
}

func (p *pruner) name(o manifest.Object, gone bool) {
	k := objectset.Of(p.vault.Stored(o))
	if gone {
		p.window.wait(k)
	} else {
		p.window.name(k)
	}
}

// delete deletes objects that nothing named when they were listed, as far as
// nothing does now.
func (p *pruner) delete(ctx context.Context, batch []vault.StoredObject) error {
	for len(batch) > 0 && !p.opt.DryRun {
		if err := p.collect(ctx); err != nil {
			return err
		}
		if len(p.report.Blocked) > 0 { // by what appeared meanwhile
			return nil
		}
		n := p.covered(batch)
		if n == 0 { // what appeared made the window narrower
			p.moveTo(batch[0])
			continue
		}
		if err := p.deleteCovered(ctx, batch[:n]); err != nil {
			return err
		}
		batch = batch[n:]
	}
	return nil
}

// covered returns how many objects the window covers before the first that it
// does not.
func (p *pruner) covered(batch []vault.StoredObject) int {
	n := slices.IndexFunc(batch, func(o vault.StoredObject) bool { return !p.window.covers(objectset.Of(o.Object)) })
	if n < 0 {
		return len(batch)
	}
	return n
}

// deleteCovered deletes those of a batch that nothing mentions, right after
// everything that does was read.
func (p *pruner) deleteCovered(ctx context.Context, batch []vault.StoredObject) error {
	fates := make([]fate, len(batch))
	errs := make([]error, len(batch))
	var g errgroup.Group
	g.SetLimit(p.opt.Concurrency)
	for i, o := range batch {
		if p.window.mentions(objectset.Of(o.Object)) {
			continue // its fate is that of what was touched
		}
		g.Go(func() error {
			fates[i], errs[i] = p.deleteObject(ctx, o)
			return nil
		})
	}
	_ = g.Wait() // errors are in errs
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return p.account(batch, fates, errs)
}

// deleteObject deletes an object unless it became young, or is protected.
func (p *pruner) deleteObject(ctx context.Context, o vault.StoredObject) (fate, error) {
	info, err := p.vault.Store().Stat(ctx, o.Name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fate{gone: true}, nil
	case err != nil:
		return fate{}, err
	case !p.old(info.Modified):
		return fate{}, nil
	case info.Protected(p.now):
		return fate{protected: true, state: info.State}, nil
	}
	if info.Offline && p.opt.Grace > 0 { // it cannot be touched, so there is a note
		if wanted, err := p.vault.IsWanted(ctx, o.Object); err != nil || wanted {
			return fate{}, err
		}
	}
	err = p.vault.DeleteUnchanged(ctx, info)
	switch {
	case err == nil, errors.Is(err, fs.ErrNotExist):
		return fate{gone: true}, nil
	case errors.Is(err, store.ErrChanged):
		return fate{}, nil
	case errors.Is(err, store.ErrProtected):
		return fate{protected: true, state: info.State}, nil
	}
	return fate{}, err
}

// fate is what became of an object that was to go. One that is neither gone nor
// protected stays because a writer relies on it since.
type fate struct {
	gone, protected bool
	state           store.State
}

// protected counts an object that would go.
func (p *pruner) protected(o vault.StoredObject, s store.State) {
	n := &p.report.Objects
	n.Protected++
	n.ProtectedBytes += o.Size
	n.Held = n.Held || s.Held
	if s.ImmutableUntil.After(n.ProtectedUntil) {
		n.ProtectedUntil = s.ImmutableUntil
	}
}

// account counts what became of a batch. When too many in a row refuse to go,
// it is no use to go on.
func (p *pruner) account(batch []vault.StoredObject, fates []fate, errs []error) error {
	row := 0
	for i, o := range batch {
		if errs[i] != nil {
			p.failed(o.Name, errs[i])
			if row++; row == maxFailed {
				return fmt.Errorf("the last %d objects could not be deleted; check what this identity may do in the vault, and whether it is protected: %w", maxFailed, errs[i])
			}
			continue
		}
		row = 0
		n := &p.report.Objects
		if fates[i].gone {
			n.Deleted++
			n.DeletedBytes += o.Size
			p.opt.Progress.Send(progress.Event{Kind: progress.ItemDone, Item: "object " + o.Name, Done: n.Deleted})
			continue
		}
		n.Deletable--
		n.DeletableBytes -= o.Size
		if fates[i].protected {
			p.protected(o, fates[i].state)
		} else {
			n.Reused++
			n.ReusedBytes += o.Size
		}
	}
	return nil
}
