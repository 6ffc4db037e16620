package vault

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"

	"cvarchive/manifest"
)

// ReadObjects reads objects to their ends and tells what is wrong with each:
// nothing, or what [Vault.OpenObject] or its reader would say. What is smaller
// than the buffer, of a byte at least, is read with as few calls as the store allows. The first that
// fails for a reason that is not its own is the last: what is told is as long as
// what was tried.
func (v *Vault) ReadObjects(ctx context.Context, objects []manifest.Object, buffer []byte) []error {
	wrong := make([]error, 0, len(objects))
	for _, o := range objects {
		read := v.readObject
		if v.Encrypted() || o.Size >= int64(len(buffer)) {
			read = v.streamObject
		}
		err := read(ctx, o, buffer)
		wrong = append(wrong, err)
		if _, own := errors.AsType[*ObjectError](err); err != nil && !own {
			break
		}
	}
	return wrong
}

// streamObject reads an object of any size.
func (v *Vault) streamObject(ctx context.Context, o manifest.Object, buffer []byte) error {
	r, err := v.OpenObject(ctx, o)
	if err != nil {
		return err
	}
	_, err = io.CopyBuffer(onlyWriter{io.Discard}, r, buffer)
	return errors.Join(err, r.Close())
}

// onlyWriter hides that a writer reads by itself, through a buffer of its own.
type onlyWriter struct{ io.Writer }

// readObject reads an object that the buffer has room for, and a byte more.
func (v *Vault) readObject(ctx context.Context, o manifest.Object, buffer []byte) error {
	r, err := v.openStored(ctx, o)
	if err != nil {
		return err
	}
	n, err := fillFrom(r, buffer[:o.Size+1])
	switch {
	case n > o.Size:
		err = &ObjectError{Object: o, Reason: "is damaged: it is longer than recorded"}
	case err != nil:
		err = fmt.Errorf("read object %s: %w", o.SHA256, err)
	case n < o.Size:
		err = endsEarly(o, o.Size-n)
	default:
		err = compare(o, sha256.Sum256(buffer[:n]))
	}
	return errors.Join(err, r.Close())
}

// fillFrom reads until the buffer is full or r ends, which is no error; unlike
// [io.ReadFull] it does not take a connection that broke for an end.
func fillFrom(r io.Reader, buffer []byte) (n int64, err error) {
	for n < int64(len(buffer)) {
		m, err := r.Read(buffer[n:])
		n += int64(m)
		if err == io.EOF {
			return n, nil
		}
		if err != nil {
			return n, err
		}
	}
	return n, nil
}
