package verify

import (
	"context"

	"golang.org/x/sync/errgroup"

	"cvarchive/archive/inventory"
	"cvarchive/archive/vault"
)

// batch is how many objects of a folder a goroutine looks at before it takes
// others: one takes less time than to hand it over is worth.
const batch = 16

// batchBytes is how many bytes are enough for one.
const batchBytes = 1 << 20

// batchOf returns how many objects of a store are looked at one after the
// other. Those that are behind a network are worth asking for at once.
func batchOf(s vault.Store) int {
	if _, remote := s.(inventory.Pager); remote {
		return 1
	}
	return batch
}

// queue hands objects to goroutines, which it starts as they are of use.
type queue struct {
	group   *errgroup.Group
	ctx     context.Context // of the group
	check   func(context.Context, []mention) error
	batch   int
	workers int // at most

	started int
	next    []mention
	bytes   int64 // of next
	full    chan []mention
}

// add hands an object over, or keeps it until there are some more.
func (q *queue) add(m mention) {
	q.next = append(q.next, m)
	q.bytes += m.object.Size
	if len(q.next) == q.batch || q.bytes >= batchBytes { // large ones are worth a goroutine each
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

// hand gives the next objects to a goroutine, if need be when one is free.
func (q *queue) hand() {
	some := q.next
	q.next, q.bytes = make([]mention, 0, q.batch), 0
	if q.full == nil {
		q.full = make(chan []mention)
	}
	select {
	case q.full <- some:
		return
	default:
	}
	if q.started < q.workers {
		q.started++
		q.group.Go(func() error { return q.work(some) })
		return
	}
	select {
	case q.full <- some:
	case <-q.ctx.Done():
	}
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
