package restore

import (
	"context"
	"iter"

	"cvarchive/manifest"
)

// pagesAhead is how many pages of images are asked for while an earlier one is
// read, since each takes the way to the service and back.
const pagesAhead = 3

// pagesOf is how many pages it takes to see that a project has so many images:
// the last one is not full.
func pagesOf(images int) int { return images/manifest.MaxPage + 1 }

// ahead yields what do returns for 0, 1, 2 and so on, in order, until whoever
// ranges over it has enough. The first n are begun before their turn, a few at
// a time.
func ahead[T any](ctx context.Context, n int, do func(ctx context.Context, i int) (T, error)) iter.Seq2[T, error] {
	type outcome struct {
		value T
		err   error
	}
	return func(yield func(T, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		begun := map[int]chan outcome{}
		defer func() { // what was begun in vain ends first
			cancel()
			for _, c := range begun {
				<-c
			}
		}()
		for i := 0; ; i++ {
			for k := i; k == i || k < min(n, i+1+pagesAhead); k++ {
				if begun[k] != nil {
					continue
				}
				c := make(chan outcome, 1)
				begun[k] = c
				go func() {
					value, err := do(ctx, k)
					c <- outcome{value, err}
				}()
			}
			o := <-begun[i]
			delete(begun, i)
			if !yield(o.value, o.err) || o.err != nil {
				return
			}
		}
	}
}
