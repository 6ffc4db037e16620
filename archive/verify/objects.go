package verify

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"cvarchive/archive"
	"cvarchive/archive/progress"
	"cvarchive/archive/vault"
	"cvarchive/manifest"
)

// objects checks what the records name against the vault.
type objects struct {
	vault  *vault.Vault
	reader *archive.Reader
	*collector
	opt Options

	done, bytes atomic.Int64
}

// run checks project by project. Objects are looked at once a project: what
// is remembered is bounded by the largest project.
func (o *objects) run(ctx context.Context) error {
	m := o.reader.Manifest()
	o.opt.Progress.Send(progress.Event{Kind: progress.PhaseStarted, Message: "objects", Total: m.Objects.Count})
	for i := range m.Projects {
		if err := o.project(ctx, &m.Projects[i]); err != nil {
			return err
		}
	}
	o.report.Objects, o.report.Bytes = o.done.Load(), o.bytes.Load()
	return nil
}

func (o *objects) project(ctx context.Context, e *manifest.ProjectEntry) error {
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(o.opt.Concurrency)
	seen := map[manifest.Object]struct{}{}
	check := func(obj manifest.Object, item string) {
		if _, again := seen[obj]; again {
			return
		}
		seen[obj] = struct{}{}
		g.Go(func() error { return o.object(gctx, e, obj, item) })
	}
	err := o.named(gctx, e, check)
	if failed := g.Wait(); failed != nil {
		return failed
	}
	return err
}

// named calls check for every object that the records of a project name.
// Damage of the records is not reported again.
func (o *objects) named(ctx context.Context, e *manifest.ProjectEntry, check func(manifest.Object, string)) error {
	p, err := o.reader.Project(ctx, e.ID)
	if err != nil && !isDamage(err) {
		return err
	}
	for i := range p.Iterations {
		for _, m := range p.Iterations[i].Models {
			if m.Object != nil {
				check(*m.Object, fmt.Sprintf("model %s %s of iteration %q of project %q", m.Platform, m.Flavor, p.Iterations[i].Name, e.Name))
			}
		}
	}
	for rec, err := range o.reader.Images(ctx, e.ID) {
		if err != nil {
			if isDamage(err) {
				return nil
			}
			return err
		}
		if rec.Object != nil {
			check(*rec.Object, fmt.Sprintf("image %s of project %q", rec.ID, e.Name))
		}
	}
	return nil
}

// isDamage reports whether an error is one of the archive's content, which
// the check of the structure has named.
func isDamage(err error) bool {
	_, corrupt := errors.AsType[*archive.CorruptError](err)
	_, missing := errors.AsType[*archive.NotFoundError](err)
	return corrupt || missing
}

// object checks one object. Its error is that of the context.
func (o *objects) object(ctx context.Context, e *manifest.ProjectEntry, obj manifest.Object, item string) error {
	err := o.look(ctx, obj)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	event := progress.Event{Kind: progress.ItemDone, Project: e.Name, ID: e.ID, Item: item, Bytes: obj.Size, Err: err}
	if err != nil {
		event.Kind, event.Bytes = progress.ItemFailed, 0
		o.problem(Problem{Item: item, Reason: err.Error(), Hint: o.hint(obj, err)})
	}
	o.bytes.Add(obj.Size)
	event.Done, event.Total = o.done.Add(1), o.reader.Manifest().Objects.Count
	o.opt.Progress.Send(event)
	return nil
}

// look reads an object, or only looks it up.
func (o *objects) look(ctx context.Context, obj manifest.Object) error {
	if !o.opt.ReadData {
		has, err := o.vault.HasObject(ctx, obj)
		if err == nil && !has {
			err = &vault.ObjectError{Object: obj, Reason: "is missing from " + o.vault.String(), Err: fs.ErrNotExist}
		}
		return err
	}
	r, err := o.vault.OpenObject(ctx, obj)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, r)
	return errors.Join(err, r.Close())
}

// hint says what to do about an object. A backup fills gaps, but leaves alone
// what is there.
func (o *objects) hint(obj manifest.Object, err error) string {
	_, wrong := errors.AsType[*vault.ObjectError](err)
	switch {
	case !wrong:
		return "check that the vault can be read, and verify again"
	case errors.Is(err, fs.ErrNotExist):
		return "back up again while the source still has it, which fills the gap, or copy it from another vault"
	case vault.CheckObject(obj) != nil:
		return hintOtherCopy
	}
	return fmt.Sprintf("move %s out of the vault and back up again while the source still has it, or copy it from another vault", o.vault.ObjectName(obj))
}
