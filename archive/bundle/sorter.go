package bundle

import (
	"bufio"
	"bytes"
	"container/heap"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"

	"cvarchive/archive/scratch"
	"cvarchive/manifest"
)

// sortedAtOnce is how many entries of an index are sorted in memory: 2 MiB.
const sortedAtOnce = 32 << 10

// sorter brings the entries of an index into the order of their digests, in
// memory that does not grow with their number: so many at once are sorted and
// put into a temporary file, and merged in the end.
type sorter struct {
	dir    string // of the temporary file; empty: the system's
	atOnce int
	run    []packed      // not in the file yet
	file   *scratch.File // sorted runs of atOnce entries; nil: none
	runs   int           // in the file
	size   int64         // of the lines of all entries
}

// newSorter returns an empty sorter; atOnce is 0 for the usual.
func newSorter(dir string, atOnce int) *sorter {
	if atOnce == 0 {
		atOnce = sortedAtOnce
	}
	return &sorter{dir: dir, atOnce: atOnce}
}

// packed is an entry in so many bytes that sort as the entry does: digest, size,
// extension and offset.
type packed [packedSize]byte

const (
	digestSize = len(manifest.Digest{})
	maxExt     = 16 // as vault.CheckObject has it
	extAt      = digestSize + 8
	offsetAt   = extAt + maxExt
	packedSize = offsetAt + 8
)

func pack(o manifest.Object, offset int64) (p packed) {
	copy(p[:], o.SHA256[:])
	binary.BigEndian.PutUint64(p[digestSize:], uint64(o.Size))
	copy(p[extAt:offsetAt], o.Ext)
	binary.BigEndian.PutUint64(p[offsetAt:], uint64(offset))
	return p
}

// appendLine appends the line of the index.
func (p *packed) appendLine(b []byte) []byte {
	o := manifest.Object{
		SHA256: manifest.Digest(p[:digestSize]),
		Size:   int64(binary.BigEndian.Uint64(p[digestSize:])),
		Ext:    string(bytes.TrimRight(p[extAt:offsetAt], "\x00")),
	}
	b = o.AppendLine(b)
	b[len(b)-1] = ' '
	return append(strconv.AppendUint(b, binary.BigEndian.Uint64(p[offsetAt:]), 10), '\n')
}

func comparePacked(a, b packed) int { return bytes.Compare(a[:], b[:]) }

// add takes an object, which vault.CheckObject has passed, and where it is.
func (s *sorter) add(o manifest.Object, offset int64) error {
	if len(s.run) == s.atOnce {
		if err := s.spill(); err != nil {
			return fmt.Errorf("keep the index in a temporary file: %w", err)
		}
	}
	p := pack(o, offset)
	s.run = append(s.run, p)
	var line [256]byte // no garbage
	s.size += int64(len(p.appendLine(line[:0])))
	return nil
}

// spill moves what is in memory to the file.
func (s *sorter) spill() error {
	if s.file == nil {
		f, err := scratch.Create(s.dir, ".cvarchive-*.partial")
		if err != nil {
			return err
		}
		s.file = f
	}
	slices.SortFunc(s.run, comparePacked)
	all := make([]byte, 0, len(s.run)*packedSize)
	for i := range s.run {
		all = append(all, s.run[i][:]...)
	}
	if _, err := s.file.Write(all); err != nil {
		return err
	}
	s.runs++
	s.run = s.run[:0]
	return nil
}

// writeTo writes the lines in their order. Nothing can be added after it.
func (s *sorter) writeTo(w io.Writer) error {
	out := bufio.NewWriterSize(w, 64<<10)
	var err error
	if s.file == nil {
		err = s.writeRun(out)
	} else {
		err = s.merge(out)
	}
	if err != nil {
		return err
	}
	return out.Flush()
}

// writeRun writes what is in memory, which is all.
func (s *sorter) writeRun(out *bufio.Writer) error {
	slices.SortFunc(s.run, comparePacked)
	for i := range s.run {
		if _, err := out.Write(s.run[i].appendLine(out.AvailableBuffer())); err != nil {
			return err
		}
	}
	return nil
}

// merge writes what is in the file.
func (s *sorter) merge(out *bufio.Writer) error {
	err := s.spill()
	if err != nil {
		return fmt.Errorf("keep the index in a temporary file: %w", err)
	}
	s.run = nil // for the memory
	length := int64(s.atOnce * packedSize)
	runs := make(runHeap, s.runs)
	for i := range runs {
		// All together have as much memory as one run had, at least 4 kB each.
		in := bufio.NewReaderSize(io.NewSectionReader(s.file, int64(i)*length, length), max(4<<10, int(length)/s.runs))
		runs[i] = &sortedRun{in: in}
		if err := runs[i].next(); err != nil {
			return err
		}
	}
	for heap.Init(&runs); len(runs) > 0; {
		if _, err := out.Write(runs[0].head.appendLine(out.AvailableBuffer())); err != nil {
			return err
		}
		switch err := runs[0].next(); {
		case errors.Is(err, io.EOF):
			heap.Pop(&runs)
		case err != nil:
			return err
		default:
			heap.Fix(&runs, 0)
		}
	}
	return nil
}

// close drops the entries.
func (s *sorter) close() error {
	if s.file == nil {
		return nil
	}
	return s.file.Close()
}

// sortedRun is a run that is read from the file.
type sortedRun struct {
	in   *bufio.Reader
	head packed // the next entry
}

// next goes on to the next entry; after the last one it is [io.EOF].
func (r *sortedRun) next() error {
	_, err := io.ReadFull(r.in, r.head[:])
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("read the index back from a temporary file: %w", err)
	}
	return err
}

// runHeap has the run with the least entry first.
type runHeap []*sortedRun

// Len implements [heap.Interface].
func (h runHeap) Len() int { return len(h) }

// Less implements [heap.Interface].
func (h runHeap) Less(i, j int) bool { return comparePacked(h[i].head, h[j].head) < 0 }

// Swap implements [heap.Interface].
func (h runHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }

// Push implements [heap.Interface].
func (h *runHeap) Push(x any) { *h = append(*h, x.(*sortedRun)) }

// Pop implements [heap.Interface].
func (h *runHeap) Pop() any {
	old := *h
	last := old[len(old)-1]
	*h = old[:len(old)-1]
	return last
}
