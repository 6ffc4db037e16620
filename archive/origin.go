package archive

import (
	"bytes"
	"context"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"

	"cvarchive/manifest"
)

// origin tells, by its beginning, whether a file that is not whole was ever
// an archive.
type origin int

const (
	isOther     origin = iota
	isTruncated        // so short that it may have been one
	isArchive
)

var zstdMagic = []byte{0x28, 0xb5, 0x2f, 0xfd}

// origin reads the first bytes: an archive opens with a frame of Zstandard
// that holds the tar header of README.
func (s *source) origin() (origin, error) {
	const look = 64 << 10
	head, err := s.read(0, int(min(s.size, look)), nil)
	if err != nil {
		return isOther, err
	}
	if n := min(len(head), len(zstdMagic)); !bytes.Equal(head[:n], zstdMagic[:n]) {
		return isOther, nil
	}
	dec, err := zstd.NewReader(bytes.NewReader(head), zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxFrame), zstd.WithDecoderLowmem(true))
	if err != nil {
		return isOther, nil
	}
	defer dec.Close()
	header := make([]byte, blockSize)
	n, err := io.ReadFull(dec, header)
	switch {
	case n == blockSize && bytes.HasPrefix(header, []byte(readmeName+"\x00")):
		return isArchive, nil
	case n == 0 && err != nil:
		return isTruncated, nil
	}
	return isOther, nil
}

// withoutTable says what is wrong with a file that does not end in a seek
// table.
func (s *source) withoutTable() error {
	if s.size == 0 {
		return &CorruptError{Truncated: true, Reason: "the file is empty"}
	}
	switch from, err := s.origin(); {
	case err != nil:
		return err
	case from == isArchive:
		return &CorruptError{Truncated: true, Reason: fmt.Sprintf("after %d bytes it ends without its index", s.size)}
	case from == isTruncated:
		return &CorruptError{Truncated: true, Reason: fmt.Sprintf("its %d bytes are not even enough to tell what it was", s.size)}
	}
	return ErrNotArchive
}

// findLast returns the content of the last member, if it has the given name,
// and the decompressed offset of its tar header. It walks the frames back from
// the end until one begins with that header and its content ends, with the
// tar, where the frames end.
func (s *source) findLast(ctx context.Context, name string) (content []byte, offset int64, err error) {
	total := s.total()
	const maxSteps = manifest.MaxManifest/minFrame + 1
	for i, steps := len(s.frames)-1, 0; i >= 0 && steps < maxSteps; i, steps = i-1, steps+1 {
		f := &s.frames[i]
		if total-f.start > manifest.MaxManifest+2*blockSize+endBlocks {
			break
		}
		if err := ctx.Err(); err != nil {
			return nil, 0, err
		}
		packed, err := s.read(f.offset, f.packed, nil)
		if err != nil {
			return nil, 0, err
		}
		head, err := s.decode(i, packed, nil)
		if err != nil {
			return nil, 0, err
		}
		size, ok := lastHeader(head, name)
		if !ok || f.start+blockSize+padded(size)+endBlocks != total {
			continue
		}
		rest := make([]byte, total-f.start)
		if _, err := io.ReadFull(s.stream(ctx, f.start, total), rest); err != nil {
			return nil, 0, err
		}
		if len(bytes.Trim(rest[blockSize+size:], "\x00")) > 0 {
			return nil, 0, corrupt(name, "something follows it")
		}
		return rest[blockSize : blockSize+size], f.start, nil
	}
	return nil, 0, nil
}
