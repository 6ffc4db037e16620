package custody

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"sync"

	"golang.org/x/sync/errgroup"

	"cvarchive/archive"
	"cvarchive/archive/objectset"
	"cvarchive/archive/progress"
	"cvarchive/archive/vault"
	"cvarchive/manifest"
)

// Options say how to go about it.
type Options struct {
	Concurrency int // objects at once; 0: 16
	Progress    progress.Func
}

const (
	defaultConcurrency = 16
	// maxFailed is how many names in a row may fail before it is no use to go on.
	maxFailed = 100
	// MaxFailures bounds [Report.Failures].
	MaxFailures = 100
)

// Report is what was done.
type Report struct {
	Done     int64 // names that it was done to
	Left     int64 // objects that were left as they are, for a good reason
	Failures []Failure
	Failed   int64 // all of them
}

// Failure is a name that it could not be done to.
type Failure struct {
	Name string // in the vault
	Err  error
}

// UnsupportedError means that the vault's store has no such thing.
type UnsupportedError struct{ Vault, What string }

// Error says what would.
func (e *UnsupportedError) Error() string {
	return fmt.Sprintf("%s has no %s; only a vault in Azure Blob Storage has", e.Vault, e.What)
}

// work does one thing to many names.
type work struct {
	opt    Options
	report Report
	total  int64

	mu  sync.Mutex
	row int // failures without a success between
}

func newWork(opt Options) *work {
	if opt.Concurrency <= 0 {
		opt.Concurrency = defaultConcurrency
	}
	return &work{opt: opt}
}

// one takes note of what came of a name. Its error ends the work.
func (w *work) one(ctx context.Context, name string, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if err == nil {
		w.row = 0
		w.report.Done++
		w.opt.Progress.Send(progress.Event{Kind: progress.ItemDone, Item: name, Done: w.report.Done, Total: w.total})
		return nil
	}
	w.row++
	w.report.Failed++
	if len(w.report.Failures) < MaxFailures {
		w.report.Failures = append(w.report.Failures, Failure{Name: name, Err: err})
	}
	w.opt.Progress.Send(progress.Event{Kind: progress.ItemFailed, Item: name, Err: err})
	if w.row == maxFailed {
		return fmt.Errorf("the last %d failed in a row: %w", maxFailed, err)
	}
	return nil
}

// toObjects does it to every object that an archive names, but for those that
// a table has.
func (w *work) toObjects(ctx context.Context, v *vault.Vault, a vault.Archive, but *objectset.Table, do func(context.Context, string) error) error {
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(w.opt.Concurrency)
	const done = 1 << 7
	err := eachMention(gctx, v, a, nil, func(o manifest.Object) error {
		before := but.Mark(objectset.OfLine(o), done) // one table of both: there may be millions
		if before&done != 0 {
			return nil
		}
		if before != 0 {
			w.report.Left++
			return nil
		}
		name := v.ObjectName(o)
		g.Go(func() error { return w.one(gctx, name, do(gctx, name)) })
		return nil
	})
	if stopped := g.Wait(); stopped != nil {
		return stopped
	}
	return err
}

// eachMention calls each for every object that an archive names, or only those
// of some projects, by id: for each mention. Its error ends it.
func eachMention(ctx context.Context, v *vault.Vault, a vault.Archive, projects []string, each func(manifest.Object) error) error {
	f, err := v.OpenIndex(ctx, a)
	if err != nil {
		return err
	}
	defer f.Close()
	r, err := archive.NewReader(f, f.Size())
	if err != nil {
		return fmt.Errorf("%s: %w", a.Name, err)
	}
	valid := func(o manifest.Object) error {
		if vault.CheckObject(o) != nil {
			return nil
		}
		return each(o)
	}
	if projects == nil {
		for o, err := range r.Objects(ctx) {
			if err == nil {
				err = valid(o)
			}
			if err != nil {
				return err
			}
		}
		return nil
	}
	for _, id := range projects {
		if err := ofProject(ctx, r, id, valid); err != nil {
			return err
		}
	}
	return nil
}

func ofProject(ctx context.Context, r *archive.Reader, id string, each func(manifest.Object) error) error {
	p, err := r.Project(ctx, id)
	if err != nil {
		return err
	}
	for _, it := range p.Iterations {
		for _, m := range it.Models {
			if m.Object == nil {
				continue
			}
			if err := each(*m.Object); err != nil {
				return err
			}
		}
	}
	for rec, err := range r.Images(ctx, id) {
		if err == nil && rec.Object != nil {
			err = each(*rec.Object)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// ownFiles are an archive's names in the vault besides objects.
func ownFiles(ctx context.Context, v *vault.Vault, a vault.Archive) ([]string, error) {
	names := []string{a.Path}
	_, err := v.Store().Stat(ctx, a.SignaturePath())
	if errors.Is(err, fs.ErrNotExist) {
		return names, nil
	}
	return append(names, a.SignaturePath()), err
}
