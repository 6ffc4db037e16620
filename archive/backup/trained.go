package backup

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"

	"golang.org/x/sync/errgroup"

	"cvarchive/archive/download"
	"cvarchive/archive/progress"
	"cvarchive/archive/vault"
	"cvarchive/manifest"
)

type pageSeq = iter.Seq[*page]

// trained captures what hangs on the trained iterations: their performance,
// their exported models, and the images that only they still hold.
func (c *capture) trained(ctx context.Context) error {
	var trained []*manifest.Iteration
	for i := range c.state.iterations {
		it := &c.state.iterations[i]
		it.Performance, it.Models = nil, nil
		if !it.Trained() {
			continue
		}
		trained = append(trained, it)
		c.performance(ctx, it)
		if it.Exportable && !c.run.opt.NoModels {
			if err := c.models(ctx, it); err != nil {
				return err
			}
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	// The oldest iteration that holds an image says how it was tagged.
	slices.SortStableFunc(trained, func(a, b *manifest.Iteration) int {
		return cmp.Or(cmp.Compare(a.TrainedAt, b.TrainedAt), cmp.Compare(a.Created, b.Created), cmp.Compare(a.ID, b.ID))
	})
	return c.onlyInIterations(ctx, trained)
}

func (c *capture) performance(ctx context.Context, it *manifest.Iteration) {
	p, err := c.run.source.IterationPerformance(ctx, c.project.ID, it.ID)
	if err == nil && p != nil {
		it.Performance = p
		err = it.Validate()
	}
	if err != nil && ctx.Err() == nil {
		it.Performance = nil
		c.fail(manifest.FailureOf(fmt.Sprintf("performance of iteration %q (%s)", it.Name, it.ID), err))
	}
}

// models lists the model exports of an iteration and captures those that are
// done.
func (c *capture) models(ctx context.Context, it *manifest.Iteration) error {
	exports, err := c.run.source.ModelExports(ctx, c.project.ID, it.ID)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		c.fail(manifest.FailureOf(fmt.Sprintf("models of iteration %q (%s)", it.Name, it.ID), err))
		return nil
	}
	it.Models = exports
	if c.oldModels == nil && len(exports) > 0 && !c.run.opt.MetadataOnly {
		if c.oldModels, err = c.run.ancestry.models(ctx, c.project.ID); err != nil {
			return err
		}
		c.run.journal.addModels(c.oldModels, c.project.ID)
	}
	g, gctx := errgroup.WithContext(ctx)
	for i := range it.Models {
		m := &it.Models[i]
		m.Object, m.Failure = nil, nil
		if m.Status != manifest.ExportDone || c.run.opt.MetadataOnly {
			continue
		}
		if err := c.run.gate.Enter(gctx); err != nil {
			break
		}
		g.Go(func() error {
			defer c.run.gate.Leave(0) // it is no image
			return c.model(gctx, it, m)
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	for i := range it.Models {
		if m := &it.Models[i]; m.Failure != nil {
			c.fail(*m.Failure)
			c.item(*m.Failure)
		}
	}
	return ctx.Err()
}

func (c *capture) model(ctx context.Context, it *manifest.Iteration, m *manifest.ModelExport) error {
	item := fmt.Sprintf("model %s %s of iteration %q (%s)", m.Platform, m.Flavor, it.Name, it.ID)
	known, err := c.knownModel(ctx, it, m)
	if err != nil {
		return err
	}
	if known != nil {
		m.Object = known
		c.event(progress.Event{Kind: progress.ItemDone, Item: item, Bytes: known.Size})
		return nil
	}
	var o manifest.Object
	err = &itemError{download.ErrNoLink}
	if !m.DownloadURI.IsZero() {
		o, err = c.run.keep(ctx, c.project.ID, &modelLink{c: c, iterationID: it.ID, model: m, uri: m.DownloadURI}, download.MaxModel)
	}
	if failed, ok := errors.AsType[*itemError](err); ok {
		m.Failure = new(manifest.FailureOf(item, failed.err))
		return nil
	}
	if err != nil {
		return err
	}
	m.Object = &o
	c.run.journal.add(ctx, vault.JournalEntry{Project: c.project.ID, Model: new(keyOf(it, m)), Object: o})
	c.run.tally.models.Add(1)
	c.event(progress.Event{Kind: progress.ItemDone, Item: item, Bytes: o.Size})
	return nil
}

// modelLink is the link of one exported model.
type modelLink struct {
	c           *capture
	iterationID string
	model       *manifest.ModelExport
	uri         manifest.Secret
	generation  int
}

// Current implements [download.Link].
func (l *modelLink) Current() (manifest.Secret, int) { return l.uri, l.generation }

// Renew implements [download.Link].
func (l *modelLink) Renew(ctx context.Context, _ int) error {
	exports, err := l.c.run.source.ModelExports(ctx, l.c.project.ID, l.iterationID)
	if err != nil {
		return fmt.Errorf("renew its link: %w", err)
	}
	for i := range exports {
		if e := &exports[i]; e.Platform == l.model.Platform && e.Flavor == l.model.Flavor && !e.DownloadURI.IsZero() {
			l.uri = e.DownloadURI
			l.generation++
			return nil
		}
	}
	return download.ErrGone
}

// onlyInIterations captures the images that trained iterations hold and the
// workspace does not. Which iterations hold an image is known only after the
// last of them was listed, so that the records wait in a temporary file.
func (c *capture) onlyInIterations(ctx context.Context, trained []*manifest.Iteration) error {
	if len(trained) == 0 {
		return nil
	}
	waiting, err := newPen(c.run.opt.TempDir)
	if err != nil {
		return err
	}
	defer waiting.Close()

	index := make(map[string]int, len(trained))
	for i, it := range trained {
		index[it.ID] = i
	}
	listings := make([]listing, len(trained))
	attempt := 1 // of the iteration that is picked from
	err = c.pipe(ctx, steps{
		pages: func(ctx context.Context) pageSeq {
			return func(yield func(*page) bool) {
				for i, it := range trained {
					if !c.iterationPages(ctx, it, &listings[i], yield) {
						return
					}
				}
			}
		},
		pick: func(p *page, img *manifest.ListedImage) *entry {
			i := index[p.iterationID]
			if p.attempt > attempt {
				c.known.forget(i)
			}
			attempt = p.attempt
			return c.pickIteration(i, img)
		},
		emit: func(j *job) error {
			c.finish(j)
			return waiting.put(&j.image)
		},
	})
	if err != nil {
		return err
	}
	for i, it := range trained {
		item := fmt.Sprintf("images of iteration %q (%s)", it.Name, it.ID)
		switch l := &listings[i]; {
		case l.err != nil:
			c.fail(manifest.FailureOf(item, l.err))
		case l.moved:
			c.fail(manifest.Failure{
				Item: item, Code: "Moved",
				Message: fmt.Sprintf("images were deleted from it while it was listed %d times; back up again when nobody works on it", maxPasses),
			})
		}
	}
	return waiting.each(func(img *manifest.Image) error {
		holders := c.known.at(img.ID).iterations
		if len(holders) == 0 {
			return nil // the last listing does not show it any more
		}
		for _, i := range holders {
			img.Iterations = append(img.Iterations, trained[i].ID)
		}
		return c.append(img)
	})
}

// iterationPages lists the images of an iteration. Training fixes them, but
// they can be deleted from it: then the pages move, and it is listed again, a
// few times. It returns false when yield did.
func (c *capture) iterationPages(ctx context.Context, it *manifest.Iteration, l *listing, yield func(*page) bool) bool {
	for attempt := 1; ; attempt++ {
		*l = listing{}
		if attempt > 1 && !yield(&page{iterationID: it.ID, attempt: attempt}) { // it may have no images any more
			return false
		}
		for p := range c.pages(it.ID, c.oneByOne(ctx, it.ID, overlapping), l) {
			p.attempt = attempt
			if !yield(p) {
				return false
			}
		}
		if l.err != nil || !l.moved || attempt == maxPasses {
			return true
		}
		c.warn("images of iteration %q were deleted while they were listed; they are listed again (%d of at most %d)", it.Name, attempt+1, maxPasses)
	}
}

// pickIteration takes an image that neither the workspace nor an earlier
// iteration has, and remembers in any case who has it.
func (c *capture) pickIteration(iteration int, img *manifest.ListedImage) *entry {
	if !manifest.ValidID(img.ID) {
		return nil
	}
	e := c.known.at(img.ID)
	if e.pass == c.pass {
		return nil
	}
	if n := len(e.iterations); n == 0 || e.iterations[n-1] != iteration {
		e.iterations = append(e.iterations, iteration)
	}
	if e.waiting {
		return nil
	}
	e.waiting = true
	return e
}
