package bundle

import (
	"context"
	"hash/maphash"
	"io"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"

	"cvarchive/archive"
)

const (
	// maxWalks is how many places of a bundle are read from at the same time:
	// several projects that are restored, or objects that are named again.
	maxWalks = 8
	// maxReach is how many objects may be asked for before those in front of
	// them, by whoever asks for several at once.
	maxReach = 32
	// remembered is how many of the last headers are remembered.
	remembered = 4096
)

// trail finds objects without the index: they are in the order in which the
// archive names them, so that one is most often right behind the one before.
// What is asked for out of this order it may not find. It is safe for
// concurrent use.
type trail struct {
	container *archive.Container

	seed maphash.Seed // of places
	end  int64        // of the last object

	mu    sync.Mutex
	first *walk              // from the first object on, whether it is in walks or not
	sum   uint64             // of the places of the objects that first has read
	walks []*walk            // the one that found something last at the end
	known map[string]step    // by names of members
	ring  [remembered]string // what known has, the oldest at next
	next  int
}

// walk reads one header after the other, not far ahead of what was asked for.
type walk struct {
	offset int64 // of the next header
	read   int   // headers so far
	asked  int   // how many there are up to the last that was asked for
	reach  int   // how many more may be read; grows as they are asked for
}

// step is a header that a walk has read.
type step struct {
	archive.Placed
	walk *walk
	read int // headers with this one
	slot int // in the ring
}

func newTrail(c *archive.Container) *trail {
	return &trail{container: c, known: map[string]step{}, seed: maphash.MakeSeed()}
}

// begin starts at the first object; the last one ends at end or before.
func (t *trail) begin(offset, end int64) {
	t.end = end
	t.first = &walk{offset: offset, reach: maxReach}
	t.walks = append(t.walks, t.first)
}

// finish reads the headers that have not been read from the first on, and returns the sum of the places of all objects: what the index
// should come to, in whatever order.
func (t *trail) finish(ctx context.Context) (sum uint64, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for t.first.offset < t.end {
		if _, err := t.step(ctx, t.first); err != nil {
			return 0, err
		}
	}
	return t.sum, nil
}

// placeOf is a number that stands for the line of the index of a member.
func (t *trail) placeOf(p archive.Placed, offset int64) uint64 {
	digest, ext, _ := strings.Cut(path.Base(p.Name), ".")
	var line [512]byte // no garbage
	b := append(append(line[:0], digest...), ' ')
	b = append(strconv.AppendInt(b, p.Size, 10), ' ')
	b = append(append(b, ext...), ' ')
	return maphash.Bytes(t.seed, append(strconv.AppendInt(b, offset, 10), '\n'))
}

// find returns where an object is if it can be reached.
func (t *trail) find(ctx context.Context, name string, size int64) (p archive.Placed, found bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if s, ok := t.known[name]; ok {
		return t.found(s), s.Size == size
	}
	for i := len(t.walks) - 1; i >= 0; i-- {
		for w := t.walks[i]; w.read < w.asked+w.reach; {
			s, err := t.step(ctx, w)
			if err != nil { // nothing more can be found there
				t.walks = slices.Delete(t.walks, i, i+1)
				break
			}
			if s.Name == name {
				return t.found(s), s.Size == size
			}
		}
	}
	return p, false
}

// follow goes on from an object that the index has found, and returns where it
// is.
func (t *trail) follow(ctx context.Context, offset int64) (archive.Placed, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	w := &walk{offset: offset, reach: 1}
	s, err := t.step(ctx, w)
	if err != nil {
		return archive.Placed{}, err
	}
	w.asked = w.read
	if len(t.walks) == maxWalks {
		t.walks = slices.Delete(t.walks, 0, 1)
	}
	t.walks = append(t.walks, w)
	return s.Placed, nil
}

// step reads the next header.
func (t *trail) step(ctx context.Context, w *walk) (s step, err error) {
	if w.offset >= t.end {
		return s, io.EOF
	}
	p, err := t.container.At(ctx, w.offset)
	if err != nil {
		return s, err
	}
	if w == t.first {
		t.sum += t.placeOf(p, w.offset)
	}
	w.offset = p.Next()
	w.read++
	s = step{Placed: p, walk: w, read: w.read, slot: t.next}
	if oldest := t.ring[t.next]; t.known[oldest].slot == t.next {
		delete(t.known, oldest)
	}
	t.known[p.Name], t.ring[t.next] = s, p.Name
	t.next = (t.next + 1) % remembered
	return s, nil
}

// found has the walk of a header go on behind it.
func (t *trail) found(s step) archive.Placed {
	w := s.walk
	w.asked = max(w.asked, s.read)
	w.reach = min(2*w.reach, maxReach)
	if i := slices.Index(t.walks, w); i >= 0 && i < len(t.walks)-1 {
		t.walks = append(slices.Delete(t.walks, i, i+1), w)
	}
	return s.Placed
}
