package retain

import (
	"bytes"
	"slices"

	"cvarchive/manifest"
)

// key stands for a digest: its first half.
type key [16]byte

func keyOf(d manifest.Digest) key { return key(d[:len(key{})]) }

// keys is a set of digests that takes little more than their bytes: a sorted
// list, and what was added since it was sorted.
type keys struct {
	sorted  []key
	pending []key
}

const minPending = 1 << 14

func compareKeys(a, b key) int { return bytes.Compare(a[:], b[:]) }

// add puts a digest into the set.
func (s *keys) add(k key) {
	s.pending = append(s.pending, k)
	if len(s.pending) >= max(minPending, len(s.sorted)/4) {
		s.merge()
	}
}

// has reports whether a digest is in the set. Calls at the same time are
// fine, as long as nothing is added meanwhile.
func (s *keys) has(k key) bool {
	if len(s.pending) > 0 {
		s.merge()
	}
	_, found := slices.BinarySearchFunc(s.sorted, k, compareKeys)
	return found
}

// len returns the number of digests.
func (s *keys) len() int {
	s.merge()
	return len(s.sorted)
}

// merge moves what is pending into the list, from its end, in place.
func (s *keys) merge() {
	if len(s.pending) == 0 {
		return
	}
	slices.SortFunc(s.pending, compareKeys)
	s.pending = slices.Compact(s.pending)
	old, total := len(s.sorted), len(s.sorted)+len(s.pending)
	s.sorted = slices.Grow(s.sorted, len(s.pending))[:total]
	for i, j, to := old-1, len(s.pending)-1, total-1; j >= 0; to-- {
		if i >= 0 && compareKeys(s.sorted[i], s.pending[j]) > 0 {
			s.sorted[to] = s.sorted[i]
			i--
		} else {
			s.sorted[to] = s.pending[j]
			j--
		}
	}
	s.sorted = slices.Compact(s.sorted)
	s.pending = s.pending[:0]
}
