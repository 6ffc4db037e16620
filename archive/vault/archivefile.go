package vault

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"sync"

	"cvarchive/manifest/store"
)

const (
	blockSize   = 256 << 10 // bytes; what the reader of an archive asks for first
	cacheBlocks = 32        // 8 MiB
	maxRun      = 16        // blocks a request, 4 MiB
)

// ArchiveFile reads an archive by ranges: an [io.ReaderAt] that is safe for
// concurrent use. It asks the store for blocks, keeps the 8 MiB read last,
// and reads further ahead the longer reads go on in order: each request in a
// row is for twice as much, up to 4 MiB.
type ArchiveFile struct {
	*ranges
	content io.ReaderAt // of the archive: the ranges, or what they hold decrypted
	length  int64
	state   store.State
}

// State is what the store did to the archive when it was opened, such as a hold.
func (f *ArchiveFile) State() store.State { return f.state }

// Size returns the archive's length in bytes.
func (f *ArchiveFile) Size() int64 { return f.length }

// ReadAt implements [io.ReaderAt].
func (f *ArchiveFile) ReadAt(p []byte, off int64) (int, error) { return f.content.ReadAt(p, off) }

func newArchiveFile(ctx context.Context, s Store, name string, info Info) *ArchiveFile {
	r := newRanges(ctx, s, name, info)
	return &ArchiveFile{ranges: r, content: r, length: info.Size}
}

// ranges reads what is stored.
type ranges struct {
	name   string
	path   string
	size   int64
	store  Store
	ctx    context.Context // of every read; io.ReaderAt has no room for one
	cancel context.CancelFunc

	mu     sync.Mutex
	blocks map[int64]*block
	clock  int64 // counts uses of blocks
	failed error // the first of the store
	next   int64 // block after the last request
	run    int64 // blocks of the last request
}

type block struct {
	data []byte
	used int64
}

func newRanges(ctx context.Context, s Store, name string, info Info) *ranges {
	ctx, cancel := context.WithCancel(ctx)
	return &ranges{
		name: name, path: info.Name, size: info.Size, store: s, ctx: ctx, cancel: cancel,
		blocks: map[int64]*block{}, next: -1,
	}
}

// Close ends all reading.
func (f *ranges) Close() error {
	f.cancel()
	return nil
}

// ReadAt implements [io.ReaderAt].
func (f *ranges) ReadAt(p []byte, off int64) (n int, err error) {
	if off < 0 {
		return 0, fmt.Errorf("read archive %s: negative offset %d", f.name, off)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for n < len(p) {
		at := off + int64(n)
		if at >= f.size {
			return n, io.EOF
		}
		data, err := f.block(at/blockSize, (off+int64(len(p))-1)/blockSize)
		if err != nil {
			f.failed = cmp.Or(f.failed, err)
			return n, fmt.Errorf("read archive %s: %w", f.name, err)
		}
		n += copy(p[n:], data[at%blockSize:])
	}
	return n, nil
}

// block returns one block, reading it together with others when it is not in
// the cache: those up to last that are wanted anyway, and some ahead.
func (f *ranges) block(index, last int64) ([]byte, error) {
	f.clock++
	if b := f.blocks[index]; b != nil {
		b.used = f.clock
		return b.data, nil
	}
	ahead := int64(1)
	if index == f.next {
		ahead = 2 * f.run
	}
	count := min(max(last-index+1, ahead), maxRun, (f.size-1)/blockSize-index+1)
	for i := int64(1); i < count; i++ {
		if f.blocks[index+i] != nil {
			count = i
		}
	}
	if err := f.fetch(index, count); err != nil {
		return nil, err
	}
	f.next, f.run = index+count, count
	return f.blocks[index].data, nil
}

// fetch reads count blocks with one request. Each block has memory of its
// own, so that dropping one frees it.
func (f *ranges) fetch(index, count int64) error {
	start := index * blockSize
	length := min(count*blockSize, f.size-start)
	r, err := f.store.Open(f.ctx, f.path, start, length)
	if errors.Is(err, fs.ErrNotExist) {
		return errGone(f.name, f.store)
	}
	if err != nil {
		return err
	}
	f.makeRoom(int(count))
	for i := index; err == nil && i < index+count; i++ {
		data := make([]byte, min(blockSize, length-(i-index)*blockSize))
		if _, err = io.ReadFull(r, data); err == nil {
			f.blocks[i] = &block{data: data, used: f.clock}
		}
	}
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		err = fmt.Errorf("it is shorter than its %d bytes: %w", f.size, io.ErrUnexpectedEOF)
	}
	return errors.Join(err, r.Close())
}

// makeRoom drops the blocks whose last use is longest ago.
func (f *ranges) makeRoom(count int) {
	for len(f.blocks)+count > cacheBlocks {
		oldest := int64(-1)
		for i, b := range f.blocks {
			if oldest < 0 || b.used < f.blocks[oldest].used {
				oldest = i
			}
		}
		delete(f.blocks, oldest)
	}
}

var _ io.ReaderAt = (*ArchiveFile)(nil)
