// Package objectset holds sets of millions of objects in little memory: 16
// bytes each, and up to 45 while they are added.
//
// An object is remembered by the first half of a digest, so that two may be
// taken for one with a chance that no vault will ever see.
package objectset

import (
	"bytes"
	"crypto/sha256"
	"slices"

	"cvarchive/manifest"
)

// Key stands for an object.
type Key [16]byte

// Of returns the key of an object's digest: one key whatever size and
// extension a record claims.
func Of(o manifest.Object) Key { return Key(o.SHA256[:len(Key{})]) }

// OfLine returns a key of all that a record says of an object.
func OfLine(o manifest.Object) Key {
	sum := sha256.Sum256(o.AppendLine(nil))
	return Key(sum[:len(Key{})])
}

// Set is a set of keys: a sorted list, and what was added since it was
// sorted. It is not safe for concurrent use.
type Set struct {
	sorted  []Key
	pending []Key
	recent  map[Key]struct{} // of pending, those that Insert added
}

const minPending = 1 << 14

func compare(a, b Key) int { return bytes.Compare(a[:], b[:]) }

// Add puts a key into the set.
func (s *Set) Add(k Key) {
	s.pending = append(s.pending, k)
	if len(s.pending) >= max(minPending, len(s.sorted)/4) {
		s.merge()
	}
}

// Insert adds a key and reports whether it was new: for looking and adding by
// turns, which [Set.Has] and [Set.Add] would do slowly.
func (s *Set) Insert(k Key) bool {
	if len(s.recent) < len(s.pending) { // some came by Add
		s.merge()
	}
	if _, found := s.recent[k]; found {
		return false
	}
	if _, found := slices.BinarySearchFunc(s.sorted, k, compare); found {
		return false
	}
	if s.recent == nil {
		s.recent = map[Key]struct{}{}
	}
	s.recent[k] = struct{}{}
	s.Add(k)
	return true
}

// Has reports whether a key is in the set.
func (s *Set) Has(k Key) bool {
	s.merge()
	_, found := slices.BinarySearchFunc(s.sorted, k, compare)
	return found
}

// Len returns the number of keys.
func (s *Set) Len() int {
	s.merge()
	return len(s.sorted)
}

// merge moves what is pending into the list, from its end, in place.
func (s *Set) merge() {
	if len(s.pending) == 0 {
		return
	}
	slices.SortFunc(s.pending, compare)
	s.pending = slices.Compact(s.pending)
	old, total := len(s.sorted), len(s.sorted)+len(s.pending)
	s.sorted = slices.Grow(s.sorted, len(s.pending))[:total]
	for i, j, to := old-1, len(s.pending)-1, total-1; j >= 0; to-- {
		if i >= 0 && compare(s.sorted[i], s.pending[j]) > 0 {
			s.sorted[to] = s.sorted[i]
			i--
		} else {
			s.sorted[to] = s.pending[j]
			j--
		}
	}
	s.sorted = slices.Compact(s.sorted)
	s.pending = s.pending[:0]
	clear(s.recent)
}
