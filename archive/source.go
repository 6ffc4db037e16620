package archive

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"sort"

	"github.com/cespare/xxhash/v2"
	"github.com/klauspost/compress/zstd"
)

const (
	tailSize  = 256 << 10 // the first read; serves a small archive whole
	batchSize = 1 << 20   // compressed bytes a read, while streaming
)

// source is the file under a reader: its end, which was read first and is
// kept, and its frames. It is safe for concurrent use.
type source struct {
	file   io.ReaderAt
	size   int64
	tail   []byte
	frames []frame // the check frame excluded
	check  frame
	table  []byte
	dec    *zstd.Decoder
	cache  *frameCache // nil: nothing is read twice
}

// openSource reads the tail and the seek table.
func openSource(file io.ReaderAt, size int64) (*source, error) {
	dec, err := zstd.NewReader(nil,
		zstd.WithDecoderConcurrency(min(4, runtime.GOMAXPROCS(0))),
		zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxMemory(maxFrame),
		zstd.WithDecoderMaxWindow(maxFrame))
	if err != nil {
		return nil, err
	}
	s := &source{file: file, size: size, dec: dec}
	if s.tail, err = s.read(max(0, size-tailSize), int(min(size, tailSize)), nil); err != nil {
		return nil, err
	}
	tableLen, ok := tableSize(s.tail)
	if !ok {
		return nil, s.withoutTable()
	}
	if tableLen > size || tableLen > maxTable {
		return nil, corrupt("", "its index says that it has %d bytes", tableLen)
	}
	if s.table, err = s.read(size-tableLen, int(tableLen), nil); err != nil {
		return nil, err
	}
	frames, bad := parseTable(s.table, size)
	if bad != nil {
		switch from, err := s.origin(); {
		case err != nil:
			return nil, err
		case from == isOther:
			return nil, ErrNotArchive
		}
		return nil, corrupt("", "its index is wrong: %v", bad)
	}
	s.frames, s.check = frames[:len(frames)-1], frames[len(frames)-1]
	return s, nil
}

// read returns bytes of the file, from the tail when it has them; into is
// used when it is large enough.
func (s *source) read(offset int64, n int, into []byte) ([]byte, error) {
	if from := offset - (s.size - int64(len(s.tail))); s.tail != nil && from >= 0 {
		return s.tail[from : from+int64(n)], nil
	}
	into = slices.Grow(into[:0], n)[:n]
	got, err := s.file.ReadAt(into, offset)
	switch {
	case got == n:
		return into, nil
	case err == nil, errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return nil, &CorruptError{Truncated: true, Reason: fmt.Sprintf("it ends after %d of %d bytes", offset+int64(got), s.size)}
	}
	return nil, fmt.Errorf("read the archive at byte %d: %w", offset, err)
}

// total returns the number of decompressed bytes.
func (s *source) total() int64 { return s.frames[len(s.frames)-1].end() }

// frameAt returns the index of the frame that holds a decompressed offset.
func (s *source) frameAt(offset int64) int {
	return sort.Search(len(s.frames), func(i int) bool { return s.frames[i].end() > offset })
}

// decode decompresses a frame and checks it against the table.
func (s *source) decode(i int, packed, into []byte) ([]byte, error) {
	f := &s.frames[i]
	out, err := s.dec.DecodeAll(packed, into[:0])
	switch {
	case err != nil:
		return nil, corrupt("", "frame %d at byte %d does not decompress: %v", i, f.offset, err)
	case len(out) != f.size:
		return nil, corrupt("", "frame %d at byte %d holds %d bytes, the index says %d", i, f.offset, len(out), f.size)
	case uint32(xxhash.Sum64(out)) != f.checksum:
		return nil, corrupt("", "frame %d at byte %d does not have the checksum of the index", i, f.offset)
	}
	return out, nil
}

// stream reads decompressed bytes from offset to end.
func (s *source) stream(ctx context.Context, offset, end int64) *stream {
	first := s.frameAt(offset)
	st := &stream{ctx: ctx, src: s, next: first, skip: offset, begin: offset, end: end}
	if first < len(s.frames) {
		st.skip -= s.frames[first].start
	}
	return st
}

// stream is an [io.Reader] over consecutive frames. It reads several frames
// at once and holds one of them decompressed.
type stream struct {
	ctx   context.Context
	src   *source
	next  int   // frame to decompress next
	skip  int64 // bytes to drop of it
	begin int64
	end   int64 // decompressed offset at which it stops

	batch  []byte                           // compressed frames from batchAt to next
	buf    []byte                           // backs batch
	plain  []byte                           // backs rest
	rest   []byte                           // decompressed, not yet read
	packed func(offset int64, frame []byte) // if set, sees every frame as it is in the file
}

// Read implements [io.Reader].
func (s *stream) Read(p []byte) (int, error) {
	for len(s.rest) == 0 {
		if s.next >= len(s.src.frames) || s.src.frames[s.next].start >= s.end {
			return 0, io.EOF
		}
		if err := s.advance(); err != nil {
			return 0, err
		}
	}
	n := copy(p, s.rest)
	s.rest = s.rest[n:]
	return n, nil
}

// advance decompresses the next frame.
func (s *stream) advance() error {
	if err := s.ctx.Err(); err != nil {
		return err
	}
	f := &s.src.frames[s.next]
	plain, err := s.frame(f)
	if err != nil {
		return err
	}
	s.next++
	s.rest = plain[min(s.skip, int64(len(plain))):]
	s.skip = 0
	if over := f.end() - s.end; over > 0 {
		s.rest = s.rest[:max(0, int64(len(s.rest))-over)]
	}
	return nil
}

// frame returns the next frame, decompressed. One that is not read to its ends
// is somebody else's too.
func (s *stream) frame(f *frame) ([]byte, error) {
	if s.src.cache != nil && (f.start < s.begin || f.end() > s.end) {
		s.batch = s.batch[min(f.packed, len(s.batch)):]
		index := s.next
		return s.src.cache.get(index, func() ([]byte, error) { return s.src.cache.whole(s.src, index) })
	}
	if len(s.batch) == 0 {
		if err := s.fill(); err != nil {
			return nil, err
		}
	}
	packed := s.batch[:f.packed]
	s.batch = s.batch[f.packed:]
	if s.packed != nil {
		s.packed(f.offset, packed)
	}
	plain, err := s.src.decode(s.next, packed, s.plain)
	if err == nil {
		s.plain = plain
	}
	return plain, err
}

// fill reads the next frames, as many as fit a batch and are wanted.
func (s *stream) fill() error {
	frames := s.src.frames
	last, n := s.next, frames[s.next].packed
	for last+1 < len(frames) && frames[last+1].start < s.end && n+frames[last+1].packed <= batchSize {
		last++
		n += frames[last].packed
	}
	batch, err := s.src.read(frames[s.next].offset, n, s.buf)
	if err != nil {
		return err
	}
	s.batch = batch
	if cap(batch) > cap(s.buf) && !s.src.inTail(frames[s.next].offset) {
		s.buf = batch
	}
	return nil
}

// inTail reports whether read serves an offset from the tail.
func (s *source) inTail(offset int64) bool { return offset >= s.size-int64(len(s.tail)) }
