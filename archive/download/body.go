package download

import (
	"bytes"
	"context"
	"crypto/md5"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"slices"

	"cvarchive/manifest"
)

const (
	// MaxImage and MaxModel bound what is accepted from the service, in
	// bytes.
	MaxImage = 64 << 20
	MaxModel = 4 << 30

	// memoryLimit is how much of one body is held in memory; what is
	// larger goes through a temporary file. Uploads are at most 6 MB, so
	// that images stay below it.
	memoryLimit = 8 << 20
	sniffLength = 512
)

// TooLargeError says that a body went past its limit.
type TooLargeError struct{ Limit int64 }

// Error implements error.
func (e *TooLargeError) Error() string {
	return fmt.Sprintf("is larger than the %d MiB that are accepted", e.Limit>>20)
}

// Body collects the bytes of one download and hashes them as they come. It
// is written front to back, however many attempts that takes.
type Body struct {
	dir     string // for the temporary file
	limit   int64
	size    int64
	hash    hash.Hash // SHA-256; nil: it is sum, as whoever gives the bytes checks
	sum     manifest.Digest
	sums    *sums     // nil: the MD5 is computed alone
	known   bool      // from the first byte on, what the MD5 should be
	md5     hash.Hash // of what goes through the file; nil unless known
	checked []byte    // the MD5 of all bytes, once it was computed
	shared  *Memory   // nil: memory is this body's own
	memory  []byte
	taken   int      // bytes of the shared memory
	file    *os.File // nil while everything is in memory
	tempErr error    // the temporary file failed: ours, not the service's
}

// NewBody returns an empty body of at most limit bytes. What does not stay in
// memory goes to a temporary file in dir.
func NewBody(dir string, limit int64) *Body {
	return &Body{dir: dir, limit: limit, hash: sha256.New()}
}

// NewChecked returns an empty body for an object whose bytes come from a reader
// that ends in [io.EOF] only when they are the object's, as that of
// [vault.Vault.OpenObject] does: they are not hashed again.
func (m *Memory) NewChecked(dir string, o manifest.Object) *Body {
	return &Body{dir: dir, limit: o.Size, sum: o.SHA256, shared: m}
}

// digest is that of the finished body.
func (b *Body) digest() manifest.Digest {
	if b.hash == nil {
		return b.sum
	}
	return manifest.Digest(b.hash.Sum(nil))
}

// Expect makes room for a body of a size, or of one that is not known (-1).
// It waits where memory is shared and none is left.
func (b *Body) Expect(ctx context.Context, size int64) (err error) {
	if size < 0 || size > memoryLimit {
		size = memoryLimit
	}
	switch {
	case b.shared != nil && b.taken == 0:
		b.memory, err = b.shared.take(ctx, int(size)+minRead)
		b.taken = cap(b.memory)
	case b.shared == nil && b.file == nil && size > b.size:
		b.memory = slices.Grow(b.memory, int(min(size, b.limit)-b.size)+minRead)
	}
	return err
}

// checkMD5 has the MD5 computed of a body that does not stay in memory, if
// this is asked for before its first byte.
func (b *Body) checkMD5() { b.known = b.known || b.size == 0 }

// A read brings so many bytes: few enough to be in the processor's cache when
// they are hashed right away, and more than none when there is room for an
// end of file only.
const (
	minRead = 512
	maxRead = 128 << 10
)

// ReadFrom implements [io.ReaderFrom]: what is read goes where it stays.
func (b *Body) ReadFrom(r io.Reader) (n int64, err error) {
	for {
		end := len(b.memory)
		b.memory = slices.Grow(b.memory, minRead)
		got, err := r.Read(b.memory[end:min(cap(b.memory), end+maxRead)])
		if got > 0 {
			if err := b.accept(b.memory[end:end+got], true); err != nil {
				return n, err
			}
			n += int64(got)
		}
		switch {
		case errors.Is(err, io.EOF):
			return n, nil
		case err != nil:
			return n, err
		}
	}
}

// Write implements [io.Writer].
func (b *Body) Write(p []byte) (int, error) {
	if err := b.accept(p, false); err != nil {
		return 0, err
	}
	return len(p), nil
}

// accept takes the next bytes. In place says that they follow those in memory.
func (b *Body) accept(p []byte, inPlace bool) error {
	if b.size+int64(len(p)) > b.limit {
		return &TooLargeError{b.limit}
	}
	if b.file == nil && b.size+int64(len(p)) > memoryLimit {
		b.tempErr = b.spill()
	}
	switch {
	case b.tempErr != nil:
	case b.file != nil:
		_, b.tempErr = b.file.Write(p)
	case inPlace:
		b.memory = b.memory[:len(b.memory)+len(p)]
	default:
		b.memory = append(b.memory, p...)
	}
	if b.tempErr != nil {
		return b.tempErr
	}
	if b.hash != nil {
		b.hash.Write(p)
	}
	if b.md5 != nil {
		b.md5.Write(p)
	}
	b.size += int64(len(p))
	return nil
}

// has reports whether the finished body has the given MD5, if there is one.
func (b *Body) has(sum []byte) bool {
	switch {
	case sum == nil:
		return true
	case b.file == nil:
		got := b.sums.of(b.memory)
		b.checked = got[:]
	case b.md5 == nil:
		return true
	default:
		b.checked = b.md5.Sum(nil)
	}
	return bytes.Equal(sum, b.checked)
}

// spill moves what is in memory to a temporary file.
func (b *Body) spill() error {
	f, err := os.CreateTemp(b.dir, "cvarchive-body-*")
	if err != nil {
		return fmt.Errorf("make a temporary file: %w", err)
	}
	b.file = f
	if _, err := f.Write(b.memory); err != nil {
		return fmt.Errorf("write a temporary file: %w", err)
	}
	if b.known {
		b.md5 = md5.New()
		b.md5.Write(b.memory)
	}
	b.memory = b.memory[:0] // what is read passes through it
	return nil
}

// Object describes the finished body; the extension is the sniffer's.
func (b *Body) Object() (manifest.Object, error) {
	head := make([]byte, min(b.size, sniffLength))
	if b.file == nil {
		copy(head, b.memory)
	} else if _, err := b.file.ReadAt(head, 0); err != nil {
		return manifest.Object{}, fmt.Errorf("read a temporary file: %w", err)
	}
	return manifest.Object{
		SHA256: b.digest(), Size: b.size, Ext: manifest.SniffExt(head),
	}, nil
}

// Reader reads the finished body from its start. Its bytes have been hashed
// already: it has methods SHA256 and MD5, so that nobody needs to do so again.
func (b *Body) Reader() io.ReadSeeker {
	d := digested{sum: b.digest(), md5: b.checked}
	if b.file == nil {
		return &memoryReader{bytes.NewReader(b.memory), d}
	}
	return &fileReader{io.NewSectionReader(b.file, 0, b.size), d}
}

type memoryReader struct {
	*bytes.Reader
	digested
}

type fileReader struct {
	*io.SectionReader
	digested
}

// digested is what is known of the bytes of a reader.
type digested struct {
	sum manifest.Digest
	md5 []byte // nil: not known
}

// SHA256 is the digest of all bytes.
func (d digested) SHA256() manifest.Digest { return d.sum }

// MD5 is that of all bytes, or nil where it was not computed.
func (d digested) MD5() []byte { return d.md5 }

// Failed returns what is wrong with the temporary file: with this machine,
// then, and not with the service. It is nil while nothing is.
func (b *Body) Failed() error { return b.tempErr }

// reset forgets what came, for a start from the front.
func (b *Body) reset() error {
	shared, sums := b.shared, b.sums
	err := b.Close()
	*b = *NewBody(b.dir, b.limit)
	b.shared, b.sums = shared, sums
	return err
}

// Close drops the bytes.
func (b *Body) Close() error {
	if b.taken > 0 {
		b.shared.give(b.memory, b.taken)
	}
	b.memory, b.taken = nil, 0
	if b.file == nil {
		return nil
	}
	return errors.Join(b.file.Close(), os.Remove(b.file.Name()))
}
