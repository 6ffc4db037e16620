package sign

import (
	"bytes"
	"encoding/pem"
	"errors"
	"fmt"
	"io"

	"github.com/hiddeco/sshsig"
	"golang.org/x/crypto/ssh"
)

const (
	// Namespace keeps signatures of archives apart from all others that are
	// made with the same key.
	Namespace = "cvarchive"
	// Suffix is what the name of a signature has after that of its archive.
	Suffix = ".sig"
	// MaxSize bounds a signature, in bytes. An Ed25519 one has some 300.
	MaxSize = 64 << 10
)

var (
	// ErrOtherContent means that a signature is not of the content that it
	// was held against.
	ErrOtherContent = errors.New("it is not the signature of this content: one of the two was altered since")
	errNotSignature = errors.New("it is not an armored SSH signature")
)

// Signature is a signature that was read. Nothing is known about it yet.
type Signature struct{ sig *sshsig.Signature }

// Parse reads the armored form, which may come from anywhere.
func Parse(armored []byte) (*Signature, error) {
	if len(armored) > MaxSize {
		return nil, fmt.Errorf("it has more than %d KiB", MaxSize>>10)
	}
	block, rest := pem.Decode(armored)
	if block == nil || block.Type != sshsig.PEMType || len(bytes.TrimSpace(rest)) > 0 {
		return nil, errNotSignature
	}
	sig, err := sshsig.ParseSignature(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errNotSignature, err)
	}
	return &Signature{sig: sig}, nil
}

// Key returns the key that a signature says it was made with.
func (s *Signature) Key() Key { return Key{s.sig.PublicKey} }

// Verify reads content to its end and reports whether the signature is that
// of the content, made with its key and for archives. Whose key it is, is for
// [AllowedSigners] to say. Content that differs is [ErrOtherContent].
func (s *Signature) Verify(content io.Reader) error {
	if s.sig.Namespace != Namespace {
		return fmt.Errorf("it was made for the namespace %q and not for %q", clip(s.sig.Namespace), Namespace)
	}
	if err := s.sig.HashAlgorithm.Available(); err != nil {
		return fmt.Errorf("its hash is not known: %w", err)
	}
	// What reading fails with is no verdict about the signature.
	r := &watched{r: content}
	err := sshsig.Verify(r, s.sig, s.sig.PublicKey, s.sig.HashAlgorithm, Namespace)
	if r.err != nil {
		return &ReadError{r.err}
	}
	if err != nil {
		return ErrOtherContent
	}
	return nil
}

// ReadError means that the content could not be read.
type ReadError struct{ Err error }

// Error says why.
func (e *ReadError) Error() string { return "read what was signed: " + e.Err.Error() }

// Unwrap returns the cause.
func (e *ReadError) Unwrap() error { return e.Err }

// watched keeps the error of reading.
type watched struct {
	r   io.Reader
	err error
}

func (w *watched) Read(p []byte) (int, error) {
	n, err := w.r.Read(p)
	if err != nil && err != io.EOF {
		w.err = err
	}
	return n, err
}

// Key is a public key.
type Key struct{ public ssh.PublicKey }

// Type is the name that OpenSSH gives to the kind, such as "ssh-ed25519".
func (k Key) Type() string { return k.public.Type() }

// Fingerprint is the one that "ssh-keygen -l" shows: "SHA256:…".
func (k Key) Fingerprint() string { return ssh.FingerprintSHA256(k.public) }

// AuthorizedLine is the key as a line of an allowed signers file has it after
// the principal, without a newline.
func (k Key) AuthorizedLine() string {
	return string(bytes.TrimSpace(ssh.MarshalAuthorizedKey(k.public)))
}

func (k Key) equal(other ssh.PublicKey) bool {
	return bytes.Equal(k.public.Marshal(), other.Marshal())
}

// clip keeps foreign text short in errors.
func clip(s string) string {
	const most = 64
	if len(s) > most {
		return s[:most] + "…"
	}
	return s
}
