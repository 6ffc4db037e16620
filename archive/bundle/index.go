package bundle

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"io/fs"
	"math"
	"slices"
	"strconv"
	"sync"

	"cvarchive/archive"
	"cvarchive/archive/vault"
	"cvarchive/manifest"
)

// indexBlock is how many bytes of the index are read to find one line of it.
const indexBlock = 64 << 10

// index finds objects by the index of a bundle. When it is asked for the first
// time it reads all of that and checks it, and remembers where each block of
// it starts: 40 bytes for some 750 objects. It is safe for concurrent use.
type index struct {
	container *archive.Container
	member    manifest.Member
	lines     io.ReaderAt
	seed      maphash.Seed // of places

	mu     sync.Mutex
	done   bool    // blocks and err are there
	blocks []block // in the order of their digests
	err    error
	sum    uint64 // of the places of all objects
	buffer []byte // for a block
}

// block is a part of the index.
type block struct {
	first manifest.Digest // of its first line
	start int64
}

// openIndex checks that there is an index.
func openIndex(ctx context.Context, c *archive.Container, m manifest.Member, seed maphash.Seed) (*index, error) {
	lines, err := c.Section(ctx, m)
	if err != nil {
		return nil, err
	}
	return &index{container: c, member: m, lines: lines, seed: seed}, nil
}

// find returns the offset of an object.
func (x *index) find(ctx context.Context, o manifest.Object) (offset int64, err error) {
	blocks, err := x.table(ctx)
	if err != nil {
		return 0, err
	}
	e, found, err := x.lookUp(blocks, o.SHA256)
	switch {
	case err != nil:
		return 0, err
	case !found:
		return 0, &vault.ObjectError{Object: o, Reason: "is not in the bundle", Err: fs.ErrNotExist}
	case e.Object != o:
		return 0, &vault.ObjectError{Object: o, Reason: fmt.Sprintf("is in the bundle with %d bytes as %s", e.Size, e.Ext)}
	}
	return e.offset, nil
}

// table returns where blocks start. What is wrong with the index is found out
// once.
func (x *index) table(ctx context.Context) ([]block, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if !x.done {
		x.blocks, x.err = x.read(ctx)
		x.done = ctx.Err() == nil
	}
	return x.blocks, x.err
}

// read reads the whole index.
func (x *index) read(ctx context.Context) ([]block, error) {
	r, err := x.container.Open(ctx, x.member)
	if err != nil {
		return nil, err
	}
	h := sha256.New()
	in := bufio.NewReaderSize(io.TeeReader(r, h), indexBlock)
	var blocks []block
	var e entry
	var previous manifest.Digest // none is zero
	x.sum = 0
	for at, n := int64(0), 1; ; n++ {
		line, err := in.ReadSlice('\n')
		if errors.Is(err, io.EOF) && len(line) == 0 {
			break
		}
		if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, bufio.ErrBufferFull) {
			return nil, err
		}
		if err != nil || !e.parse(line) || bytes.Compare(previous[:], e.SHA256[:]) >= 0 {
			return nil, damaged(indexName, "line %d is not as it must be", n)
		}
		if len(blocks) == 0 || at+int64(len(line))-blocks[len(blocks)-1].start > indexBlock {
			blocks = append(blocks, block{e.SHA256, at})
		}
		at += int64(len(line))
		x.sum += maphash.Bytes(x.seed, line)
		previous = e.SHA256
	}
	if manifest.Digest(h.Sum(nil)) != x.member.SHA256 {
		return nil, damaged(indexName, "its SHA-256 is not that of %s", lastName)
	}
	return blocks, nil
}

// lookUp reads the block that has a digest, if any has.
func (x *index) lookUp(blocks []block, d manifest.Digest) (e entry, found bool, err error) {
	i, here := slices.BinarySearchFunc(blocks, d, func(b block, d manifest.Digest) int { return bytes.Compare(b.first[:], d[:]) })
	if !here {
		i--
	}
	if i < 0 {
		return e, false, nil
	}
	end := x.member.Size
	if i+1 < len(blocks) {
		end = blocks[i+1].start
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.buffer = slices.Grow(x.buffer[:0], indexBlock)[:end-blocks[i].start]
	if n, err := x.lines.ReadAt(x.buffer, blocks[i].start); n < len(x.buffer) {
		return e, false, err
	}
	start := append(hex.AppendEncode(nil, d[:]), ' ')
	for line := range bytes.Lines(x.buffer) {
		if !bytes.HasPrefix(line, start) {
			continue
		}
		if !e.parse(line) { // it was another when all was checked
			return e, false, damaged(indexName, "the line of %s is not as it must be", d)
		}
		return e, true, nil
	}
	return e, false, nil
}

// entry is one line of the index.
type entry struct {
	manifest.Object
	offset int64 // of its header in the decompressed tar
}

// parse reads a line and its newline, and reports whether it is one. It makes
// no garbage where the extension is that of the line before.
func (e *entry) parse(line []byte) bool {
	line, whole := bytes.CutSuffix(line, []byte("\n"))
	digest, line, _ := bytes.Cut(line, []byte(" "))
	size, line, _ := bytes.Cut(line, []byte(" "))
	ext, offset, _ := bytes.Cut(line, []byte(" "))
	if !whole || e.SHA256.UnmarshalText(digest) != nil {
		return false
	}
	var err1, err2 error
	e.Size, err1 = strconv.ParseInt(string(size), 10, 64)
	e.offset, err2 = strconv.ParseInt(string(offset), 10, 64)
	if err1 != nil || err2 != nil || e.offset < 0 || e.offset >= math.MaxInt64/2 {
		return false
	}
	if e.Ext == string(ext) && e.Size >= 0 && !e.SHA256.IsZero() {
		return true // as the one before, which was checked
	}
	e.Ext = string(ext)
	return vault.CheckObject(e.Object) == nil
}
