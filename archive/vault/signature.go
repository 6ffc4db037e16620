package vault

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
)

const (
	signatureSuffix = ".sig"
	maxSignature    = 64 << 10 // bytes
)

// Signer signs archives as they are stored.
type Signer interface {
	// Sign reads content to its end and returns what is stored beside it.
	Sign(ctx context.Context, content io.Reader) ([]byte, error)
}

// Signing returns the same vault with a signer: what is committed to it is
// signed. Its signature is stored first, so that an archive that is listed has
// it; a crash in between leaves a signature of nothing, which a prune removes.
func (v *Vault) Signing(s Signer) *Vault {
	signing := *v
	signing.signer = s
	return &signing
}

// UnsignedError means that an archive was committed, and that it could not be
// signed.
type UnsignedError struct {
	Archive Archive
	Err     error
}

// Error says what to do.
func (e *UnsignedError) Error() string {
	return fmt.Sprintf("archive %s was stored and is not signed: %v; `cvarchive sign %s` signs it when that is mended", e.Archive.Name, e.Err, e.Archive.Name)
}

// Unwrap returns the cause.
func (e *UnsignedError) Unwrap() error { return e.Err }

// SignaturePath is the name in the store of the archive's signature, whether
// there is one or not.
func (a Archive) SignaturePath() string { return a.Path + signatureSuffix }

// Signature returns the signature of an archive; without one the error is
// [fs.ErrNotExist].
func (v *Vault) Signature(ctx context.Context, a Archive) ([]byte, error) {
	sig, err := v.readSignature(ctx, a)
	if err != nil {
		return nil, fmt.Errorf("read the signature of archive %s: %w", a.Name, err)
	}
	return sig, nil
}

func (v *Vault) readSignature(ctx context.Context, a Archive) ([]byte, error) {
	r, err := v.store.Open(ctx, a.SignaturePath(), 0, maxSignature+1)
	if err != nil {
		return nil, err
	}
	sig, err := io.ReadAll(io.LimitReader(r, maxSignature+1))
	if err = errors.Join(err, r.Close()); err != nil {
		return nil, err
	}
	if len(sig) > maxSignature {
		return nil, fmt.Errorf("it has more than %d KiB, which no signature has", maxSignature>>10)
	}
	return sig, nil
}

// PutSignature stores the signature of an archive, which may be committed
// later. One that is there already is an error, [fs.ErrExist], unless it is the
// same, or there is no archive that it could be of.
func (v *Vault) PutSignature(ctx context.Context, a Archive, sig []byte) error {
	a = v.own(a)
	err := v.store.Create(ctx, a.SignaturePath(), bytes.NewReader(sig))
	if errors.Is(err, fs.ErrExist) {
		err = v.resolveSignature(ctx, a, sig, err)
	}
	if err != nil {
		return fmt.Errorf("store the signature of archive %s: %w", a.Name, err)
	}
	return nil
}

func (v *Vault) resolveSignature(ctx context.Context, a Archive, sig []byte, taken error) error {
	old, err := v.readSignature(ctx, a)
	if err == nil && bytes.Equal(old, sig) {
		return nil
	}
	if _, err := v.store.Stat(ctx, a.Path); !errors.Is(err, fs.ErrNotExist) {
		return errors.Join(taken, err)
	}
	// Left by a commit that did not come to its end.
	if err := v.Discard(ctx, a.SignaturePath()); err != nil {
		return err
	}
	return v.store.Create(ctx, a.SignaturePath(), bytes.NewReader(sig))
}

// ReplaceSignature is [Vault.PutSignature] for an archive that has another
// one.
func (v *Vault) ReplaceSignature(ctx context.Context, a Archive, sig []byte) error {
	if err := v.Discard(ctx, a.SignaturePath()); err != nil {
		return fmt.Errorf("replace the signature of archive %s: %w", a.Name, err)
	}
	return v.PutSignature(ctx, a, sig)
}

// OpenSigned reads the bytes that a signature is of: those of the archive, in an
// encrypted vault too, so that a signature stays good wherever the archive is
// copied. There that takes an identity.
func (v *Vault) OpenSigned(ctx context.Context, a Archive) (io.ReadCloser, error) {
	f, err := v.OpenArchive(ctx, a)
	if err != nil {
		return nil, err
	}
	return struct {
		io.Reader
		io.Closer
	}{io.NewSectionReader(f, 0, f.Size()), f}, nil
}

// sign signs what is about to be stored, unless the archive is there, which
// storing it will tell.
func (v *Vault) sign(ctx context.Context, a Archive, body io.ReadSeeker) error {
	if _, err := v.store.Stat(ctx, a.Path); err == nil {
		return fs.ErrExist
	}
	sig, err := v.signer.Sign(ctx, body)
	if err != nil {
		return err
	}
	return v.PutSignature(ctx, a, sig)
}

// parseSignature reads the name of a signature back as that of its archive;
// ok is false when it is none.
func (v *Vault) parseSignature(name string) (archivePath string, ok bool) {
	path, ok := strings.CutSuffix(name, signatureSuffix)
	if !ok {
		return "", false
	}
	_, ok = v.parseArchive(Info{Name: path})
	return path, ok
}

// RetireSignature takes the signature of an archive that was retired out of
// use, in the same way; forGood deletes it. An archive without one is fine.
func (v *Vault) RetireSignature(ctx context.Context, a Archive, forGood bool) error {
	info, err := v.store.Stat(ctx, a.SignaturePath())
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("retire the signature of archive %s: %w", a.Name, err)
	}
	if forGood {
		return v.Discard(ctx, info.Name)
	}
	return v.Retire(ctx, info.Name, info.Size)
}

// OrphanSignatures lists signatures whose archive is not there: it is being
// committed, or was pruned, or its commit did not come to its end.
func (v *Vault) OrphanSignatures(ctx context.Context) ([]Info, error) {
	_, strays, err := v.listArchives(ctx)
	var orphans []Info
	for _, s := range strays {
		if _, ok := v.parseSignature(s.Name); ok {
			orphans = append(orphans, s)
		}
	}
	return orphans, err
}
