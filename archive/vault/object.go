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
	err = v.createObject(ctx, o, body)
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

// createObject stores an object that was checked.
func (v *Vault) createObject(ctx context.Context, o manifest.Object, body io.ReadSeeker) error {
	create := v.store.Create
	if b, ok := v.store.(Batcher); ok {
		create = b.CreateLater
	}
	if !v.Encrypted() {
		return create(ctx, v.ObjectName(o), body)
	}
	if _, err := body.Seek(0, io.SeekStart); err != nil {
		return err
	}
	e, err := v.crypt.encrypt(body, o.Size)
	if err != nil {
		return err
	}
	defer e.close()
	return create(ctx, v.ObjectName(o), e)
}

// Stored returns an object as the store knows it: in an encrypted vault, by
// what stands for its digest, and with the size of what is encrypted.
// [Vault.ListObjects] yields the same.
func (v *Vault) Stored(o manifest.Object) manifest.Object {
	if !v.Encrypted() {
		return o
	}
	return manifest.Object{SHA256: v.crypt.hide(o), Size: v.crypt.to.SealedSize(o.Size), Ext: hiddenExt}
}

// hiddenExt stands for the extension of an object in an encrypted vault.
const hiddenExt = "age"

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
	_, has, err := v.statObject(ctx, o)
	return has, err
}

// statObject is [Vault.HasObject] with what the store says of the object.
func (v *Vault) statObject(ctx context.Context, o manifest.Object) (info Info, has bool, err error) {
	if err := CheckObject(o); err != nil {
		return info, false, err
	}
	info, err = v.store.Stat(ctx, v.ObjectName(o))
	if errors.Is(err, fs.ErrNotExist) {
		return info, false, nil
	}
	if err != nil {
		return info, false, fmt.Errorf("look for object %s: %w", o.SHA256, err)
	}
	if want := v.Stored(o).Size; info.Size != want {
		return info, false, &ObjectError{Object: o, Reason: fmt.Sprintf("is damaged: it has %d bytes in %s instead of %d", info.Size, v, want)}
	}
	return info, true, nil
}

// OpenObject reads an object. In an encrypted vault that takes an identity, and
// the error is a [*KeyError] without the right one. The reader checks as it goes: it never gives
// more than the object's size, and ends in [io.EOF] only when size and digest
// are right; otherwise in an [*ObjectError]. A missing object is an
// [*ObjectError] that is [fs.ErrNotExist].
func (v *Vault) OpenObject(ctx context.Context, o manifest.Object) (io.ReadCloser, error) {
	r, err := v.openStored(ctx, o)
	if err != nil {
		return nil, err
	}
	if v.Encrypted() {
		return v.crypt.openObject(o, r)
	}
	return Checked(o, r), nil
}

// openStored opens an object as it is stored, and as far as it may reach.
func (v *Vault) openStored(ctx context.Context, o manifest.Object) (io.ReadCloser, error) {
	if err := CheckObject(o); err != nil {
		return nil, err
	}
	if err := v.CanRead(); err != nil {
		return nil, fmt.Errorf("read object %s: %w", o.SHA256, err)
	}
	// One byte more than there should be shows trailing data.
	r, err := v.store.Open(ctx, v.ObjectName(o), 0, v.Stored(o).Size+1)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &ObjectError{Object: o, Reason: "is missing from " + v.String(), Err: fs.ErrNotExist}
	}
	if err != nil {
		return nil, fmt.Errorf("read object %s: %w", o.SHA256, err)
	}
	return r, nil
}

// endsEarly is the error of an object that lacks so many bytes.
func endsEarly(o manifest.Object, left int64) error {
	return &ObjectError{Object: o, Reason: fmt.Sprintf("is damaged: it ends %d bytes early", left), Err: io.ErrUnexpectedEOF}
}

// compare returns the error of an object with another digest than its own.
func compare(o manifest.Object, sum manifest.Digest) error {
	if sum == o.SHA256 {
		return nil
	}
	return &ObjectError{Object: o, Reason: "is damaged: its bytes have another digest"}
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
		r.err = endsEarly(r.object, r.left)
	case err != nil && err != io.EOF:
		r.err = r.failed(err)
	case r.left == 0:
		// Only the next call may say io.EOF, after looking at the digest.
		return n, nil
	}
	return n, r.err
}

// failed names the object unless the error does.
func (r *objectReader) failed(err error) error {
	if _, named := errors.AsType[*ObjectError](err); named {
		return err
	}
	return fmt.Errorf("read object %s: %w", r.object.SHA256, err)
}

// finish decides between [io.EOF] and an error.
func (r *objectReader) finish() error {
	var one [1]byte
	n, err := io.ReadFull(r.ReadCloser, one[:])
	switch {
	case n > 0:
		return &ObjectError{Object: r.object, Reason: "is damaged: it is longer than recorded"}
	case err != io.EOF:
		return r.failed(err)
	}
	if err := compare(r.object, manifest.Digest(r.hash.Sum(nil))); err != nil {
		return err
	}
	return io.EOF
}
