package download

import (
	"bytes"
	"context"
	"errors"
	"io"
	"testing"
	"testing/synctest"
)

// Bodies share their memory: one that finds none left waits for another to
// end, however many want some, and what is given back is used again.
func TestMemoryIsShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := NewMemory()
		var bodies []*Body
		for range inFlight / (roundUp(6<<20 + minRead)) {
			b := m.NewBody("", MaxImage)
			if err := b.Expect(t.Context(), 6<<20); err != nil {
				t.Fatal(err)
			}
			bodies = append(bodies, b)
		}
		if n := len(bodies); n < 4 || n > 6 {
			t.Fatalf("%d of the largest images at once", n)
		}
		waiting := m.NewBody("", MaxImage)
		ctx, cancel := context.WithCancel(t.Context())
		result := make(chan error, 1)
		go func() { result <- waiting.Expect(ctx, 6<<20) }()
		synctest.Wait()
		cancel()
		if err := <-result; !errors.Is(err, context.Canceled) {
			t.Errorf("there was memory left: %v", err)
		}
		go func() { result <- waiting.Expect(t.Context(), -1) }()
		synctest.Wait()
		for _, b := range bodies[:2] { // a size that is not known takes more
			b.Close()
		}
		if err := <-result; err != nil {
			t.Errorf("after others ended: %v", err)
		}
		waiting.Close()
		first := &bodies[2].memory[:1][0]
		bodies[2].Close()
		if err := waiting.Expect(t.Context(), 6<<20); err != nil || &waiting.memory[:1][0] != first {
			t.Errorf("memory that was given back is not used again: %v", err)
		}
	})
}

// A body that is longer than its source said, or that goes on in a file, is
// whole all the same, and what it took is given back.
func TestMemoryOfUnexpectedBodies(t *testing.T) {
	m := NewMemory()
	for _, size := range []int{0, 1, 600, 1 << 20, memoryLimit, memoryLimit + 1, memoryLimit + 3<<20} {
		want := bytes.Repeat([]byte("0123456789abcdef!"), size/17+1)[:size]
		for _, said := range []int64{-1, 0, 5, int64(size)} {
			b := m.NewBody(t.TempDir(), MaxImage)
			if err := b.Expect(t.Context(), said); err != nil {
				t.Fatal(err)
			}
			if _, err := b.ReadFrom(bytes.NewReader(want)); err != nil {
				t.Fatal(err)
			}
			if got, err := io.ReadAll(b.Reader()); err != nil || !bytes.Equal(got, want) {
				t.Errorf("%d bytes, %d expected: other bytes came back (%v)", size, said, err)
			}
			if err := b.Close(); err != nil {
				t.Error(err)
			}
		}
	}
	if !m.budget.TryAcquire(inFlight) {
		t.Error("not everything was given back")
	}
}

// What is in use and what is kept for use is never more than there is, whatever
// sizes come after each other.
func TestMemoryIsBounded(t *testing.T) {
	m := NewMemory()
	for size := 1 << 10; size <= memoryLimit; size *= 2 {
		var bodies []*Body
		for taken := 0; taken+roundUp(size+minRead) <= inFlight; taken += roundUp(size + minRead) {
			b := m.NewBody("", MaxImage)
			if err := b.Expect(t.Context(), int64(size)); err != nil {
				t.Fatal(err)
			}
			bodies = append(bodies, b)
			if m.used+m.kept > inFlight {
				t.Fatalf("bodies of %d bytes: %d in use, %d kept", size, m.used, m.kept)
			}
		}
		for _, b := range bodies {
			b.Close()
		}
	}
}
