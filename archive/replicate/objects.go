package replicate

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"golang.org/x/sync/errgroup"

	"cvarchive/archive"
	"cvarchive/archive/objectset"
	"cvarchive/archive/progress"
	"cvarchive/archive/vault"
	"cvarchive/manifest"
	"cvarchive/manifest/store"
)

// maxFailed is how many objects in a row may fail before it is no use to go on.
const maxFailed = 100

// parent learns which objects the parent names, if the target has it: they are
// there and stay, since a prune keeps what archives name.
func (p *Pass) parent(ctx context.Context, named *manifest.Parent) error {
	if named == nil {
		return nil
	}
	a, ok := p.targets[named.Name]
	if !ok {
		return nil
	}
	f, err := p.to.OpenIndex(ctx, a)
	if err == nil {
		defer f.Close()
		var r *archive.Reader
		if r, err = archive.NewReader(f, f.Size()); err == nil {
			err = p.learn(ctx, r)
		}
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil { // it only saves questions
		p.opt.Progress.Send(progress.Event{Kind: progress.Warning, Message: fmt.Sprintf("archive %s of %s cannot be read: %v", a.Name, p.to, err)})
	}
	return nil
}

func (p *Pass) learn(ctx context.Context, r *archive.Reader) error {
	for o, err := range r.Objects(ctx) {
		if err != nil {
			return err
		}
		if k := p.key(o); p.known.Get(k)&there != 0 {
			p.known.Mark(k, settled)
		}
	}
	return nil
}

// key stands for an object as the target would list it.
func (p *Pass) key(o manifest.Object) objectset.Key { return objectset.OfLine(p.to.Stored(o)) }

// objects copies what the target lacks of an archive's objects. Named says
// that an archive of the target names them.
func (p *Pass) objects(ctx context.Context, r *archive.Reader, named bool, report *Report) error {
	c := &copying{pass: p, report: report, total: r.Manifest().Objects.Count}
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(p.opt.Concurrency)
	var broken error
	for o, err := range r.Objects(gctx) {
		if err != nil {
			broken = err
			break
		}
		c.mentions++
		k := p.key(o)
		before := p.known.Mark(k, settled)
		if before&settled != 0 {
			c.again(o, k)
			continue
		}
		report.Objects++ // by this goroutine only
		has := before&there != 0
		if has && named {
			continue
		}
		done := c.mentions
		g.Go(func() error { return c.object(gctx, o, k, has, done) })
	}
	if err := g.Wait(); err != nil {
		return &stopError{err}
	}
	return broken
}

// copying is the state of copying the objects of one archive.
type copying struct {
	pass     *Pass
	total    int64
	mentions int64

	mu     sync.Mutex
	report *Report
	row    int // failures without a success between
}

// again takes note of an object that could not be copied before.
func (c *copying) again(o manifest.Object, k objectset.Key) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.pass.bad[k]; err != nil {
		c.fail(o, err)
	}
}

func (c *copying) fail(o manifest.Object, err error) {
	c.report.Failed++
	if len(c.report.Failures) < MaxFailures {
		c.report.Failures = append(c.report.Failures, Failure{Object: o, Err: err})
	}
}

// object makes sure that the target has an object. Its error ends the pass.
func (c *copying) object(ctx context.Context, o manifest.Object, k objectset.Key, has bool, done int64) error {
	p := c.pass
	moved, bySelf, err := false, false, error(nil)
	if p.opt.DryRun {
		moved = !has
	} else {
		if has {
			has, err = p.to.KeepObject(ctx, o)
		}
		if err == nil && !has {
			bySelf, err = p.move(ctx, o)
			moved = err == nil
		}
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if errors.Is(err, store.ErrFull) { // and for the others neither
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	event := progress.Event{Kind: progress.ItemDone, Item: "object " + o.SHA256.String(), Done: done, Total: c.total}
	switch {
	case err != nil:
		event.Kind, event.Err = progress.ItemFailed, err
		c.row++
		p.bad[k] = err
		c.fail(o, err)
	case moved:
		c.row = 0
		event.Bytes = o.Size
		c.report.Copied++
		c.report.CopiedBytes += o.Size
		if bySelf {
			c.report.ByStore++
		}
	}
	p.opt.Progress.Send(event)
	if c.row == maxFailed {
		return fmt.Errorf("the last %d objects could not be copied; check that the source can be read and the target written, and run again: %w", maxFailed, err)
	}
	return nil
}

// move copies an object: by the stores themselves where they can, else
// through this machine.
func (p *Pass) move(ctx context.Context, o manifest.Object) (byStore bool, err error) {
	if p.byStore.ask() {
		err := p.to.CopyObject(ctx, p.from, o)
		if err == nil || ctx.Err() != nil {
			p.byStore.worked()
			return true, err
		}
		if p.byStore.failed(err) {
			p.opt.Progress.Send(progress.Event{Kind: progress.Warning, Message: fmt.Sprintf("the storage does not copy by itself, so that objects pass through this machine: %v", err)})
		}
	}
	return false, p.through(ctx, o)
}

// through copies an object through this machine; it is checked as it is read.
func (p *Pass) through(ctx context.Context, o manifest.Object) error {
	r, err := p.from.OpenObject(ctx, o)
	if err != nil {
		if _, lost := errors.AsType[*vault.ObjectError](err); lost {
			return fmt.Errorf("%w; `cvarchive repair` gets it again while the source still has it", err)
		}
		return err
	}
	defer r.Close()
	b := p.memory.NewChecked(p.opt.TempDir, o)
	defer b.Close()
	if err := b.Expect(ctx, o.Size); err != nil {
		return err
	}
	if _, err := b.ReadFrom(r); err != nil {
		return err
	}
	_, err = p.to.PutObject(ctx, o, b.Reader())
	return err
}
