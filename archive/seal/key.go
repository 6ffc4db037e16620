package seal

import (
	"bytes"
	"errors"
	"strings"

	"filippo.io/age"

	"cvarchive/manifest"
)

// Key is a key pair of our own making, both halves of which stay secret: who
// has it can seal and open, and nobody else can do either.
type Key struct {
	To     Recipients
	Opener Identities
	text   manifest.Secret
}

// NewKey makes a key, a post-quantum one if that is asked for.
func NewKey(postQuantum bool) (Key, error) {
	var k interface{ String() string }
	var err error
	if postQuantum {
		k, err = age.GenerateHybridIdentity()
	} else {
		k, err = age.GenerateX25519Identity()
	}
	if err != nil {
		return Key{}, err
	}
	return ParseKey(manifest.NewSecret(k.String()))
}

// ParseKey reads a key as [Key.Text] gives it, or from a file that holds
// nothing else but comments. The error never repeats the text.
func ParseKey(text manifest.Secret) (Key, error) {
	bad := errors.New("it is no key of this kind; it is one line that begins with AGE-SECRET-KEY-")
	keys, err := parseLines(bytes.TrimSpace([]byte(text.Reveal())))
	if err != nil || len(keys) != 1 {
		return Key{}, bad
	}
	var public string
	switch k := keys[0].(type) {
	case *age.X25519Identity:
		public, text = k.Recipient().String(), manifest.NewSecret(k.String())
	case *age.HybridIdentity:
		public, text = k.Recipient().String(), manifest.NewSecret(k.String())
	default:
		return Key{}, bad
	}
	to, err := ParseRecipients([]string{public})
	if err != nil {
		return Key{}, bad
	}
	return Key{To: to, Opener: Identities{keys}, text: manifest.NewSecret(strings.ToUpper(text.Reveal()))}, nil
}

// IsZero reports whether there is no key.
func (k Key) IsZero() bool { return k.text.IsZero() }

// Text is the key in the form of an age identity.
func (k Key) Text() manifest.Secret { return k.text }

// String hides the key, its public half too.
func (Key) String() string { return redacted }

// GoString hides the key.
func (Key) GoString() string { return redacted }
