package vault

import (
	"context"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"

	"cvarchive/archive/seal"
	"cvarchive/manifest"
)

// Keys are what an encrypted vault needs. One that is not encrypted needs
// none.
type Keys struct {
	// Recipients are who can read what the vault holds. They are those of a
	// vault that is made; one that is there must have the same, unless there
	// are none here.
	Recipients seal.Recipients
	// Naming is the vault's naming key. Whoever can read the vault does not
	// need it: the marker holds it for them.
	Naming seal.Key
	// Identities read what the vault holds; none: backups and checks of
	// the structure work all the same.
	Identities seal.Identities

	// Index writes what may be known of an archive without being able to
	// read it: an archive too, of ids and objects only. Without it nothing
	// can be committed.
	Index   IndexFunc
	TempDir string // for what is being encrypted; empty: the system's
}

// IndexFunc writes the index of an archive.
type IndexFunc func(ctx context.Context, archive io.ReaderAt, size int64, w io.Writer) error

// KeyError says that a key is missing, or is not the vault's.
type KeyError struct {
	Store  string // as Store.String says
	Reason string // completes "the vault … "
	Hint   string // what to do
}

// Error says what is missing and what to do.
func (e *KeyError) Error() string {
	return fmt.Sprintf("the vault %s %s; %s", e.Store, e.Reason, e.Hint)
}

// encryption is what the marker of an encrypted vault says of it.
type encryption struct {
	Recipients []string `json:"recipients"` // public keys
	NamingKey  string   `json:"namingKey"`  // sealed to them, armored
	MAC        string   `json:"mac"`        // over id and recipients, by the naming key
}

// crypt encrypts and hides what a vault holds.
type crypt struct {
	to      seal.Recipients
	naming  seal.Key
	hiding  []byte // the key by which objects are named
	index   IndexFunc
	tempDir string

	// canRead asks once whether the identities are some that the vault was
	// encrypted to; that may take a passphrase.
	canRead func() error
	opener  seal.Identities
}

// Info strings of the keys that are derived from the naming key.
const (
	infoObjects = "cvarchive object names v1"
	infoMarker  = "cvarchive marker v1"
)

func derive(k seal.Key, vaultID, info string) ([]byte, error) {
	key, err := hkdf.Key(sha256.New, []byte(k.Text().Reveal()), []byte(vaultID), info, sha256.Size)
	if err != nil {
		return nil, fmt.Errorf("derive a key: %w", err)
	}
	return key, nil
}

// markerMAC binds the recipients to the vault: whoever can write to the store
// and lacks the naming key cannot add one.
func markerMAC(k seal.Key, vaultID string, recipients []string) (string, error) {
	key, err := derive(k, vaultID, infoMarker)
	if err != nil {
		return "", err
	}
	h := hmac.New(sha256.New, key)
	io.WriteString(h, vaultID+"\n"+strings.Join(recipients, "\n")+"\n")
	return hex.EncodeToString(h.Sum(nil)), nil
}

// newEncryption describes a vault that is to be made.
func newEncryption(keys Keys, vaultID string) (*encryption, error) {
	if keys.Naming.IsZero() {
		return nil, errors.New("an encrypted vault needs a naming key")
	}
	e := &encryption{Recipients: keys.Recipients.Strings()}
	var err error
	if e.NamingKey, err = keys.Recipients.SealText(keys.Naming.Text()); err != nil {
		return nil, err
	}
	e.MAC, err = markerMAC(keys.Naming, vaultID, e.Recipients)
	return e, err
}

// unlock checks the keys against the marker.
func (m *marker) unlock(store string, keys Keys) (*crypt, error) {
	e := m.Encryption
	if e == nil {
		if !keys.Recipients.IsZero() {
			return nil, &KeyError{Store: store, Reason: "is not encrypted, and the config says encrypt_to", Hint: "give the encrypted vault a place of its own, and copy this one into it, or remove encrypt_to"}
		}
		return nil, nil
	}
	fail := func(reason, hint string) (*crypt, error) {
		return nil, &KeyError{Store: store, Reason: reason, Hint: hint}
	}
	to, err := seal.ParseRecipients(e.Recipients)
	if err != nil || to.IsZero() {
		return fail("has a marker that is damaged: its recipients cannot be read", "put the original "+MarkerName+" back")
	}
	if !keys.Recipients.IsZero() && !keys.Recipients.Equal(to) {
		return fail("is encrypted to other public keys than encrypt_to in the config", "recipients are fixed when a vault is made: copy it into a new one to change them, or correct encrypt_to")
	}
	c := &crypt{to: to, naming: keys.Naming, index: keys.Index, tempDir: keys.TempDir, opener: keys.Identities}
	given := !c.naming.IsZero()
	c.canRead = sync.OnceValue(func() error { return e.readable(store, keys.Identities) })
	if !given {
		if keys.Identities.IsZero() {
			return fail("is encrypted", "give its naming key (naming_key or naming_key_file in the config, or $CVARCHIVE_NAMING_KEY), or an identity that opens it (--identity FILE)")
		}
		if err := c.canRead(); err != nil {
			return nil, err
		}
		text, err := keys.Identities.OpenText(e.NamingKey)
		if err == nil {
			c.naming, err = seal.ParseKey(text)
		}
		if err != nil {
			return fail("has a marker that is damaged: its naming key cannot be read", "put the original "+MarkerName+" back")
		}
	}
	mac, err := markerMAC(c.naming, m.ID, e.Recipients)
	if err == nil {
		c.hiding, err = derive(c.naming, m.ID, infoObjects)
	}
	switch {
	case err != nil:
		return nil, err
	case hmac.Equal([]byte(mac), []byte(e.MAC)):
		return c, nil
	case given:
		return fail("has another naming key than the one that was given, or its marker was altered", "give the key that was written when the vault was made; once the wrong one is out of the way, cvarchive init --identity FILE writes it again")
	}
	return fail("has a marker that was altered: its recipients are not those that it was made with", "put the original "+MarkerName+" back")
}

// readable reports why the identities do not open what the vault holds.
func (e *encryption) readable(store string, ids seal.Identities) error {
	if ids.IsZero() {
		return &KeyError{Store: store, Reason: "is encrypted, and reading what it holds needs an identity", Hint: "give --identity FILE"}
	}
	_, err := ids.OpenText(e.NamingKey)
	if errors.Is(err, seal.ErrNoMatch) {
		return &KeyError{Store: store, Reason: "is encrypted to other keys than the identities that were given", Hint: "give the --identity FILE of one of its recipients"}
	}
	return err
}

// Encrypted reports whether what the vault holds is encrypted.
func (v *Vault) Encrypted() bool { return v != nil && v.crypt != nil }

// CanRead returns nil when archives and objects can be read, as they always
// can in a vault that is not encrypted, and otherwise why not, mostly a
// [*KeyError]. It may ask for the passphrase of an identity.
func (v *Vault) CanRead() error {
	if !v.Encrypted() {
		return nil
	}
	return v.crypt.canRead()
}

// Recipients are who can read an encrypted vault; none: it is not encrypted.
func (v *Vault) Recipients() []string {
	if !v.Encrypted() {
		return nil
	}
	return v.crypt.to.Strings()
}

// NamingKey returns the naming key of an encrypted vault.
func (v *Vault) NamingKey() seal.Key {
	if !v.Encrypted() {
		return seal.Key{}
	}
	return v.crypt.naming
}

// hide returns what stands for the digest of an object.
func (c *crypt) hide(o manifest.Object) manifest.Digest {
	h := hmac.New(sha256.New, c.hiding)
	h.Write(o.SHA256[:])
	return manifest.Digest(h.Sum(nil))
}
