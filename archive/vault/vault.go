package vault

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"regexp"
	"sync"
	"time"

	"cvarchive/manifest"
)

// MarkerName is the name of the file that makes a store a vault.
const MarkerName = "cvarchive.json"

const (
	markerFormat     = "cvarchive-vault"
	plainVersion     = 1        // of a vault without anything that a reader must know
	formatVersion    = 2        // of one that has requirements
	maxMarker        = 64 << 10 // bytes
	featureEncrypted = "encryption"
)

var vaultIDPattern = regexp.MustCompile(`^[0-9a-f]{32}$`)

// Vault is an open vault. It is safe for concurrent use.
type Vault struct {
	store  Store
	marker marker
	signer Signer // nil: archives are not signed
	crypt  *crypt // nil: not encrypted

	listed *sync.Map // [Info] of the archives that were listed, by path
}

// marker is the content of [MarkerName].
type marker struct {
	Format        string    `json:"format"`
	FormatVersion int       `json:"formatVersion"`
	ID            string    `json:"id"`      // random, 32 hexadecimal digits
	Created       time.Time `json:"created"` // UTC

	// Requires is what a program must know to use the vault.
	Requires   []requirement `json:"requires,omitempty"`
	Encryption *encryption   `json:"encryption,omitempty"` // nil: not encrypted
}

// requirement is a feature that a program must know, and the first version
// of cvarchive that does.
type requirement struct {
	Feature string `json:"feature"`
	Since   string `json:"since"`
}

// encryptedSince is the version of cvarchive that first knew encrypted vaults.
const encryptedSince = "1.0.0"

// Init makes a vault of an empty store, or opens the one that is there. A
// store that holds something else is refused with a [*NotVaultError] and left
// as it is.
func Init(ctx context.Context, s Store) (*Vault, error) { return InitWith(ctx, s, Keys{}) }

// InitWith is [Init] for a vault that is encrypted if the keys have
// recipients; then they must have a naming key too.
func InitWith(ctx context.Context, s Store, keys Keys) (*Vault, error) {
	m, err := readMarker(ctx, s)
	if err == nil {
		return newVault(s, m, keys)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	for info, err := range s.List(ctx, "") {
		if err != nil {
			return nil, fmt.Errorf("look whether the vault is to be in an empty place: %w", err)
		}
		if m, err := readMarker(ctx, s); err == nil { // another Init was faster
			return newVault(s, m, keys)
		}
		return nil, &NotVaultError{
			Store: s.String(), Reason: fmt.Sprintf("it holds other files (%s) and no %s", info.Name, MarkerName),
			Hint: "give the vault an empty folder or container of its own",
		}
	}
	if m, err = newMarker(keys); err != nil {
		return nil, err
	}
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encode the marker of a vault: %w", err)
	}
	err = s.Create(ctx, MarkerName, bytes.NewReader(append(text, '\n')))
	if errors.Is(err, fs.ErrExist) { // another Init was faster
		return OpenWith(ctx, s, keys)
	}
	if err != nil {
		return nil, fmt.Errorf("make a vault: %w", err)
	}
	return newVault(s, m, keys)
}

func newVault(s Store, m marker, keys Keys) (*Vault, error) {
	c, err := m.unlock(s.String(), keys)
	if err != nil {
		return nil, err
	}
	return &Vault{store: s, marker: m, crypt: c, listed: &sync.Map{}}, nil
}

func newMarker(keys Keys) (marker, error) {
	id := make([]byte, 16)
	if _, err := rand.Read(id); err != nil {
		return marker{}, fmt.Errorf("choose an id for a vault: %w", err)
	}
	m := marker{
		Format: markerFormat, FormatVersion: plainVersion,
		ID: hex.EncodeToString(id), Created: time.Now().UTC().Truncate(time.Second),
	}
	if keys.Recipients.IsZero() {
		return m, nil
	}
	// Programs that know version 1 only refuse it by its version.
	m.FormatVersion, m.Requires = formatVersion, []requirement{{featureEncrypted, encryptedSince}}
	var err error
	m.Encryption, err = newEncryption(keys, m.ID)
	return m, err
}

// Open opens the vault that a store holds. Without a marker the error is a
// [*NotVaultError], with one of a newer format or that needs what this program
// does not know a [*VersionError], and with an encrypted one a [*KeyError].
func Open(ctx context.Context, s Store) (*Vault, error) { return OpenWith(ctx, s, Keys{}) }

// OpenWith is [Open] with the keys of an encrypted vault. The error is a
// [*KeyError] when they are not enough to open it: the naming key is, and an
// identity.
func OpenWith(ctx context.Context, s Store, keys Keys) (*Vault, error) {
	m, err := readMarker(ctx, s)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &NotVaultError{
			Store: s.String(), Reason: noMarker(s),
			Hint: "check the vault's address, or make one there with `cvarchive init`",
		}
	}
	if err != nil {
		return nil, err
	}
	return newVault(s, m, keys)
}

// readMarker reads and checks the marker; a missing one is [fs.ErrNotExist].
func readMarker(ctx context.Context, s Store) (marker, error) {
	r, err := s.Open(ctx, MarkerName, 0, maxMarker+1)
	if err != nil {
		return marker{}, fmt.Errorf("open the vault: %w", err)
	}
	text, err := io.ReadAll(io.LimitReader(r, maxMarker+1))
	if err = errors.Join(err, r.Close()); err != nil {
		return marker{}, fmt.Errorf("open the vault: read %s: %w", MarkerName, err)
	}
	return parseMarker(s.String(), text)
}

// noMarker says why a store has no marker.
func noMarker(s Store) string {
	if place, ok := s.(interface{ Missing() bool }); ok && place.Missing() {
		return "there is no such folder"
	}
	return "it has no " + MarkerName
}

// parseMarker looks at the version first: what else a newer marker holds is
// not ours to judge.
func parseMarker(store string, text []byte) (marker, error) {
	bad := func(format string, args ...any) (marker, error) {
		return marker{}, &NotVaultError{
			Store: store, Reason: "its " + MarkerName + " " + fmt.Sprintf(format, args...),
			Hint: "check the vault's address, or put the original file back",
		}
	}
	if len(text) > maxMarker {
		return bad("is larger than %d KiB", maxMarker>>10)
	}
	var head struct {
		Format        string        `json:"format"`
		FormatVersion int           `json:"formatVersion"`
		Requires      []requirement `json:"requires"`
	}
	if err := json.Unmarshal(text, &head); err != nil {
		return bad("is not the marker of a vault (%v)", manifest.Brief(err))
	}
	if head.Format != markerFormat || head.FormatVersion < 1 {
		return bad("says format %q, version %d", head.Format, head.FormatVersion)
	}
	if head.FormatVersion > formatVersion {
		return marker{}, &VersionError{Store: store, Found: head.FormatVersion, Supported: formatVersion}
	}
	for _, r := range head.Requires {
		if r.Feature != featureEncrypted {
			return marker{}, &VersionError{Store: store, Feature: fmt.Sprintf("%.60q", r.Feature), Since: fmt.Sprintf("%.20q", r.Since)}
		}
	}
	var m marker
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&m); err != nil {
		return bad("is damaged (%v)", manifest.Brief(err))
	}
	if !vaultIDPattern.MatchString(m.ID) || m.Created.IsZero() {
		return bad("is damaged (id %q, created %s)", m.ID, m.Created)
	}
	if encrypted := len(m.Requires) > 0; encrypted != (m.Encryption != nil) || encrypted != (m.FormatVersion == formatVersion) {
		return bad("is damaged (it does not agree with itself on whether the vault is encrypted)")
	}
	return m, nil
}

// ID returns the vault's random id, 32 hexadecimal digits.
func (v *Vault) ID() string { return v.marker.ID }

// Created returns when the vault was made, in UTC.
func (v *Vault) Created() time.Time { return v.marker.Created }

// Store returns the store that the vault lives in.
func (v *Vault) Store() Store { return v.store }

// String describes where the vault is, without secrets.
func (v *Vault) String() string { return v.store.String() }
