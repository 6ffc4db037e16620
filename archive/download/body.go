package download

import (
	"bytes"
	"crypto/md5"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"

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
	hash    hash.Hash // SHA-256
	md5     hash.Hash // what storage keeps of its blobs
	memory  bytes.Buffer
	file    *os.File // nil while everything is in memory
	tempErr error    // the temporary file failed: ours, not the service's
}

// NewBody returns an empty body of at most limit bytes. What does not stay in
// memory goes to a temporary file in dir.
func NewBody(dir string, limit int64) *Body {
	return &Body{dir: dir, limit: limit, hash: sha256.New(), md5: md5.New()}
}

// expect makes room for a body of a known size.
func (b *Body) expect(size int64) {
	if size > b.size && size <= memoryLimit {
		b.memory.Grow(int(size - b.size))
	}
}

// Write implements [io.Writer].
func (b *Body) Write(p []byte) (int, error) {
	if b.size+int64(len(p)) > b.limit {
		return 0, &TooLargeError{b.limit}
	}
	if b.file == nil && b.size+int64(len(p)) > memoryLimit {
		b.tempErr = b.spill()
	}
	if b.tempErr == nil && b.file != nil {
		_, b.tempErr = b.file.Write(p)
	}
	if b.tempErr != nil {
		return 0, b.tempErr
	}
	if b.file == nil {
		b.memory.Write(p)
	}
	b.hash.Write(p)
	b.md5.Write(p)
	b.size += int64(len(p))
	return len(p), nil
}

// has reports whether the body has the given MD5, if there is one.
func (b *Body) has(sum []byte) bool { return sum == nil || bytes.Equal(sum, b.md5.Sum(nil)) }

// spill moves what is in memory to a temporary file.
func (b *Body) spill() error {
	f, err := os.CreateTemp(b.dir, "cvarchive-body-*")
	if err != nil {
		return fmt.Errorf("make a temporary file: %w", err)
	}
	b.file = f
	if _, err := f.Write(b.memory.Bytes()); err != nil {
		return fmt.Errorf("write a temporary file: %w", err)
	}
	b.memory = bytes.Buffer{}
	return nil
}

// Object describes the finished body; the extension is the sniffer's.
func (b *Body) Object() (manifest.Object, error) {
	head := make([]byte, min(b.size, sniffLength))
	if b.file == nil {
		copy(head, b.memory.Bytes())
	} else if _, err := b.file.ReadAt(head, 0); err != nil {
		return manifest.Object{}, fmt.Errorf("read a temporary file: %w", err)
	}
	return manifest.Object{
		SHA256: manifest.Digest(b.hash.Sum(nil)), Size: b.size, Ext: manifest.SniffExt(head),
	}, nil
}

// Reader reads the finished body from its start.
func (b *Body) Reader() io.ReadSeeker {
	if b.file == nil {
		return bytes.NewReader(b.memory.Bytes())
	}
	return io.NewSectionReader(b.file, 0, b.size)
}

// Failed returns what is wrong with the temporary file: with this machine,
// then, and not with the service. It is nil while nothing is.
func (b *Body) Failed() error { return b.tempErr }

// reset forgets what came, for a start from the front.
func (b *Body) reset() error {
	err := b.Close()
	*b = *NewBody(b.dir, b.limit)
	return err
}

// Close drops the temporary file, if there is one.
func (b *Body) Close() error {
	if b.file == nil {
		return nil
	}
	return errors.Join(b.file.Close(), os.Remove(b.file.Name()))
}
