package backup

import (
	"context"
	"errors"
	"iter"
	"time"

	"golang.org/x/sync/errgroup"

	"cvarchive/archive/download"
	"cvarchive/archive/vault"
	"cvarchive/manifest"
)

const (
	// window is how many images may wait for an earlier one of their
	// project. With the pages that are listed ahead, it bounds the memory of
	// a project in work.
	window = 4 * manifest.MaxPage
)

// job is one image on its way through the pipeline.
type job struct {
	image manifest.Image
	page  *page
	entry *entry
	// hasLink says that the listing gave a link to the bytes, blob to
	// which of the service's blobs.
	hasLink bool
	blob    string

	done chan struct{} // closed when the image is as it will be recorded
	err  error         // what ends the backup
}

// steps are the two ends of a pipeline. Pages yields what is listed; pick
// chooses from a page by returning the entry of an image that is wanted, or
// nil; emit receives the images that were chosen, finished and in the order
// in which they were listed. Each runs in one goroutine, at the same time as
// the others.
type steps struct {
	pages func(ctx context.Context) iter.Seq[*page]
	pick  func(p *page, img *manifest.ListedImage) *entry
	emit  func(j *job) error
}

// pipe lists, downloads and records at the same time. Its error ends the
// backup; what goes wrong with the listing is the business of pages.
func (c *capture) pipe(ctx context.Context, s steps) error {
	g, gctx := errgroup.WithContext(ctx)
	work, done := c.run.inFlight(gctx)
	defer done()
	listed := make(chan *page)
	queue := make(chan *job, window)

	g.Go(func() error {
		defer close(listed)
		for p := range s.pages(gctx) {
			if err := send(gctx, listed, p); err != nil {
				return err
			}
		}
		return nil
	})
	g.Go(func() error {
		defer close(queue)
		for p := range listed {
			for i := range p.images {
				if err := c.dispatch(gctx, work, g, queue, p, &p.images[i], s.pick); err != nil {
					return err
				}
			}
		}
		return nil
	})
	g.Go(func() error {
		for j := range queue {
			select {
			case <-gctx.Done():
				return gctx.Err()
			case <-j.done:
			}
			if j.err != nil {
				return j.err
			}
			if err := s.emit(j); err != nil {
				return err
			}
		}
		return nil
	})
	if err := g.Wait(); err != nil {
		return err
	}
	return ctx.Err()
}

func send[T any](ctx context.Context, ch chan<- T, v T) error {
	select {
	case ch <- v:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// dispatch queues one image and starts its download as soon as the run's gate
// lets it. Once it has begun, only work ends it.
func (c *capture) dispatch(ctx, work context.Context, g *errgroup.Group, queue chan<- *job, p *page, img *manifest.ListedImage,
	pick func(*page, *manifest.ListedImage) *entry,
) error {
	e := pick(p, img)
	if e == nil {
		p.Done(img.ID)
		return nil
	}
	j := &job{
		image: img.Image, page: p, entry: e, done: make(chan struct{}),
		hasLink: !download.BytesOf(img).IsZero(), blob: img.Blob,
	}
	j.image.Object, j.image.Failure, j.image.Blob = nil, nil, ""
	if err := send(ctx, queue, j); err != nil {
		return err
	}
	if c.run.opt.MetadataOnly {
		p.Done(img.ID)
		close(j.done)
		return nil
	}
	leave, err := c.enter(ctx, j)
	if err != nil {
		return err
	}
	g.Go(func() error {
		defer close(j.done)
		j.err = c.obtain(work, j)
		leave()
		p.Done(j.image.ID)
		return j.err
	})
	return nil
}

// enter waits until an image may be worked on; leave says that it was. What
// the vault should have only has to be looked for.
func (c *capture) enter(ctx context.Context, j *job) (leave func(), err error) {
	if j.entry.object != nil {
		if err := send(ctx, c.run.looks, struct{}{}); err != nil {
			return nil, err
		}
		leave = func() { <-c.run.looks }
	} else {
		if err := c.run.gate.Enter(ctx); err != nil {
			return nil, err
		}
		began := time.Now()
		leave = func() {
			if j.image.Object == nil {
				c.run.gate.Leave(0)
				return
			}
			c.run.gate.Leave(time.Since(began))
		}
	}
	if ctx.Err() != nil { // at the same moment
		leave()
		return nil, ctx.Err()
	}
	return leave, nil
}

// obtain makes sure that the vault has an image's bytes and notes the object
// in its record, or the reason why there is none. Its error ends the backup.
func (c *capture) obtain(ctx context.Context, j *job) error {
	img, e := &j.image, j.entry
	if e.object != nil && !e.checked {
		has, err := c.run.inventory.HasObject(ctx, *e.object)
		_, damaged := errors.AsType[*vault.ObjectError](err)
		switch {
		case err != nil && !damaged:
			return err
		case has:
			e.checked = true
			c.run.tally.reused.Add(1)
		default:
			c.warn("the vault has lost the bytes of image %s; they are captured again", img.ID)
		}
	}
	if e.checked {
		img.Object, img.Blob = e.object, e.blob
		return nil
	}
	if !j.hasLink {
		img.Failure = new(manifest.FailureOf("image "+img.ID, download.ErrNoLink))
		return nil
	}
	o, err := c.run.keep(ctx, c.project.ID, j.page.Of(img.ID), download.MaxImage)
	if item, ok := errors.AsType[*itemError](err); ok {
		img.Failure = new(manifest.FailureOf("image "+img.ID, item.err))
		return nil
	}
	if err != nil {
		return err
	}
	c.run.tally.downloaded.Add(1)
	img.Object, img.Blob = &o, j.blob
	e.object, e.blob, e.checked = img.Object, img.Blob, true
	if isPicture(o.Ext) { // else the next backup asks again
		c.run.journal.add(ctx, vault.JournalEntry{Project: c.project.ID, Image: img.ID, Blob: img.Blob, Object: o})
	}
	return nil
}
