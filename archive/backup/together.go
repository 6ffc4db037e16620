package backup

import (
	"context"
	"sync"
	"time"
)

const (
	// smallAtOnce are how many small projects are captured at once. Each waits
	// for several answers, one after the other, while the service takes a call
	// every tenth of a second.
	smallAtOnce = 8
	// imagesTogether is how many images they have together: each takes memory.
	imagesTogether = 40_000
	// imagesUnknown is how many a project is taken to have until it is described.
	imagesUnknown = imagesTogether/defaultParallel + 1
	// describing is how long a service takes to be asked for what describes a
	// project, at its ten calls a second.
	describing = 250 * time.Millisecond
)

// together decides when another project is begun: a few at once, however large
// they are, and more of them as long as they are small. Until one of them is
// described, no more are begun than fill the time until the first answer: so
// images begin to come before the calls for all others are queued.
type together struct {
	few, many int

	mu      sync.Mutex
	first   int // at once, until one is described
	inside  int
	unknown int           // of these, not described yet
	images  int           // of the others
	changed chan struct{} // closed when there may be room
}

// newTogether takes how many projects may be begun at once, large and small
// ones, and how long an answer takes to come.
func newTogether(few, many int, away time.Duration) *together {
	return &together{few: few, many: many, first: 1 + int(away/describing), changed: make(chan struct{})}
}

// enter waits until a project may be begun.
func (t *together) enter(ctx context.Context) (*admitted, error) {
	for {
		t.mu.Lock()
		if t.hasRoom() {
			t.inside++
			t.unknown++
			t.mu.Unlock()
			return &admitted{together: t, unknown: true}, nil
		}
		changed := t.changed
		t.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (t *together) hasRoom() bool {
	if t.inside >= min(t.many, t.first) {
		return false
	}
	return t.inside < t.few || t.images+t.unknown*imagesUnknown < imagesTogether
}

// admitted is a project that was begun.
type admitted struct {
	together *together
	unknown  bool
	images   int
}

// described says how many images the project has; -1: that stays unknown.
func (p *admitted) described(images int) {
	if images < 0 {
		images = imagesUnknown
	}
	p.set(images, 0)
}

// leave says that the project is captured, or never will be.
func (p *admitted) leave() {
	p.set(0, -1)
}

func (p *admitted) set(images, inside int) {
	t := p.together
	t.mu.Lock()
	defer t.mu.Unlock()
	if p.unknown {
		p.unknown = false
		t.unknown--
	}
	t.images += images - p.images
	p.images = images
	t.inside += inside
	t.first = t.many
	close(t.changed)
	t.changed = make(chan struct{})
}
