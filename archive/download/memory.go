package download

import (
	"context"
	"slices"
	"sync"

	"golang.org/x/sync/semaphore"
)

// inFlight is how many bytes there are for bodies, in use or not. Images are
// 6 MB at most, so that five of the largest are on their way together, and
// some hundred of the usual ones.
const inFlight = 32 << 20

// Memory is what the bodies of one pass share: so much of it at once, used
// again and again. A body that finds none left waits, and does so before it
// is read, so that those that have some always come to their end. It is safe
// for concurrent use.
type Memory struct {
	budget *semaphore.Weighted
	limit  int64

	mu   sync.Mutex
	free map[int][][]byte // by capacity
	kept int              // bytes in free
	used int              // bytes that were taken
}

// NewMemory returns the memory for one pass.
func NewMemory() *Memory { return NewMemoryOf(inFlight) }

// NewMemoryOf returns memory of so many bytes.
func NewMemoryOf(limit int64) *Memory {
	return &Memory{budget: semaphore.NewWeighted(limit), limit: limit, free: map[int][][]byte{}}
}

// Take returns an empty buffer with room for so many bytes, of which there
// must be as much in all, and waits until there is one. Whoever holds one must
// not wait for another.
func (m *Memory) Take(ctx context.Context, size int) ([]byte, error) { return m.take(ctx, size) }

// Give takes a buffer back that Take returned.
func (m *Memory) Give(buf []byte) { m.give(buf, cap(buf)) }

// NewBody is [NewBody] with memory that is shared.
func (m *Memory) NewBody(dir string, limit int64) *Body {
	b := NewBody(dir, limit)
	b.shared = m
	return b
}

// take returns an empty buffer for so many bytes and waits until there is one.
func (m *Memory) take(ctx context.Context, size int) ([]byte, error) {
	if most := roundUp(size); int64(most) <= m.limit {
		size = most
	}
	if err := m.budget.Acquire(ctx, int64(size)); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.used += size
	if list := m.free[size]; len(list) > 0 {
		m.free[size], m.kept = list[:len(list)-1], m.kept-size
		return list[len(list)-1], nil
	}
	m.drop()
	return make([]byte, 0, size), nil
}

// drop leaves buffers that are of no use now to the garbage collector, as far
// as there would be too much memory.
func (m *Memory) drop() {
	for size, list := range m.free {
		for len(list) > 0 && int64(m.used+m.kept) > m.limit {
			list, m.kept = slices.Delete(list, len(list)-1, len(list)), m.kept-size
		}
		m.free[size] = list
	}
}

// give takes a buffer back of which so many bytes were taken. One that had to
// grow is left to the garbage collector.
func (m *Memory) give(buf []byte, taken int) {
	m.mu.Lock()
	m.used -= taken
	if cap(buf) == taken {
		m.free[taken] = append(m.free[taken], buf[:0])
		m.kept += taken
	}
	m.mu.Unlock()
	m.budget.Release(int64(taken))
}

// roundUp gives one of a few sizes, at most a half above the one that is
// wanted: the fewer there are, the sooner a buffer is used again.
func roundUp(size int) int {
	step := 8 << 10
	for step*3 < size {
		step *= 2
	}
	return max(2, (size+step-1)/step) * step
}
