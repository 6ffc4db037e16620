package objectset

import "encoding/binary"

// A key's first bytes choose where it is kept, and of the next ones stored are
// kept: of the first two, some bits choose a list, and the others a run of it.
const (
	stored   = 6
	listBits = 13
	runBits  = 16 - listBits
	runs     = 1 << runBits
)

// pageSize is how many bytes lists grow by. They have half of that to spare.
const pageSize = 512

type page [pageSize]byte

// entries are lists of entries, each the stored bytes of a key and what goes
// with them, in ascending order. Keys are digests, so that the lists are of
// about one length, and grow at about one time. So they grow by pages that
// never move: an array that makes room for another by its side leaves holes,
// which are of no use to others that have outgrown them as well.
type entries struct {
	lists []list
	len   int
}

// list is one of 1<<listBits lists: full pages, and a last one.
type list struct {
	pages []*page
	ends  [runs]uint32 // of its runs, in entries
}

// place says where an entry is or would be, by number.
type place struct {
	list *list
	run  int
	at   int
}

// find looks for a key; there are lists.
func (e *entries) find(k Key, width int) (place, bool) {
	p := place{list: &e.lists[k.Part()], run: int(k[1]) & (runs - 1)}
	if p.run > 0 {
		p.at = int(p.list.ends[p.run-1])
	}
	want, end := suffix(k[2:]), int(p.list.ends[p.run])
	high := end
	for p.at < high {
		middle := int(uint(p.at+high) / 2)
		if suffix(p.list.entry(middle, width)) < want {
			p.at = middle + 1
		} else {
			high = middle
		}
	}
	return p, p.at < end && suffix(p.list.entry(p.at, width)) == want
}

// suffix is a number of the stored bytes, in their order.
func suffix(b []byte) uint64 {
	return uint64(binary.BigEndian.Uint16(b))<<32 | uint64(binary.BigEndian.Uint32(b[2:]))
}

// entry returns one of a list's entries.
func (l *list) entry(n, width int) []byte {
	each := pageSize / width
	at := n % each * width
	return l.pages[n/each][at : at+width]
}

// get returns the entry of a key, or nil.
func (e *entries) get(k Key, width int) []byte {
	if e.lists == nil {
		return nil
	}
	p, found := e.find(k, width)
	if !found {
		return nil
	}
	return p.list.entry(p.at, width)
}

// put makes an entry for a key unless there is one, and returns it.
func (e *entries) put(k Key, width int) (entry []byte, added bool) {
	if e.lists == nil {
		e.lists = make([]list, 1<<listBits)
	}
	p, found := e.find(k, width)
	if !found {
		p.list.insert(p.at, width)
		for run := p.run; run < runs; run++ {
			p.list.ends[run]++
		}
		e.len++
	}
	entry = p.list.entry(p.at, width)
	if !found {
		clear(entry)
		copy(entry, k[2:2+stored])
	}
	return entry, !found
}

// insert makes room for an entry: what is behind it moves on by one.
func (l *list) insert(at, width int) {
	each := pageSize / width
	count := int(l.ends[runs-1])
	if count == len(l.pages)*each {
		l.pages = append(l.pages, new(page))
	}
	full := each * width
	for n := count / each; n > at/each; n-- {
		copy(l.pages[n][width:full], l.pages[n][:])
		copy(l.pages[n][:width], l.pages[n-1][full-width:full])
	}
	here, from := l.pages[at/each], at%each*width
	copy(here[from+width:full], here[from:])
}

// cut empties a list and those behind it.
func (e *entries) cut(from int) {
	if e.lists == nil {
		return
	}
	for i := from; i < len(e.lists); i++ {
		e.len -= int(e.lists[i].ends[runs-1])
		e.lists[i] = list{}
	}
}
