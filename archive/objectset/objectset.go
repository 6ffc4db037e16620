// Package objectset holds sets of millions of objects in little memory: 6.5
// bytes each at ten million, 7.5 with a byte of one's own.
//
// An object is remembered by eight bytes of a digest, so that two may be taken
// for one: of ten million, with a chance of one in 370,000 that any two of all
// are; of a million, one in 37 million. What that would mean is said where a set is used.
package objectset

import (
	"crypto/sha256"
	"encoding/binary"

	"cvarchive/manifest"
)

// Key stands for an object.
type Key [16]byte

// Of returns the key of an object's digest: one key whatever size and
// extension a record claims.
func Of(o manifest.Object) Key { return Key(o.SHA256[:len(Key{})]) }

// OfLine returns a key of all that a record says of an object.
func OfLine(o manifest.Object) Key {
	var line [128]byte // no garbage: this is done for every record
	sum := sha256.Sum256(o.AppendLine(line[:0]))
	return Key(sum[:len(Key{})])
}

const (
	// prefix is how many bytes of a key choose its shard, and stored how many
	// of the next ones are kept.
	prefix = 2
	stored = 6
)

// shards are lists of entries, each the stored bytes of a key and what goes
// with them, in ascending order. Keys are digests, so that the lists are of
// about one length; with many, a list grows by an eighth, and what all of them
// have to spare is less.
type shards struct {
	lists [][]byte // by the first bytes of the key
	len   int
}

// find returns where in its list a key is or would be, in bytes.
func (s *shards) find(k Key, width int) (shard, at int, found bool) {
	shard = int(binary.BigEndian.Uint16(k[:]))
	list, want := s.lists[shard], suffix(k[prefix:])
	low, high := 0, len(list)/width
	for low < high {
		middle := int(uint(low+high) / 2)
		if suffix(list[middle*width:]) < want {
			low = middle + 1
		} else {
			high = middle
		}
	}
	at = low * width
	return shard, at, at < len(list) && suffix(list[at:]) == want
}

// suffix is a number of the stored bytes, in their order.
func suffix(b []byte) uint64 {
	return uint64(binary.BigEndian.Uint16(b))<<32 | uint64(binary.BigEndian.Uint32(b[2:]))
}

// put makes an entry for a key unless there is one, and returns it.
func (s *shards) put(k Key, width int) (entry []byte, added bool) {
	if s.lists == nil {
		s.lists = make([][]byte, 1<<(8*prefix))
	}
	shard, at, found := s.find(k, width)
	list := s.lists[shard]
	if !found {
		if len(list)+width > cap(list) {
			list = grown(list, width)
		}
		list = list[:len(list)+width]
		copy(list[at+width:], list[at:])
		clear(list[at : at+width])
		copy(list[at:], k[prefix:prefix+stored])
		s.lists[shard] = list
		s.len++
	}
	return list[at : at+width], !found
}

// grown returns a list with room for one more at least, and for as many as fit
// into what the allocator gives for that: its sizes are an eighth apart.
func grown(list []byte, width int) []byte {
	return append(append([]byte(nil), make([]byte, len(list)+width)...)[:0], list...)
}

// Table maps keys to bytes. The zero value is an empty one, in which every key
// has 0. It is not safe for concurrent use.
type Table struct{ shards shards }

const tableWidth = stored + 1

// Get returns the value of a key.
func (t *Table) Get(k Key) byte {
	if t.shards.lists == nil {
		return 0
	}
	shard, at, found := t.shards.find(k, tableWidth)
	if !found {
		return 0
	}
	return t.shards.lists[shard][at+stored]
}

// Put gives a key a value, which is not 0.
func (t *Table) Put(k Key, v byte) {
	entry, _ := t.shards.put(k, tableWidth)
	entry[stored] = v
}

// Mark adds bits to the value of a key, and returns what it was before.
func (t *Table) Mark(k Key, bits byte) (before byte) {
	entry, _ := t.shards.put(k, tableWidth)
	before = entry[stored]
	entry[stored] |= bits
	return before
}

// Len returns the number of keys.
func (t *Table) Len() int { return t.shards.len }

// Set is a set of keys. It is not safe for concurrent use.
type Set struct{ shards shards }

// Add puts a key into the set.
func (s *Set) Add(k Key) { s.shards.put(k, stored) }

// Insert adds a key and reports whether it was new.
func (s *Set) Insert(k Key) bool {
	_, added := s.shards.put(k, stored)
	return added
}

// Has reports whether a key is in the set.
func (s *Set) Has(k Key) bool {
	if s.shards.lists == nil {
		return false
	}
	_, _, found := s.shards.find(k, stored)
	return found
}

// Len returns the number of keys.
func (s *Set) Len() int { return s.shards.len }
