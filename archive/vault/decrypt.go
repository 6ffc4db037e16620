package vault

import (
	"errors"
	"fmt"
	"io"

	"cvarchive/archive/seal"
	"cvarchive/manifest"
)

// decrypt puts what is encrypted in the place of what is stored, from an
// offset of it on.
func (f *ArchiveFile) decrypt(ids seal.Identities, from int64) error {
	plain, size, err := ids.DecryptReaderAt(f.ranges, f.size)
	if err != nil {
		return f.blame(err)
	}
	f.content, f.length = &decrypted{f.ranges, io.NewSectionReader(plain, from, size-from)}, size-from
	return nil
}

// decrypted tells errors of the store from those of what it holds.
type decrypted struct {
	stored *ranges
	plain  io.ReaderAt
}

// ReadAt implements [io.ReaderAt].
func (d *decrypted) ReadAt(p []byte, off int64) (int, error) {
	n, err := d.plain.ReadAt(p, off)
	if err == nil || errors.Is(err, io.EOF) {
		return n, err
	}
	return n, d.stored.blame(err)
}

// blame turns an error of decryption into one that says what to do.
func (f *ranges) blame(err error) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	_, locked := errors.AsType[*seal.LockedError](err)
	switch {
	case f.failed != nil || locked:
		return err
	case errors.Is(err, seal.ErrNoMatch):
		return &ArchiveError{Archive: f.name, Reason: "is encrypted to other keys than the vault, so it was not written here", Hint: hintRight, Err: err}
	}
	return &ArchiveError{Archive: f.name, Reason: "is damaged: it cannot be decrypted (" + err.Error() + ")", Hint: hintCopy}
}

// openObject decrypts an object while it is read, and checks it.
func (c *crypt) openObject(o manifest.Object, stored io.ReadCloser) (io.ReadCloser, error) {
	src := &source{ReadCloser: stored}
	blame := func(err error) error {
		_, locked := errors.AsType[*seal.LockedError](err)
		switch {
		case src.err != nil || locked:
			return err
		case errors.Is(err, seal.ErrNoMatch):
			return &ObjectError{Object: o, Reason: "is encrypted to other keys than the vault, so it was not written here", Err: err}
		}
		return &ObjectError{Object: o, Reason: "is damaged: it cannot be decrypted"}
	}
	plain, err := c.opener.Decrypt(src)
	if err != nil {
		err = blame(err)
		if src.err != nil {
			err = fmt.Errorf("read object %s: %w", o.SHA256, err)
		}
		return nil, errors.Join(err, stored.Close())
	}
	return Checked(o, &decrypting{Reader: plain, Closer: stored, blame: blame}), nil
}

// decrypting is an object that is decrypted while it is read.
type decrypting struct {
	io.Reader
	io.Closer
	blame func(error) error
}

// Read implements [io.Reader].
func (d *decrypting) Read(p []byte) (int, error) {
	n, err := d.Reader.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = d.blame(err)
	}
	return n, err
}
