package download

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"cvarchive/manifest"
)

const (
	maxStalled  = 4  // attempts in a row that brought nothing
	maxAttempts = 40 // in all, for a body that comes in crumbs
	maxRenewals = 2  // links tried after the first was refused
)

// Source opens the bytes behind a link of the service, from offset on. The
// size is that of the whole content, or -1. A body with a method
//
//	ContentMD5() []byte
//
// that does not return nil says which MD5 the whole content has.
type Source interface {
	Download(ctx context.Context, projectID string, uri manifest.Secret, offset int64) (body io.ReadCloser, size int64, err error)
}

// Link is where the bytes of one item are. Links of the service live about a
// day.
type Link interface {
	// Current returns the link, and which generation of links it is of.
	Current() (uri manifest.Secret, generation int)
	// Renew gets a newer link than that of the given generation.
	Renew(ctx context.Context, generation int) error
}

var (
	errEmpty   = errors.New("the service sent no bytes")
	errChanged = errors.New("the service changed its mind about the size")
	errDamaged = errors.New("what arrived is not what the storage has by its own MD5; something on the way changes it")
)

// Options say how a [Downloader] works.
type Options struct {
	Delay   time.Duration    // before the second attempt; it doubles. 0: half a second
	Now     func() time.Time // nil: the system's clock
	Counted func(n int64)    // receives the number of bytes as they come; may be nil
}

// Downloader gets bodies from a source. It is safe for concurrent use. Close
// ends it.
type Downloader struct {
	source Source
	opt    Options
	memory *Memory
	sums   sums
}

const defaultDelay = 500 * time.Millisecond

// New returns a downloader.
func New(src Source, opt Options) *Downloader {
	if opt.Delay <= 0 {
		opt.Delay = defaultDelay
	}
	if opt.Now == nil {
		opt.Now = time.Now
	}
	if opt.Counted == nil {
		opt.Counted = func(int64) {}
	}
	return &Downloader{source: src, opt: opt, memory: NewMemory()}
}

// NewBody is [Memory.NewBody] with the memory that all downloads share.
func (d *Downloader) NewBody(dir string, limit int64) *Body {
	b := d.memory.NewBody(dir, limit)
	b.sums = &d.sums
	return b
}

// Close releases what the downloader holds. No download may be under way.
func (d *Downloader) Close() { d.sums.close() }

// Fetch reads the whole of what a link points to. A body that breaks off is
// continued where it ended, one that is not what its MD5 says is read again, a
// link that is refused or about to end is renewed. Opening is not repeated: the source has done so already.
func (d *Downloader) Fetch(ctx context.Context, projectID string, l Link, b *Body) error {
	delay, stalled, renewals := d.opt.Delay, 0, 0
	for attempt := 1; ; attempt++ {
		uri, generation := l.Current()
		if renewals == 0 && generation == 0 && endsSoon(uri, d.opt.Now()) {
			renewals++
			if err := l.Renew(ctx, generation); err != nil {
				return err
			}
			uri, generation = l.Current()
		}
		if uri.IsZero() {
			return ErrGone
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
			if err := l.Renew(ctx, generation); err != nil {
				return err
			}
			continue
		case !opened || isFinal(err) || b.tempErr != nil:
			return err
		}
		if stalled++; b.size > before {
			stalled, delay = 0, d.opt.Delay
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
	_, tooLarge := errors.AsType[*TooLargeError](err)
	return tooLarge
}

// stream appends what the link gives to the body. Opened tells an answer
// that broke from one that never came.
func (d *Downloader) stream(ctx context.Context, projectID string, uri manifest.Secret, b *Body) (opened bool, err error) {
	r, size, err := d.source.Download(ctx, projectID, uri, b.size)
	if err != nil {
		return false, err
	}
	defer r.Close()
	if size > b.limit {
		return true, &TooLargeError{b.limit}
	}
	if size >= 0 && size < b.size {
		return true, errors.Join(errChanged, b.reset())
	}
	if err := b.Expect(ctx, size); err != nil {
		return true, err
	}
	sum := contentMD5(r)
	if sum != nil {
		b.checkMD5()
	}
	n, err := b.ReadFrom(r)
	d.opt.Counted(n)
	switch {
	case err != nil:
		return true, err
	case size >= 0 && b.size < size:
		return true, io.ErrUnexpectedEOF
	case size >= 0 && b.size > size:
		return true, errors.Join(errChanged, b.reset())
	case !b.has(sum):
		return true, errors.Join(errDamaged, b.reset())
	}
	return true, nil
}

func contentMD5(r io.Reader) []byte {
	if known, ok := r.(interface{ ContentMD5() []byte }); ok {
		return known.ContentMD5()
	}
	return nil
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
