package repair

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"cvarchive/archive/scratch"
)

const (
	// groupBits is how many bits of an object's digest tell its group.
	groupBits = 12
	// groups is into how many groups items are divided.
	groups = 1 << groupBits
	// blockSize is how many bytes of a group are written at once. All groups
	// together hold 8 MiB back.
	blockSize = 2 << 10
	// windowItems is how many items are worked on at once. They take some
	// 35 MB, and are enough to ask for hundreds of images at a time of each
	// of a hundred projects.
	windowItems = 40_000
)

// Items are the records that are to be repaired, as many as a vault may have:
// a few MiB of them are in memory, and the others in a temporary file, where
// those that name the same object are together. Close must be called.
type Items struct {
	dir    string
	window int // items that are worked on at once
	len    int
	groups [groups]group
	places []place // that items share, by number
	number map[place]uint64

	file   *scratch.File // nil until there are many items
	blocks uint32        // in the file
	record []byte        // the item that is added, for its memory
	err    error         // the first of the file
}

// group has the items of some objects, in the order in which they came.
type group struct {
	blocks []uint32 // by number
	rest   []byte   // what is in no block yet
	len    int
}

// place is what the items of many images have in common: all but the id of
// the image and the object itself. The id is left out of the name, too.
type place struct {
	item   Item
	ext    string // of the object
	hasID  bool   // the name has the image's id, and then
	behind string // goes on
}

// NewItems returns an empty collection, which puts its file into dir; empty:
// the system's place for such files.
func NewItems(dir string) *Items {
	return &Items{dir: dir, window: windowItems, number: map[place]uint64{}}
}

// Len returns how many items there are.
func (s *Items) Len() int { return s.len }

// Add adds an item. [Run] returns the error if the file cannot hold it.
func (s *Items) Add(it Item) {
	if s.err != nil {
		return
	}
	b := binary.AppendUvarint(s.record[:0], uint64(s.len))
	b = binary.AppendUvarint(b, s.placeOf(it))
	b = append(b, it.Object.SHA256[:]...)
	b = binary.AppendVarint(b, it.Object.Size)
	b = binary.AppendUvarint(b, uint64(len(it.ImageID)))
	s.record = append(b, it.ImageID...)
	g := &s.groups[binary.BigEndian.Uint16(it.Object.SHA256[:])>>(16-groupBits)]
	for rest := s.record; len(rest) > 0; {
		n := min(len(rest), blockSize-len(g.rest))
		g.rest, rest = append(g.rest, rest[:n]...), rest[n:]
		if len(g.rest) == blockSize {
			if s.err = s.write(g); s.err != nil {
				return
			}
		}
	}
	g.len++
	s.len++
}

// placeOf returns the number of an item's place.
func (s *Items) placeOf(it Item) uint64 {
	p := place{item: it, ext: it.Object.Ext}
	p.item.ImageID, p.item.Object = "", Item{}.Object
	if it.ImageID != "" {
		p.item.Name, p.behind, p.hasID = strings.Cut(it.Name, it.ImageID)
	}
	n, known := s.number[p]
	if !known {
		n = uint64(len(s.places))
		s.places = append(s.places, p)
		s.number[p] = n
	}
	return n
}

// write moves what is left of a group into the file.
func (s *Items) write(g *group) error {
	if s.file == nil {
		f, err := scratch.Create(s.dir, "cvarchive-*.items")
		if err != nil {
			return fmt.Errorf("create a temporary file for what is to be repaired: %w", err)
		}
		s.file = f
	}
	if _, err := s.file.WriteAt(g.rest, int64(s.blocks)*blockSize); err != nil {
		return fmt.Errorf("write what is to be repaired to a temporary file: %w", err)
	}
	g.blocks, g.rest = append(g.blocks, s.blocks), g.rest[:0]
	s.blocks++
	return nil
}

// window is a range of groups: those from first, and before end.
type window struct{ first, end int }

// windows divides the groups into such that are worked on at once: one, when
// there are not many items.
func (s *Items) windows() []window {
	all, n := []window{{}}, 0
	for i := range s.groups {
		if n += s.groups[i].len; n > s.window && n > s.groups[i].len {
			all, n = append(all, window{first: i}), s.groups[i].len
		}
		all[len(all)-1].end = i + 1
	}
	return all
}

// each calls do for the items of a window, group by group, with the number
// that an item has in the order of all.
func (s *Items) each(w window, do func(number uint64, it Item)) error {
	if s.err != nil {
		return s.err
	}
	var data []byte
	for i := w.first; i < w.end; i++ {
		g := &s.groups[i]
		data = slices.Grow(data[:0], (len(g.blocks)+1)*blockSize)
		for _, n := range g.blocks {
			block := data[len(data) : len(data)+blockSize]
			if _, err := s.file.ReadAt(block, int64(n)*blockSize); err != nil {
				return fmt.Errorf("read what is to be repaired from a temporary file: %w", err)
			}
			data = data[:len(data)+blockSize]
		}
		data = append(data, g.rest...)
		for left := data; len(left) > 0; {
			var number uint64
			var it Item
			number, it, left = s.item(left)
			do(number, it)
		}
	}
	return nil
}

// item reads one item back, and returns what is behind it.
func (s *Items) item(b []byte) (number uint64, it Item, rest []byte) {
	uvarint := func() uint64 {
		v, n := binary.Uvarint(b)
		b = b[n:]
		return v
	}
	number = uvarint()
	p := &s.places[uvarint()]
	it = p.item
	b = b[copy(it.Object.SHA256[:], b):]
	size, n := binary.Varint(b)
	it.Object.Size, it.Object.Ext = size, p.ext
	b = b[n:]
	if n := uvarint(); n > 0 {
		it.ImageID, b = string(b[:n]), b[n:]
	}
	if p.hasID {
		it.Name += it.ImageID + p.behind
	}
	return number, it, b
}

// Close drops the items.
func (s *Items) Close() error {
	if s.file == nil {
		return nil
	}
	err := s.file.Close()
	s.file = nil
	return err
}
