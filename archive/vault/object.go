package vault

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"

	"cvarchive/manifest"
)

// PutObject stores an object unless the vault has it. It is durable when
// [Vault.Flush] returns, and before an archive or journal that is written
// through this Vault is. The body is read twice, first to make sure that it is the object,
// unless it has a method SHA256 that says so: a body of another size or digest
// is an [*ObjectError] and nothing is stored. So is an object that the vault has with another size.
func (v *Vault) PutObject(ctx context.Context, o manifest.Object, body io.ReadSeeker) (existed bool, err error) {
	if err := CheckObject(o); err != nil {
		return false, err
	}
	if err := checkBody(ctx, o, body); err != nil {
		return false, err
	}
	create := v.store.Create
	if b, ok := v.store.(Batcher); ok {
		create = b.CreateLater
	}
	err = create(ctx, v.ObjectName(o), body)
	if err == nil {
		return false, nil
	}
	if !errors.Is(err, fs.ErrExist) {
		return false, fmt.Errorf("store object %s: %w", o.SHA256, err)
	}
	has, err := v.KeepObject(ctx, o)
	if err == nil && !has {
		err = &ObjectError{Object: o, Reason: "was deleted while it was being stored; run again", Err: fs.ErrNotExist}
	}
	return has, err
}

// Flush returns when all objects that were put are durable.
func (v *Vault) Flush(ctx context.Context) error {
	if b, ok := v.store.(Batcher); ok {
		return b.Flush(ctx)
	}
	return nil
}

// checkBody reads the body to its end and back to its start, unless it was
// hashed when it came.
func checkBody(ctx context.Context, o manifest.Object, body io.ReadSeeker) error {
	if known, ok := body.(interface{ SHA256() manifest.Digest }); ok && known.SHA256() == o.SHA256 {
		if size, err := body.Seek(0, io.SeekEnd); err == nil && size == o.Size {
			return ctx.Err()
		}
	}
	if _, err := body.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("store object %s: %w", o.SHA256, err)
	}
	h := sha256.New()
	n, err := io.Copy(h, io.LimitReader(body, o.Size+1))
	if err != nil {
		return fmt.Errorf("store object %s: read it: %w", o.SHA256, err)
	}
	if n != o.Size {
		return &ObjectError{Object: o, Reason: fmt.Sprintf("was not stored: what was given is not %d bytes long", o.Size)}
	}
	if manifest.Digest(h.Sum(nil)) != o.SHA256 {
		return &ObjectError{Object: o, Reason: "was not stored: what was given has another digest"}
	}
	if _, err := body.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("store object %s: %w", o.SHA256, err)
	}
	return ctx.Err()
}

// HasObject reports whether the vault has an object, by name and size. One
// of another size is an [*ObjectError].
func (v *Vault) HasObject(ctx context.Context, o manifest.Object) (bool, error) {
	if err := CheckObject(o); err != nil {
		return false, err
	}
	info, err := v.store.Stat(ctx, v.ObjectName(o))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("look for object %s: %w", o.SHA256, err)
	}
	if info.Size != o.Size {
		return false, &ObjectError{Object: o, Reason: fmt.Sprintf("is damaged: it has %d bytes in %s instead of %d", info.Size, v, o.Size)}
	}
	return true, nil
}

// OpenObject reads an object. The reader checks as it goes: it never gives
// more than the object's size, and ends in [io.EOF] only when size and digest
// are right; otherwise in an [*ObjectError]. A missing object is an
// [*ObjectError] that is [fs.ErrNotExist].
func (v *Vault) OpenObject(ctx context.Context, o manifest.Object) (io.ReadCloser, error) {
	if err := CheckObject(o); err != nil {
		return nil, err
	}
	// One byte more than there should be shows trailing data.
	r, err := v.store.Open(ctx, v.ObjectName(o), 0, o.Size+1)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &ObjectError{Object: o, Reason: "is missing from " + v.String(), Err: fs.ErrNotExist}
	}
	if err != nil {
		return nil, fmt.Errorf("read object %s: %w", o.SHA256, err)
	}
	return &objectReader{ReadCloser: r, object: o, left: o.Size, hash: sha256.New()}, nil
}

// objectReader verifies what it passes on.
type objectReader struct {
	io.ReadCloser
	object manifest.Object
	left   int64
	hash   hash.Hash
	err    error // how the reading ended
}

func (r *objectReader) Read(p []byte) (int, error) {
	if r.err != nil {
		return 0, r.err
	}
	if len(p) == 0 {
		return 0, nil
	}
	if r.left == 0 {
		r.err = r.finish()
		return 0, r.err
	}
	n, err := r.ReadCloser.Read(p[:min(int64(len(p)), r.left)])
	r.hash.Write(p[:n])
	r.left -= int64(n)
	switch {
	case err == io.EOF && r.left > 0:
		r.err = &ObjectError{Object: r.object, Reason: fmt.Sprintf("is damaged: it ends %d bytes early", r.left), Err: io.ErrUnexpectedEOF}
	case err != nil && err != io.EOF:
		r.err = fmt.Errorf("read object %s: %w", r.object.SHA256, err)
	case r.left == 0:
		// Only the next call may say io.EOF, after looking at the digest.
		return n, nil
	}
	return n, r.err
}

// finish decides between [io.EOF] and an error.
func (r *objectReader) finish() error {
	var one [1]byte
	n, err := io.ReadFull(r.ReadCloser, one[:])
	switch {
	case n > 0:
		return &ObjectError{Object: r.object, Reason: "is damaged: it is longer than recorded"}
	case err != io.EOF:
		return fmt.Errorf("read object %s: %w", r.object.SHA256, err)
	case manifest.Digest(r.hash.Sum(nil)) != r.object.SHA256:
		return &ObjectError{Object: r.object, Reason: "is damaged: its bytes have another digest"}
	}
	return io.EOF
}
