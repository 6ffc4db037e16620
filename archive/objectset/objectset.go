// Package objectset holds sets of millions of objects in little memory: some
// nine bytes each.
//
// An object is remembered by nine bytes of a digest, so that two may be taken
// for one: with ten million objects, with a chance of one in a hundred
// million.
package objectset

import (
	"crypto/sha256"
	"encoding/binary"
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

// Table maps keys to bytes. The zero value is an empty one, in which every key
// has 0. It is not safe for concurrent use.
type Table struct {
	// By the first two bytes of the key: entries in ascending order, each
	// the next seven bytes of the key and the value.
	buckets [][]uint64
	len     int
}

// place returns where a key belongs: its bucket, and its entry with the value
// 0.
func place(k Key) (bucket int, entry uint64) {
	return int(binary.BigEndian.Uint16(k[:])), binary.BigEndian.Uint64(k[2:]) &^ 0xff
}

// find returns the bucket of a key, and where in it the key is or would be.
func (t *Table) find(k Key) (bucket, at int, found bool) {
	bucket, entry := place(k)
	list := t.buckets[bucket]
	at, _ = slices.BinarySearch(list, entry)
	return bucket, at, at < len(list) && list[at]&^0xff == entry
}

// Get returns the value of a key.
func (t *Table) Get(k Key) byte {
	if t.buckets == nil {
		return 0
	}
	bucket, at, found := t.find(k)
	if !found {
		return 0
	}
	return byte(t.buckets[bucket][at])
}

// Put gives a key a value, which is not 0.
func (t *Table) Put(k Key, v byte) {
	if t.buckets == nil {
		t.buckets = make([][]uint64, 1<<16)
	}
	bucket, at, found := t.find(k)
	_, entry := place(k)
	list := t.buckets[bucket]
	if found {
		list[at] = entry | uint64(v)
		return
	}
	if len(list) == cap(list) { // by an eighth: append would double it
		grown := make([]uint64, len(list), len(list)+len(list)/8+4)
		copy(grown, list)
		list = grown
	}
	t.buckets[bucket] = slices.Insert(list, at, entry|uint64(v))
	t.len++
}

// Len returns the number of keys.
func (t *Table) Len() int { return t.len }

// Set is a set of keys. It is not safe for concurrent use.
type Set struct{ table Table }

// Add puts a key into the set.
func (s *Set) Add(k Key) { s.table.Put(k, 1) }

// Insert adds a key and reports whether it was new.
func (s *Set) Insert(k Key) bool {
	before := s.table.len
	s.table.Put(k, 1)
	return s.table.len > before
}

// Has reports whether a key is in the set.
func (s *Set) Has(k Key) bool { return s.table.Get(k) != 0 }

// Len returns the number of keys.
func (s *Set) Len() int { return s.table.len }
