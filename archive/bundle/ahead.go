package bundle

import (
	"context"
	"errors"
	"fmt"
	"io"

	"golang.org/x/sync/errgroup"

	"cvarchive/archive"
	"cvarchive/archive/download"
	"cvarchive/archive/objectset"
	"cvarchive/archive/vault"
	"cvarchive/manifest"
)

const (
	// readAhead bounds how many objects are read before it is their turn, and
	// their memory how large they are together. What is larger than largeObject
	// (a model, for one) is read when it is its turn, and not kept.
	readAhead   = 32
	largeObject = 8 << 20
)

// ahead is an object on its way into a bundle.
type ahead struct {
	manifest.Object
	mentions int64 // records up to this one
	body     *download.Body
	err      error
	done     chan struct{} // closed when body and err are there; nil: it is read when it is its turn
}

// readObjects calls each for every object that an archive names, once and in
// the order of its records, and reads those that follow meanwhile.
func readObjects(ctx context.Context, r *archive.Reader, from Objects, each func(*ahead, func(io.Writer) error) error) error {
	g, gctx := errgroup.WithContext(ctx)
	memory := download.NewMemory()
	queue := make(chan *ahead, readAhead)
	g.Go(func() error {
		defer close(queue)
		return readInto(gctx, r, from, memory, queue, g)
	})
	g.Go(func() error {
		for a := range queue {
			if a.done != nil {
				select {
				case <-a.done:
				case <-gctx.Done():
					return gctx.Err()
				}
			}
			if err := each(a, func(w io.Writer) error { return a.writeTo(gctx, w, from) }); err != nil {
				return err
			}
			if a.done == nil {
				continue
			}
			if err := a.body.Close(); err != nil {
				return err
			}
		}
		return nil
	})
	err := g.Wait()
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return ctx.Err()
	}
	return err
}

// readInto puts objects into the queue in order, and begins to read them.
func readInto(ctx context.Context, r *archive.Reader, from Objects, memory *download.Memory, queue chan<- *ahead, g *errgroup.Group) error {
	var seen objectset.Set
	mentions := int64(0)
	for o, err := range r.Objects(ctx) {
		if err != nil {
			return err
		}
		if mentions++; !seen.Insert(objectset.OfLine(o)) {
			continue
		}
		if err := vault.CheckObject(o); err != nil {
			return err
		}
		a := &ahead{Object: o, mentions: mentions}
		if o.Size <= largeObject {
			a.body = memory.NewChecked("", o)
			if err := a.body.Expect(ctx, o.Size); err != nil {
				return err
			}
			a.done = make(chan struct{})
			g.Go(func() error {
				defer close(a.done)
				a.err = readWhole(ctx, from, o, a.body)
				return nil // it is told when it is its turn
			})
		}
		select {
		case queue <- a:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

func readWhole(ctx context.Context, from Objects, o manifest.Object, into *download.Body) error {
	content, err := from.OpenObject(ctx, o)
	if err != nil {
		return err
	}
	_, err = into.ReadFrom(content)
	return errors.Join(err, content.Close())
}

// writeTo writes the object's bytes, which were checked when they were read.
func (a *ahead) writeTo(ctx context.Context, w io.Writer, from Objects) error {
	if a.err != nil {
		return a.err
	}
	if a.done != nil {
		_, err := io.Copy(w, a.body.Reader())
		return err
	}
	body, err := from.OpenObject(ctx, a.Object)
	if err != nil {
		return err
	}
	if _, err = io.Copy(w, body); err != nil {
		return errors.Join(err, body.Close())
	}
	if err := body.Close(); err != nil {
		return fmt.Errorf("read object %s: %w", a.SHA256, err)
	}
	return nil
}
