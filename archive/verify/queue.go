package verify

import (
	"context"
	"runtime"
	"time"

	"golang.org/x/sync/errgroup"

	"cvarchive/archive/inventory"
	"cvarchive/archive/vault"
)

// batch is how many objects of a folder a goroutine looks at before it takes
// others: one takes less time than to hand it over is worth, and many are hashed
// together.
const batch = 32

// batchOf returns how many objects of a store are looked at one after the
// other. Those that are behind a network are worth asking for at once.
func batchOf(s vault.Store) int {
	if _, remote := s.(inventory.Pager); remote {
		return 1
	}
	return batch
}

// patience is how long a batch waits for a goroutine before it gets one of its own.
// With files that are in memory anyway, more goroutines than processors only
// need more buffers; with those of a disk far away, most of them wait.
const patience = 2 * time.Millisecond

// queue hands objects to goroutines, which it starts as they are of use.
type queue struct {
	group   *errgroup.Group
	ctx     context.Context // of the group
	check   func(context.Context, []mention) error
	batch   int
	workers int // at most
	atOnce  int // of them, whether or not others are busy for long

	started int
	next    []mention
	full    chan []mention
}

func newQueue(ctx context.Context, g *errgroup.Group, p *Pass, check func(context.Context, []mention) error) *queue {
	q := &queue{group: g, ctx: ctx, check: check, batch: p.batch, workers: p.opt.Concurrency, atOnce: runtime.GOMAXPROCS(0)}
	if p.batch == 1 {
		q.atOnce = q.workers
	}
	return q
}

// add hands an object over, or keeps it until there are some more.
func (q *queue) add(m mention) {
	q.next = append(q.next, m)
	if len(q.next) == q.batch {
		q.hand()
	}
}

// end hands over what is left. Nothing may be added then.
func (q *queue) end() {
	if len(q.next) > 0 {
		q.hand()
	}
	if q.full != nil {
		close(q.full)
	}
}

// hand gives the next objects to a goroutine: to one that is free, or soon will
// be, or to a new one.
func (q *queue) hand() {
	some := q.next
	q.next = make([]mention, 0, q.batch)
	if q.full == nil {
		q.full = make(chan []mention)
	}
	if q.started < min(q.workers, q.atOnce) {
		q.start(some)
		return
	}
	late := time.NewTimer(patience)
	defer late.Stop()
	if q.started == q.workers {
		late.C = nil // there will be no other
	}
	select {
	case q.full <- some:
	case <-late.C:
		q.start(some)
	case <-q.ctx.Done():
	}
}

func (q *queue) start(some []mention) {
	q.started++
	q.group.Go(func() error { return q.work(some) })
}

// work looks at some objects and at whatever comes then.
func (q *queue) work(some []mention) error {
	for ok := true; ok; some, ok = <-q.full {
		if q.ctx.Err() != nil { // others wait behind these
			return q.ctx.Err()
		}
		if err := q.check(q.ctx, some); err != nil {
			return err
		}
	}
	return nil
}
