package seal

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"filippo.io/age"
	"filippo.io/age/agessh"
	"golang.org/x/crypto/ssh"
)

// Recipient is one public key.
type Recipient struct {
	text string // as age takes it, without a comment
	key  age.Recipient
}

// String returns the key, which is public, without its comment.
func (r Recipient) String() string { return r.text }

// ParseRecipient reads a public key. The error never repeats the text.
func ParseRecipient(text string) (Recipient, error) {
	text = strings.TrimSpace(text)
	var r Recipient
	var err error
	switch {
	case strings.Contains(text, "PRIVATE KEY-----") || strings.HasPrefix(strings.ToUpper(text), "AGE-SECRET-KEY-"):
		return r, errors.New("this is a private key, which does not belong here; give the public one (age-keygen -y FILE prints it)")
	case strings.ContainsAny(text, "\r\n"):
		return r, errors.New("a public key is one line")
	case strings.HasPrefix(text, "age1pq1"):
		r.text = text
		r.key, err = age.ParseHybridRecipient(text)
	case strings.HasPrefix(text, "age1") && strings.Count(text, "1") > 1: // no digit of the encoding
		return r, errors.New("this key belongs to an age plugin, which is not supported; use an age or SSH key")
	case strings.HasPrefix(text, "age1"):
		r.text = text
		r.key, err = age.ParseX25519Recipient(text)
	case strings.HasPrefix(text, "ssh-"):
		r.text, r.key, err = parseSSH(text)
	default:
		return r, errors.New("this is no public key; give one that begins with age1, ssh-ed25519 or ssh-rsa")
	}
	if err != nil {
		return Recipient{}, errors.New("this public key is malformed; copy the whole of it, from one line")
	}
	return r, nil
}

// parseSSH drops the comment, which may say whose the key is.
func parseSSH(text string) (string, age.Recipient, error) {
	key, err := agessh.ParseRecipient(text)
	if err != nil {
		return "", nil, err
	}
	public, _, _, _, err := ssh.ParseAuthorizedKey([]byte(text))
	if err != nil {
		return "", nil, err
	}
	return strings.TrimSpace(string(ssh.MarshalAuthorizedKey(public))), key, nil
}

// Recipients are the public keys that something is sealed to: each of their
// holders can open it. The zero value has none and seals nothing.
type Recipients struct {
	texts  []string
	keys   []age.Recipient
	header int64 // bytes before the first chunk; the same for whatever is sealed
}

// NewRecipients puts keys together, each once. Post-quantum keys and others
// cannot be mixed: what is sealed to both is only as safe as the weaker.
func NewRecipients(list ...Recipient) (Recipients, error) {
	var r Recipients
	for _, one := range list {
		if !slices.Contains(r.texts, one.text) {
			r.texts, r.keys = append(r.texts, one.text), append(r.keys, one.key)
		}
	}
	if len(r.keys) == 0 {
		return r, nil
	}
	var header counter
	if _, err := age.Encrypt(&header, r.keys...); err != nil {
		return Recipients{}, errors.New("post-quantum keys (age1pq1…) and others cannot be mixed; give keys of one kind")
	}
	r.header = int64(header)
	return r, nil
}

// counter counts what is written.
type counter int64

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}

// ParseRecipients reads several public keys.
func ParseRecipients(texts []string) (Recipients, error) {
	list := make([]Recipient, len(texts))
	for i, text := range texts {
		var err error
		if list[i], err = ParseRecipient(text); err != nil {
			return Recipients{}, fmt.Errorf("public key %d: %w", i+1, err)
		}
	}
	return NewRecipients(list...)
}

// IsZero reports whether there are none.
func (r Recipients) IsZero() bool { return len(r.keys) == 0 }

// Strings returns the public keys, in the order in which they were given.
func (r Recipients) Strings() []string { return slices.Clone(r.texts) }

// Equal reports whether both are the same keys, in any order.
func (r Recipients) Equal(other Recipients) bool {
	a, b := slices.Sorted(slices.Values(r.texts)), slices.Sorted(slices.Values(other.texts))
	return slices.Equal(a, b)
}

// PostQuantum reports whether the keys are post-quantum ones.
func (r Recipients) PostQuantum() bool {
	return len(r.texts) > 0 && strings.HasPrefix(r.texts[0], "age1pq1")
}

// Encrypt returns a writer whose input arrives at dst sealed. The last of it
// is written by Close, which does not close dst.
func (r Recipients) Encrypt(dst io.Writer) (io.WriteCloser, error) {
	if r.IsZero() {
		return nil, errors.New("there is no public key to seal to")
	}
	w, err := age.Encrypt(dst, r.keys...)
	if err != nil {
		return nil, fmt.Errorf("begin to seal: %w", err)
	}
	return w, nil
}
