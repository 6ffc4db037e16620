package restore

import (
	"bytes"
	"context"
	"crypto/sha256"
	"io"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"cvarchive/manifest"
)

// slowTarget gives the bytes of an image, which are its link, when it is let.
type slowTarget struct {
	Target
	let chan struct{}
}

func (s slowTarget) Download(ctx context.Context, _ string, uri manifest.Secret, _ int64) (io.ReadCloser, int64, error) {
	select {
	case <-s.let:
		return io.NopCloser(bytes.NewReader([]byte(uri.Reveal()))), -1, nil
	case <-ctx.Done():
		return nil, 0, ctx.Err()
	}
}

func (s slowTarget) readback(n int) *readback {
	r := newReadback(context.Background(), s, "", newShared(Options{Now: time.Now}.withDefaults()))
	for i := range n {
		id := strconv.Itoa(i)
		r.add(sent{id, manifest.NewSecret(id), manifest.Object{SHA256: sha256.Sum256([]byte(id)), Size: int64(len(id))}})
	}
	return r
}

func known(r *readback, n int) (count int) {
	for i := range n {
		if _, ok := r.digest(strconv.Itoa(i)); ok {
			count++
		}
	}
	return count
}

// TestReadbackIsBounded takes only so many images that wait, and waits for
// those.
func TestReadbackIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := slowTarget{let: make(chan struct{})}
		const more = 1000
		r := s.readback(readAhead)
		synctest.Wait()
		workers := r.workers
		for i := range more {
			r.add(sent{"x" + strconv.Itoa(i), manifest.NewSecret("x"), manifest.Object{}})
		}
		if len(r.waiting) != readAhead {
			t.Errorf("%d images wait", len(r.waiting))
		}
		r.waiting = r.waiting[:readAhead-workers] // what is no image
		close(s.let)
		r.wait()
		if n := known(r, readAhead); n != readAhead {
			t.Errorf("%d of %d images were read", n, readAhead)
		}
	})
}

// TestReadbackStops ends downloads under way, and forgets those that wait.
func TestReadbackStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := slowTarget{let: make(chan struct{})}.readback(100)
		synctest.Wait()
		r.stop()
		if n := known(r, 100); n != 0 || len(r.waiting) != 0 || r.workers != 0 {
			t.Errorf("%d images are known, %d wait for %d workers", n, len(r.waiting), r.workers)
		}
		var none *readback
		none.add(sent{})
		none.wait()
		none.stop()
		if n := known(none, 1); n != 0 {
			t.Error("nothing read something")
		}
	})
}
