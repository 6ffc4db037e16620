package vault

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"cvarchive/archive/seal"
)

// errNotDecrypted means that a small file is not as it was encrypted.
var errNotDecrypted = errors.New("it cannot be decrypted")

// create stores a small file that backups read without an identity: in an
// encrypted vault it is encrypted to the naming key.
func (v *Vault) create(ctx context.Context, name string, text []byte) error {
	if !v.Encrypted() {
		return v.store.Create(ctx, name, bytes.NewReader(text))
	}
	var b bytes.Buffer
	if err := sealTo(&b, v.crypt.naming.To, bytes.NewReader(text)); err != nil {
		return err
	}
	return v.store.Create(ctx, name, bytes.NewReader(b.Bytes()))
}

// read reads a file that [Vault.create] stored: at most limit bytes, and one
// more to show that there are more.
func (v *Vault) read(ctx context.Context, name string, limit int64) ([]byte, error) {
	length := limit + 1
	if v.Encrypted() {
		length = v.crypt.naming.To.SealedSize(length)
	}
	r, err := v.store.Open(ctx, name, 0, length)
	if err != nil {
		return nil, err
	}
	src := &source{ReadCloser: r}
	var plain io.Reader = src
	if v.Encrypted() {
		plain, err = v.crypt.naming.Opener.Decrypt(src)
	}
	var text []byte
	if err == nil {
		text, err = io.ReadAll(io.LimitReader(plain, limit+1))
	}
	if err != nil && v.Encrypted() && src.err == nil {
		err = fmt.Errorf("%w: %w", errNotDecrypted, err)
	}
	return text, errors.Join(err, r.Close())
}

// Notes is where flows keep notes of work under way: the vault's store, but
// what is written through it is encrypted where the vault is, to the naming
// key. Files are read from their start only.
func (v *Vault) Notes() Store {
	if !v.Encrypted() {
		return v.store
	}
	return &notes{Store: v.store, key: v.crypt.naming}
}

// notes encrypts what it stores.
type notes struct {
	Store
	key seal.Key
}

// Create encrypts what is small enough to be held in memory.
func (n *notes) Create(ctx context.Context, name string, body io.ReadSeeker) error {
	var b bytes.Buffer
	if err := sealTo(&b, n.key.To, body); err != nil {
		return err
	}
	return n.Store.Create(ctx, name, bytes.NewReader(b.Bytes()))
}

// Open decrypts what [notes.Create] stored.
func (n *notes) Open(ctx context.Context, name string, offset, length int64) (io.ReadCloser, error) {
	if offset != 0 {
		return nil, fmt.Errorf("read %s: notes are read from their start", name)
	}
	r, err := n.Store.Open(ctx, name, 0, -1)
	if err != nil {
		return nil, err
	}
	plain, err := n.key.Opener.Decrypt(r)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("read %s: %w", name, errNotDecrypted), r.Close())
	}
	if length >= 0 {
		plain = io.LimitReader(plain, length)
	}
	return &decrypting{Reader: plain, Closer: r, blame: func(err error) error { return fmt.Errorf("read %s: %w", name, err) }}, nil
}
