package vault

import (
	"context"
	"errors"
	"fmt"
	"io"

	"cvarchive/archive/digest"
	"cvarchive/manifest"
)

// whole is how large an object may be to be read whole, before it is hashed.
const whole = 128 << 10

// ReadObjects reads objects to their ends and tells what is wrong with each:
// nothing, or what [Vault.OpenObject] or its reader would say. Many small ones
// that fit into the buffer, of a byte at least, are hashed together, which takes
// less time. The first that fails for a reason that is not its own is the last:
// what is told is as long as what was tried.
func (v *Vault) ReadObjects(ctx context.Context, objects []manifest.Object, buffer []byte) []error {
	wrong := make([]error, len(objects))
	todo := unhashed{objects: objects, wrong: wrong}
	free := buffer
	for i, o := range objects {
		small := !v.Encrypted() && o.Size < whole && o.Size < int64(len(buffer))
		if small && o.Size >= int64(len(free)) || !small && len(free) < min(whole, len(buffer)) {
			todo.hash()
			free = buffer
		}
		if !small {
			wrong[i] = v.streamObject(ctx, o, free[:min(whole, len(free))])
		} else if wrong[i] = v.readObject(ctx, o, free); wrong[i] == nil {
			todo.add(i, free[:o.Size])
			free = free[o.Size:]
		}
		if _, own := errors.AsType[*ObjectError](wrong[i]); wrong[i] != nil && !own {
			wrong = wrong[:i+1]
			break
		}
	}
	todo.hash()
	return wrong
}

// unhashed are objects that have been read.
type unhashed struct {
	objects []manifest.Object
	wrong   []error // by object

	which []int // of the objects
	data  [][]byte
	sums  []manifest.Digest
}

func (u *unhashed) add(i int, data []byte) {
	u.which, u.data, u.sums = append(u.which, i), append(u.data, data), append(u.sums, manifest.Digest{})
}

// hash finds out which of them are as they should be, and forgets them.
func (u *unhashed) hash() {
	digest.SHA256(u.sums, u.data)
	for at, i := range u.which {
		u.wrong[i] = compare(u.objects[i], u.sums[at])
	}
	u.which, u.data, u.sums = u.which[:0], u.data[:0], u.sums[:0]
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

// readObject reads an object to the start of a buffer that has room for it and
// for a byte more. It does not look at the digest.
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
