package vault

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	"cvarchive/archive/seal"
)

// inMemory is how much of what is encrypted is held in memory until it is
// stored; what is larger goes through a temporary file.
const inMemory = 8 << 20

// encrypted is something encrypted that is at hand, to be stored.
type encrypted struct {
	io.ReadSeeker
	close func()
}

// encrypt encrypts content of a known size.
func (c *crypt) encrypt(content io.Reader, size int64) (*encrypted, error) {
	if sealed := c.to.SealedSize(size); sealed <= inMemory {
		b := bytes.NewBuffer(make([]byte, 0, sealed))
		if err := sealTo(b, c.to, content); err != nil {
			return nil, err
		}
		return &encrypted{bytes.NewReader(b.Bytes()), func() {}}, nil
	}
	f, remove, err := c.tempFile()
	if err != nil {
		return nil, err
	}
	if err = sealTo(f, c.to, content); err == nil {
		_, err = f.Seek(0, io.SeekStart)
	}
	if err != nil {
		remove()
		return nil, err
	}
	return &encrypted{f, remove}, nil
}

func sealTo(dst io.Writer, to seal.Recipients, content io.Reader) error {
	w, err := to.Encrypt(dst)
	if err == nil {
		_, err = io.Copy(w, content)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		return fmt.Errorf("encrypt: %w", err)
	}
	return nil
}

func (c *crypt) tempFile() (f *os.File, remove func(), err error) {
	if f, err = os.CreateTemp(c.tempDir, "cvarchive-*.age"); err != nil {
		return nil, nil, fmt.Errorf("make a temporary file for what is encrypted: %w", err)
	}
	os.Remove(f.Name()) // at once, where the system allows it
	return f, func() {
		f.Close()
		os.Remove(f.Name())
	}, nil
}

// source passes on what a store gives, and remembers when that failed: the
// error is then the store's, and not one of what it holds.
type source struct {
	io.ReadCloser
	err error
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.ReadCloser.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		s.err = err
	}
	return n, err
}
