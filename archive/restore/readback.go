package restore

import (
	"context"
	"crypto/sha256"
	"sync"

	"cvarchive/manifest"
)

// readAhead is how many images of a project may wait to be read back before
// its proof; those beyond are read when the proof lists them.
const readAhead = 4096

// readback reads the images of a project back as soon as the answers of create
// calls have links to them, so that the proof need not wait for that when no
// call is left to be made meanwhile. An image of the service never has other
// bytes than those it was made with, so that it may be read whenever it is
// there, by the link of any answer, and what the proof compares is still what
// it lists: of these images it knows the bytes by their ids.
//
// Only what is as it was sent counts. The first image that is not, or that
// cannot be read, ends it, and what was not read by then is left to the proof:
// its verdict on an image that differs rests on the link that it lists.
//
// Its methods are safe for concurrent use, and for one that is nil, which has
// read nothing.
type readback struct {
	target    Target
	projectID string
	shared    *shared

	ctx    context.Context
	cancel context.CancelFunc
	work   sync.WaitGroup

	mu      sync.Mutex
	waiting []sent
	workers int
	off     bool
	read    map[imageKey]manifest.Digest
}

// sent is an image of the target with what it was made from.
type sent struct {
	id     string
	uri    manifest.Secret
	object manifest.Object
}

// imageKey stands for an image's id in sets of many.
type imageKey [16]byte

func imageKeyOf(id string) imageKey {
	sum := sha256.Sum256([]byte(id))
	return imageKey(sum[:len(imageKey{})])
}

func newReadback(ctx context.Context, t Target, projectID string, common *shared) *readback {
	r := &readback{target: t, projectID: projectID, shared: common, read: map[imageKey]manifest.Digest{}}
	r.ctx, r.cancel = context.WithCancel(ctx)
	return r
}

// add has an image read, or leaves it to the proof. It does not wait.
func (r *readback) add(s sent) {
	if r == nil || s.uri.IsZero() {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.off || len(r.waiting) == readAhead {
		return
	}
	r.waiting = append(r.waiting, s)
	if r.workers < r.shared.downloads.Limit() {
		r.workers++
		r.work.Go(r.drain)
	}
}

// drain reads one image after the other until none is left.
func (r *readback) drain() {
	for {
		s, ok := r.next()
		if !ok {
			return
		}
		r.take(s, r.object(s.uri))
	}
}

// object is what is behind a link; nil: it cannot be read.
func (r *readback) object(uri manifest.Secret) *manifest.Object {
	if r.shared.downloads.Enter(r.ctx) != nil {
		return nil
	}
	o, err := r.shared.hash(r.ctx, r.target, r.projectID, uri)
	if err != nil {
		return nil
	}
	return o
}

func (r *readback) next() (s sent, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.off || len(r.waiting) == 0 || r.ctx.Err() != nil {
		r.waiting = nil
		r.workers--
		return s, false
	}
	s, r.waiting = r.waiting[0], r.waiting[1:]
	return s, true
}

func (r *readback) take(s sent, got *manifest.Object) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if got == nil || got.SHA256 != s.object.SHA256 || got.Size != s.object.Size {
		r.off = true
		return
	}
	r.read[imageKeyOf(s.id)] = got.SHA256
}

// wait returns when nothing is being read any more. Nothing may be added
// from then on.
func (r *readback) wait() {
	if r != nil {
		r.work.Wait()
	}
}

// stop ends what is under way.
func (r *readback) stop() {
	if r != nil {
		r.cancel()
		r.wait()
	}
}

// digest is that of an image of the target, if it was read.
func (r *readback) digest(id string) (d manifest.Digest, ok bool) {
	if r == nil {
		return d, false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	d, ok = r.read[imageKeyOf(id)]
	return d, ok
}
