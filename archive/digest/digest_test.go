package digest

import (
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"testing"

	"cvarchive/manifest"
)

// TestSHA256 compares with the standard library: all lengths around those of
// blocks, and mixtures of lengths that fill, leave and share lanes.
func TestSHA256(t *testing.T) {
	if !hasLanes() {
		t.Log("this processor computes one by one")
	}
	source := rand.NewChaCha8([32]byte{1})
	r := rand.New(source)
	random := func(n int) []byte {
		b := make([]byte, n)
		_, _ = source.Read(b)
		return b
	}
	var all [][]byte
	for n := range 4*blockSize + 1 {
		all = append(all, random(n))
	}
	check(t, all)
	for range 200 {
		var some [][]byte
		for range r.IntN(50) {
			some = append(some, random(r.IntN(1<<r.IntN(16))))
		}
		check(t, some)
	}
	for n := range 3 * lanes {
		var same [][]byte
		for range n {
			same = append(same, random(1000))
		}
		check(t, same)
	}
}

func check(t *testing.T, texts [][]byte) {
	t.Helper()
	sums := make([]manifest.Digest, len(texts))
	SHA256(sums, texts)
	for i, text := range texts {
		if want := manifest.Digest(sha256.Sum256(text)); sums[i] != want {
			t.Fatalf("text %d of %d, %d bytes: %s, want %s", i, len(texts), len(text), sums[i], want)
		}
	}
}

func BenchmarkSHA256(b *testing.B) {
	for _, n := range []int{1, 8, 16, 32} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			r := rand.New(rand.NewPCG(1, 2))
			var texts [][]byte
			var total int64
			for range n {
				texts = append(texts, make([]byte, 10_000+r.IntN(40_000)))
				total += int64(len(texts[len(texts)-1]))
			}
			sums := make([]manifest.Digest, n)
			b.SetBytes(total)
			for b.Loop() {
				SHA256(sums, texts)
			}
		})
	}
}
