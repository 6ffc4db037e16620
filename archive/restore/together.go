package restore

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/semaphore"

	"cvarchive/archive/download"
	"cvarchive/manifest"
	"cvarchive/manifest/plan"
)

// imagesTogether is how many images the projects have together whose content
// is in memory; a larger project is there alone.
const imagesTogether = 40_000

// together does something with each of n projects, a few at a time and in
// order, as far as their images leave room: alone, a project waits for the
// service most of the time. do may say that its content has left memory. Once
// one has returned an error, or ctx has ended, no other is begun; all that were
// come to their end.
func together(ctx context.Context, opt Options, n int, images func(i int) int, do func(i int, light func()) error) error {
	var g errgroup.Group
	g.SetLimit(opt.Projects)
	room := semaphore.NewWeighted(imagesTogether)
	var failed atomic.Bool
	for i := range n {
		takes := int64(min(images(i), imagesTogether))
		if i > 0 && room.Acquire(ctx, takes) != nil {
			break
		} else if i == 0 {
			room.TryAcquire(takes)
		}
		g.Go(func() error {
			light := sync.OnceFunc(func() { room.Release(takes) })
			defer light()
			if failed.Load() {
				return nil
			}
			err := do(i, light)
			if err != nil {
				failed.Store(true)
			}
			return err
		})
	}
	return g.Wait()
}

// weight is the number of images of a project that is to be restored.
func weight(m *manifest.Manifest, p *plan.Project) int {
	i := indexOf(m, p.ID)
	if i < 0 || !p.Action.Writes() {
		return 0
	}
	return m.Projects[i].Counts.Images
}

// setupsTogether is how many projects are made at a time, up to their tags: call
// by call, so that it takes a few to keep to the rate of calls, and were it all
// of them, no image would be on its way before the last has its tags.
const setupsTogether = 3

// shared is what the projects of a restore have in common.
type shared struct {
	setups    *semaphore.Weighted // projects that are made, with their tags
	bodies    *download.Memory    // of create calls
	batches   *window             // create calls under way
	downloads *download.Gate      // of images that are read back
	now       func() time.Time
}

func newShared(opt Options) *shared {
	return &shared{
		setups:    semaphore.NewWeighted(setupsTogether),
		bodies:    download.NewMemoryOf(2 * plan.MaxBatchBytes),
		batches:   newWindow(opt.Batches),
		downloads: download.NewGate(opt.Downloads),
		now:       opt.Now,
	}
}

// Create calls that take less than quick leave room for more of them, those
// that take longer than slow are too many for the link or for the service: a
// request that takes too long to arrive is refused.
const (
	firstCalls = 6
	quick      = 8 * time.Second
	slow       = 20 * time.Second
)

// window is how many create calls may be under way, which follows from how
// long they take. Places go to earlier projects first: while the last one is
// sent, the others are read back. It is safe for concurrent use.
type window struct {
	most int

	mu      sync.Mutex
	open    int // places, of most
	free    int // of open; below zero while some are to be taken back
	waiting []*waiting
}

// waiting is a batch that waits for its place.
type waiting struct {
	project int
	let     chan struct{} // closed when it has one
}

func newWindow(most int) *window {
	open := min(firstCalls, most)
	return &window{most: most, open: open, free: open}
}

// enter waits for a place for a batch of a project, by its number.
func (w *window) enter(ctx context.Context, project int) error {
	me := &waiting{project, make(chan struct{})}
	w.mu.Lock()
	w.waiting = append(w.waiting, me)
	w.serve()
	w.mu.Unlock()
	select {
	case <-me.let:
		return nil
	case <-ctx.Done():
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if i := slices.Index(w.waiting, me); i >= 0 {
		w.waiting = slices.Delete(w.waiting, i, i+1)
		return ctx.Err()
	}
	return nil // it came at the same time
}

// leave gives a place back, and one more or none after what the call took.
func (w *window) leave(took time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.free++
	switch {
	case took <= quick && w.open < w.most:
		w.open++
		w.free++
	case took > slow && w.open > 1:
		w.open--
		w.free--
	}
	w.serve()
}

// serve gives free places to those that wait.
func (w *window) serve() {
	for w.free > 0 && len(w.waiting) > 0 {
		first := 0
		for i, other := range w.waiting {
			if other.project < w.waiting[first].project {
				first = i
			}
		}
		close(w.waiting[first].let)
		w.waiting = slices.Delete(w.waiting, first, first+1)
		w.free--
	}
}
