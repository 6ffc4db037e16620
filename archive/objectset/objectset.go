// Package objectset holds sets of millions of objects in little memory: 6.4
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

// Parts is how many parts of about one size keys are in, by their first bits.
const Parts = 1 << listBits

// Part returns the part that a key is in.
func (k Key) Part() int { return int(binary.BigEndian.Uint16(k[:])) >> runBits }

// Of returns the key of an object's digest: one key whatever size and
// extension a record claims.
func Of(o manifest.Object) Key { return Key(o.SHA256[:len(Key{})]) }

// OfLine returns a key of all that a record says of an object.
func OfLine(o manifest.Object) Key {
	var line [128]byte // no garbage: this is done for every record
	sum := sha256.Sum256(o.AppendLine(line[:0]))
	return Key(sum[:len(Key{})])
}

// Table maps keys to bytes. The zero value is an empty one, in which every key
// has 0. It is not safe for concurrent use.
type Table struct{ entries entries }

const tableWidth = stored + 1

// Get returns the value of a key.
func (t *Table) Get(k Key) byte {
	if entry := t.entries.get(k, tableWidth); entry != nil {
		return entry[stored]
	}
	return 0
}

// Put gives a key a value, which is not 0.
func (t *Table) Put(k Key, v byte) {
	entry, _ := t.entries.put(k, tableWidth)
	entry[stored] = v
}

// Mark adds bits to the value of a key, and returns what it was before.
func (t *Table) Mark(k Key, bits byte) (before byte) {
	entry, _ := t.entries.put(k, tableWidth)
	before = entry[stored]
	entry[stored] |= bits
	return before
}

// Len returns the number of keys.
func (t *Table) Len() int { return t.entries.len }

// Set is a set of keys. It is not safe for concurrent use.
type Set struct{ entries entries }

// Add puts a key into the set.
func (s *Set) Add(k Key) { s.entries.put(k, stored) }

// Insert adds a key and reports whether it was new.
func (s *Set) Insert(k Key) bool {
	_, added := s.entries.put(k, stored)
	return added
}

// Has reports whether a key is in the set.
func (s *Set) Has(k Key) bool { return s.entries.get(k, stored) != nil }

// Len returns the number of keys.
func (s *Set) Len() int { return s.entries.len }

// Cut forgets the keys of a part and of all that follow it.
func (s *Set) Cut(part int) { s.entries.cut(part) }
