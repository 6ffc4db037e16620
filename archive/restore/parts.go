package restore

import (
	"context"
	"sync"
)

// inParts sends a call's entries. When the service refuses the call, it is
// halved and tried again until the refused entries stand alone; refused gets
// those. Other errors end it.
func inParts[T any](ctx context.Context, entries []T, send func(context.Context, []T) error, refused func(T, error)) error {
	err := send(ctx, entries)
	switch {
	case err == nil:
		return nil
	case fatal(ctx, err):
		return err
	case len(entries) == 1:
		refused(entries[0], err)
		return nil
	}
	half := len(entries) / 2
	if err := inParts(ctx, entries[:half], send, refused); err != nil {
		return err
	}
	return inParts(ctx, entries[half:], send, refused)
}

// queue gathers entries and sends them in calls as full as they may be.
type queue[T any] struct {
	size int
	send func(context.Context, []T) error

	mu      sync.Mutex
	waiting []T
}

// add takes entries and sends what fills a call. It is safe for concurrent
// use.
func (q *queue[T]) add(ctx context.Context, entries ...T) error {
	q.mu.Lock()
	q.waiting = append(q.waiting, entries...)
	full := len(q.waiting) / q.size * q.size
	ready := append([]T(nil), q.waiting[:full]...)
	q.waiting = append(q.waiting[:0], q.waiting[full:]...)
	q.mu.Unlock()
	return q.inCalls(ctx, ready)
}

// flush sends the rest.
func (q *queue[T]) flush(ctx context.Context) error {
	q.mu.Lock()
	rest := q.waiting
	q.waiting = nil
	q.mu.Unlock()
	return q.inCalls(ctx, rest)
}

func (q *queue[T]) inCalls(ctx context.Context, entries []T) error {
	for len(entries) > 0 {
		n := min(q.size, len(entries))
		if err := q.send(ctx, entries[:n]); err != nil {
			return err
		}
		entries = entries[n:]
	}
	return nil
}
