package download

import (
	"bytes"
	"crypto/md5"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

// The MD5 of many bodies at once is that of each by itself.
func TestSums(t *testing.T) {
	data := make([]byte, 1<<20)
	rand.NewChaCha8([32]byte{}).Read(data)
	sizes := []int{0, 1, 63, 64, alone - 1, alone, alone + 1, 32 << 10, 32<<10 + 55, 32<<10 + 64, 100_001, 1 << 20}
	var s sums
	defer s.close()
	var wg sync.WaitGroup
	for i := range 3 * lanes {
		wg.Go(func() {
			for j := range sizes {
				part := data[i:]
				part = part[:min(sizes[(i+j)%len(sizes)], len(part))]
				if s.of(part) != md5.Sum(part) {
					t.Errorf("%d bytes have another MD5", len(part))
				}
			}
		})
	}
	wg.Wait()
}

// Nothing is left of sums that were used, or not. (No bubble of synctest: what
// the library keeps for its next hash would belong to it.)
func TestSumsEnd(t *testing.T) {
	var unused, used sums
	used.of(make([]byte, alone))
	unused.close()
	used.close()
	deadline := time.Now().Add(10 * time.Second)
	for stacks := make([]byte, 1<<20); strings.Contains(string(stacks[:runtime.Stack(stacks, true)]), "md5-simd"); runtime.Gosched() {
		if time.Now().After(deadline) {
			t.Fatal("something of the library still runs")
		}
	}
}

// An MD5 that was checked is known of what is read back, wherever the body is.
func TestCheckedMD5IsKnown(t *testing.T) {
	for _, size := range []int{5, memoryLimit + 1} {
		b := NewBody(t.TempDir(), MaxImage)
		defer b.Close()
		data := make([]byte, size)
		b.checkMD5()
		if _, err := b.Write(data); err != nil {
			t.Fatal(err)
		}
		want := md5.Sum(data)
		got := func() []byte { return b.Reader().(interface{ MD5() []byte }).MD5() }
		if sum := got(); sum != nil {
			t.Errorf("%d bytes: %x before it was checked", size, sum)
		}
		if !b.has(want[:]) || !bytes.Equal(got(), want[:]) || b.has(make([]byte, md5.Size)) {
			t.Errorf("%d bytes: it is not known", size)
		}
	}
}
