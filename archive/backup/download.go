package backup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"cvarchive/archive/vault"
	"cvarchive/manifest"
)

const (
	maxStalled  = 4  // attempts in a row that brought nothing
	maxAttempts = 40 // in all, for a body that comes in crumbs
	maxRenewals = 2  // links tried after the first was refused
)

// link is where the bytes of one item are. Links of the service live about a
// day.
type link interface {
	// current returns the link, and which generation of links it is of.
	current() (uri manifest.Secret, generation int)
	// renew gets a newer link than that of the given generation.
	renew(ctx context.Context, generation int) error
}

var (
	errEmpty   = errors.New("the service sent no bytes")
	errChanged = errors.New("the service changed its mind about the size")
)

// downloader gets bodies from the source.
type downloader struct {
	source  Source
	delay   time.Duration // before the second attempt
	now     func() time.Time
	counted func(n int64) // bytes as they come
	buffers sync.Pool     // of *[copyBuffer]byte
}

const copyBuffer = 32 << 10

func newDownloader(src Source, opt Options, counted func(int64)) *downloader {
	return &downloader{
		source: src, delay: opt.RetryDelay, now: opt.Now, counted: counted,
		buffers: sync.Pool{New: func() any { return new([copyBuffer]byte) }},
	}
}

// fetch reads the whole of what a link points to. A body that breaks off is
// continued where it ended, a link that is refused or about to end is
// renewed. Opening is not repeated: the source has done so already.
func (d *downloader) fetch(ctx context.Context, projectID string, l link, b *body) error {
	delay, stalled, renewals := d.delay, 0, 0
	for attempt := 1; ; attempt++ {
		uri, generation := l.current()
		if renewals == 0 && generation == 0 && endsSoon(uri, d.now()) {
			renewals++
			if err := l.renew(ctx, generation); err != nil {
				return err
			}
			uri, generation = l.current()
		}
		if uri.IsZero() {
			return errGone
		}
		before := b.size
		opened, err := d.stream(ctx, projectID, uri, b)
		switch {
		case err == nil && b.size == 0:
			return errEmpty
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case manifest.IsForbidden(err) && renewals < maxRenewals:
			renewals++
			if err := l.renew(ctx, generation); err != nil {
				return err
			}
			continue
		case !opened || isFinal(err) || b.tempErr != nil:
			return err
		}
		if stalled++; b.size > before {
			stalled, delay = 0, d.delay
		}
		if stalled == maxStalled || attempt == maxAttempts {
			return fmt.Errorf("broke off after %d bytes in %d attempts: %w", b.size, attempt, err)
		}
		if err := pause(ctx, delay); err != nil {
			return err
		}
		delay *= 2
	}
}

// isFinal reports whether another attempt would end the same way.
func isFinal(err error) bool {
	_, tooLarge := errors.AsType[*tooLargeError](err)
	return tooLarge
}

// stream appends what the link gives to the body. Opened tells an answer
// that broke from one that never came.
func (d *downloader) stream(ctx context.Context, projectID string, uri manifest.Secret, b *body) (opened bool, err error) {
	r, size, err := d.source.Download(ctx, projectID, uri, b.size)
	if err != nil {
		return false, err
	}
	defer r.Close()
	if size > b.limit {
		return true, &tooLargeError{b.limit}
	}
	if size >= 0 && size < b.size {
		return true, errors.Join(errChanged, b.reset())
	}
	b.expect(size)

	buf := d.buffers.Get().(*[copyBuffer]byte)
	n, err := io.CopyBuffer(b, r, buf[:])
	d.buffers.Put(buf)
	d.counted(n)
	switch {
	case err != nil:
		return true, err
	case size >= 0 && b.size < size:
		return true, io.ErrUnexpectedEOF
	case size >= 0 && b.size > size:
		return true, errors.Join(errChanged, b.reset())
	}
	return true, nil
}

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// keep fetches an item and stores it. Errors that are the item's come as
// itemError; any other ends the backup.
func (r *run) keep(ctx context.Context, projectID string, l link, limit int64) (manifest.Object, error) {
	b := newBody(r.opt.TempDir, limit)
	defer b.Close()
	if err := r.downloads.fetch(ctx, projectID, l, b); err != nil {
		if b.tempErr != nil || ctx.Err() != nil {
			return manifest.Object{}, err
		}
		return manifest.Object{}, &itemError{err}
	}
	o, err := b.object()
	if err != nil {
		return o, err
	}
	has, err := r.vault.HasObject(ctx, o)
	if err == nil && !has {
		has, err = r.vault.PutObject(ctx, o, b.reader())
	}
	if _, damaged := errors.AsType[*vault.ObjectError](err); damaged {
		return o, &itemError{fmt.Errorf("%w; move that file out of the vault and back up again", err)}
	}
	if err != nil {
		return o, err
	}
	if !has {
		r.tally.stored.Add(1)
		r.tally.bytesStored.Add(o.Size)
	}
	return o, nil
}

// itemError is an error that concerns one image or model only.
type itemError struct{ err error }

func (e *itemError) Error() string { return e.err.Error() }
func (e *itemError) Unwrap() error { return e.err }
