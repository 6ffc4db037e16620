package restore

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// TestWindow gives places to earlier projects first, more of them while calls
// are quick and fewer when they are slow, and none to whoever has gone.
func TestWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWindow(2)
		enter := func(project int) { // a place that is free
			if err := w.enter(t.Context(), project); err != nil {
				t.Fatal(err)
			}
		}
		enter(0)
		enter(0)
		var order []int
		ctx, cancel := context.WithCancel(t.Context())
		gone := make(chan error, 1)
		go func() { gone <- w.enter(ctx, 0) }()
		for _, project := range []int{3, 1, 2} {
			go func() {
				enter(project)
				order = append(order, project) // one at a time
			}()
			synctest.Wait()
		}
		cancel()
		if err := <-gone; !errors.Is(err, context.Canceled) {
			t.Errorf("whoever had gone came in with %v", err)
		}
		for range 3 {
			w.leave(slow)
			synctest.Wait()
		}
		if !slices.Equal(order, []int{1, 2, 3}) {
			t.Errorf("projects came in the order %v", order)
		}
		w.leave(slow + time.Second)
		if w.open != 1 || w.free != 0 {
			t.Errorf("after a slow call, %d places, of which %d are free", w.open, w.free)
		}
		w.leave(quick)
		if w.open != 2 || w.free != 2 {
			t.Errorf("after a quick call, %d places, of which %d are free", w.open, w.free)
		}
	})
}

// TestAhead takes turns in order, whatever comes first, begins no more than is
// known to be needed, and waits for what it began in vain.
func TestAhead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var begun, ended atomic.Int32
		do := func(ctx context.Context, i int) (int, error) {
			begun.Add(1)
			defer ended.Add(1)
			time.Sleep(time.Duration(10-i) * time.Second)
			return i, ctx.Err()
		}
		var got []int
		for i, err := range ahead(t.Context(), 6, do) {
			if got = append(got, i); err != nil || len(got) == 6 {
				break
			}
		}
		if !slices.Equal(got, []int{0, 1, 2, 3, 4, 5}) || begun.Load() != 6 {
			t.Errorf("got %v of %d begun", got, begun.Load())
		}
		for range ahead(t.Context(), 100, do) {
			break
		}
		if n := begun.Load(); n != 6+1+pagesAhead || n != ended.Load() {
			t.Errorf("%d begun and %d ended", n, ended.Load())
		}
	})
}

// TestTogether has projects wait for each other whose images do not fit in
// memory, and begins none after an error.
func TestTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		large := imagesTogether * 6 / 10
		sizes := []int{large, 10, large, 10, 3 * imagesTogether, 10}
		begun := 0
		failed := errors.New("failed")
		err := together(t.Context(), Options{Projects: 1}.withDefaults(), len(sizes), func(i int) int { return sizes[i] }, func(i int, _ func()) error {
			begun++
			if i == 3 {
				return failed
			}
			return nil
		})
		if !errors.Is(err, failed) || begun != 4 {
			t.Errorf("%d begun, %v", begun, err)
		}
		var images, running, most atomic.Int64
		if err := together(t.Context(), Options{}.withDefaults(), len(sizes), func(i int) int { return sizes[i] }, func(i int, _ func()) error {
			size := int64(min(sizes[i], imagesTogether))
			if n := images.Add(size); n > imagesTogether {
				t.Errorf("projects of %d images are in memory", n)
			}
			most.Store(max(most.Load(), running.Add(1)))
			time.Sleep(time.Second) // until all that can be are here
			running.Add(-1)
			images.Add(-size)
			return nil
		}); err != nil || most.Load() < 2 {
			t.Errorf("at most %d at a time, %v", most.Load(), err)
		}
	})
}
