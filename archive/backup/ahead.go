package backup

import (
	"context"
	"iter"
	"sync"
)

// aheadPages is how many pages the projects of a run may list before they are
// needed, besides one each. The service takes a call every tenth of a second,
// so that as many cover an answer that takes most of a second to come. They
// bound the memory: a page takes up to a megabyte.
const aheadPages = 8

// place waits until one more page may be asked for, which own and the places
// that all projects share decide, and returns what gives the place back; or
// nil, when the context has ended.
func (r *run) place(ctx context.Context, own chan struct{}) (giveBack func()) {
	if ctx.Err() != nil {
		return nil
	}
	select {
	case own <- struct{}{}:
		return func() { <-own }
	case r.ahead <- struct{}{}:
		return func() { <-r.ahead }
	case <-ctx.Done():
		return nil
	}
}

// inOrder runs tasks at once and yields what they return, in the order of the
// tasks. A task begins when begin returns, and has ended, for that matter, when
// what it returned has been taken. The sequence is over when the tasks are, or
// when begin returns nil. Nothing is left running then: tasks whose results
// nobody wants find their context ended.
func inOrder[T any](ctx context.Context, begin func(context.Context) (end func()), tasks iter.Seq[func(context.Context) T]) iter.Seq[T] {
	type begun struct {
		result chan T
		end    func()
	}
	return func(yield func(T) bool) {
		ctx, cancel := context.WithCancel(ctx)
		var running sync.WaitGroup
		queue := make(chan begun, aheadPages+1) // no more than begin lets begin
		running.Go(func() {
			defer close(queue)
			for task := range tasks {
				end := begin(ctx)
				if end == nil {
					return
				}
				b := begun{make(chan T, 1), end}
				started := make(chan struct{})
				running.Go(func() {
					close(started)
					b.result <- task(ctx)
				})
				<-started // or the last to be begun would be the first to ask
				queue <- b
			}
		})
		wanted := true
		for b := range queue {
			if wanted {
				wanted = yield(<-b.result)
			}
			if !wanted {
				cancel()
			}
			b.end()
		}
		cancel()
		running.Wait()
	}
}
