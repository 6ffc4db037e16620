package seal

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"

	"filippo.io/age"
	"filippo.io/age/agessh"
	"filippo.io/age/armor"
	"golang.org/x/crypto/ssh"
)

// MaxIdentityFile bounds an identity file, in bytes.
const MaxIdentityFile = 1 << 20

// ErrNoMatch says that something was sealed to others than the identities
// that were given.
var ErrNoMatch = errors.New("it is sealed to other keys than the identities that were given")

// LockedError says that an identity file that is protected by a passphrase was
// needed and could not be opened.
type LockedError struct {
	File string
	Err  error
}

// Error names the file.
func (e *LockedError) Error() string {
	return fmt.Sprintf("open the identity file %s: %v", e.File, e.Err)
}

// Unwrap returns the cause.
func (e *LockedError) Unwrap() error { return e.Err }

// Passphrase asks for the passphrase of an identity file, when it is first
// needed. An error ends whatever needed it; nobody is asked twice.
type Passphrase func(file string) ([]byte, error)

// Identities are private keys: those of one identity file, or of several.
// They print, marshal and log as "[redacted]". The zero value holds none. They
// are safe for concurrent use.
type Identities struct{ keys []age.Identity }

// ParseIdentities reads the content of an identity file of the given name. A
// file that is protected by a passphrase is opened when it is first needed.
// No error repeats any of the content.
func ParseIdentities(name string, content []byte, ask Passphrase) (Identities, error) {
	if len(content) > MaxIdentityFile {
		return Identities{}, fmt.Errorf("the identity file %s is larger than %d MiB, which none is", name, MaxIdentityFile>>20)
	}
	trimmed := bytes.TrimSpace(content)
	var keys []age.Identity
	var err error
	switch {
	case bytes.HasPrefix(trimmed, []byte("age-encryption.org/")), bytes.HasPrefix(trimmed, []byte(armor.Header)):
		keys = []age.Identity{&protectedAge{name: name, content: trimmed, ask: ask}}
	case bytes.HasPrefix(trimmed, []byte("-----BEGIN")):
		keys, err = parsePrivateSSH(name, trimmed, ask)
	default:
		keys, err = parseLines(content)
	}
	if err != nil {
		return Identities{}, fmt.Errorf("the identity file %s: %w", name, err)
	}
	return Identities{keys}, nil
}

// parseLines reads an identity file of age.
func parseLines(content []byte) ([]age.Identity, error) {
	var keys []age.Identity
	n := 0
	for text := range strings.Lines(string(content)) {
		n++
		text = strings.TrimSpace(text)
		if text == "" || strings.HasPrefix(text, "#") {
			continue
		}
		var key age.Identity
		var err error
		switch upper := strings.ToUpper(text); {
		case strings.HasPrefix(upper, "AGE-SECRET-KEY-PQ-1"):
			key, err = age.ParseHybridIdentity(text)
		case strings.HasPrefix(upper, "AGE-SECRET-KEY-1"):
			key, err = age.ParseX25519Identity(text)
		case strings.HasPrefix(upper, "AGE-PLUGIN-"):
			return nil, fmt.Errorf("line %d is the key of an age plugin, which is not supported; use an age or SSH key", n)
		case strings.HasPrefix(text, "age1"), strings.HasPrefix(text, "ssh-"):
			return nil, fmt.Errorf("line %d is a public key; give the file with the private one", n)
		default:
			return nil, fmt.Errorf("line %d is no private key; give a file of age-keygen, or an SSH private key", n)
		}
		if err != nil {
			return nil, fmt.Errorf("line %d is a malformed private key; copy the file as a whole", n)
		}
		keys = append(keys, key)
	}
	if len(keys) == 0 {
		return nil, errors.New("there is no private key in it")
	}
	return keys, nil
}

// parsePrivateSSH reads an SSH private key.
func parsePrivateSSH(name string, content []byte, ask Passphrase) ([]age.Identity, error) {
	key, err := agessh.ParseIdentity(content)
	locked, missing := errors.AsType[*ssh.PassphraseMissingError](err)
	switch {
	case missing && locked.PublicKey == nil:
		return nil, errors.New("its form is too old to tell whose key it is; convert it with ssh-keygen -p -f FILE")
	case missing:
		key, err = newProtectedSSH(name, locked.PublicKey, content, ask)
	}
	if err != nil {
		return nil, errors.New("it is no SSH private key of a kind that age takes; use ssh-ed25519, ssh-rsa or a key of age-keygen")
	}
	return []age.Identity{key}, nil
}

// Join returns the identities of both.
func (i Identities) Join(more Identities) Identities {
	return Identities{append(i.keys[:len(i.keys):len(i.keys)], more.keys...)}
}

// IsZero reports whether there are none.
func (i Identities) IsZero() bool { return len(i.keys) == 0 }

// Decrypt returns a reader of what was sealed. The error is [ErrNoMatch] when
// it was sealed to others. Reading ends in [io.EOF] only when nothing of it
// was changed or cut off.
func (i Identities) Decrypt(src io.Reader) (io.Reader, error) {
	if i.IsZero() {
		return nil, ErrNoMatch
	}
	plain, err := age.Decrypt(src, i.keys...)
	return plain, explain(err)
}

// DecryptReaderAt is [Identities.Decrypt] for reading at any place; size is
// that of what was sealed.
func (i Identities) DecryptReaderAt(src io.ReaderAt, sealedSize int64) (plain io.ReaderAt, size int64, err error) {
	if i.IsZero() {
		return nil, 0, ErrNoMatch
	}
	plain, size, err = age.DecryptReaderAt(src, sealedSize, i.keys...)
	return plain, size, explain(err)
}

func explain(err error) error {
	if _, wrong := errors.AsType[*age.NoIdentityMatchError](err); wrong {
		return ErrNoMatch
	}
	return err
}

const redacted = "[redacted]"

// String implements [fmt.Stringer] and hides the keys.
func (Identities) String() string { return redacted }

// Format implements [fmt.Formatter] so that no verb reveals the keys.
func (Identities) Format(f fmt.State, _ rune) { fmt.Fprint(f, redacted) }

// MarshalText implements [encoding.TextMarshaler] and hides the keys.
func (Identities) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// LogValue implements [slog.LogValuer] and hides the keys.
func (Identities) LogValue() slog.Value { return slog.StringValue(redacted) }
