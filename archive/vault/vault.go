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
	"time"

	"cvarchive/manifest"
)

// MarkerName is the name of the file that makes a store a vault.
const MarkerName = "cvarchive.json"

const (
	markerFormat  = "cvarchive-vault"
	formatVersion = 1
	maxMarker     = 64 << 10 // bytes
)

var vaultIDPattern = regexp.MustCompile(`^[0-9a-f]{32}$`)

// Vault is an open vault. It is safe for concurrent use.
type Vault struct {
	store  Store
	marker marker
	signer Signer // nil: archives are not signed
}

// marker is the content of [MarkerName].
type marker struct {
	Format        string    `json:"format"`
	FormatVersion int       `json:"formatVersion"`
	ID            string    `json:"id"`      // random, 32 hexadecimal digits
	Created       time.Time `json:"created"` // UTC
}

// Init makes a vault of an empty store, or opens the one that is there. A
// store that holds something else is refused with a [*NotVaultError] and left
// as it is.
func Init(ctx context.Context, s Store) (*Vault, error) {
	m, err := readMarker(ctx, s)
	if err == nil {
		return &Vault{store: s, marker: m}, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	for info, err := range s.List(ctx, "") {
		if err != nil {
			return nil, fmt.Errorf("look whether the vault is to be in an empty place: %w", err)
		}
		if m, err := readMarker(ctx, s); err == nil { // another Init was faster
			return &Vault{store: s, marker: m}, nil
		}
		return nil, &NotVaultError{
			Store: s.String(), Reason: fmt.Sprintf("it holds other files (%s) and no %s", info.Name, MarkerName),
			Hint: "give the vault an empty folder or container of its own",
		}
	}
	if m, err = newMarker(); err != nil {
		return nil, err
	}
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encode the marker of a vault: %w", err)
	}
	err = s.Create(ctx, MarkerName, bytes.NewReader(append(text, '\n')))
	if errors.Is(err, fs.ErrExist) { // another Init was faster
		return Open(ctx, s)
	}
	if err != nil {
		return nil, fmt.Errorf("make a vault: %w", err)
	}
	return &Vault{store: s, marker: m}, nil
}

func newMarker() (marker, error) {
	id := make([]byte, 16)
	if _, err := rand.Read(id); err != nil {
		return marker{}, fmt.Errorf("choose an id for a vault: %w", err)
	}
	return marker{
		Format: markerFormat, FormatVersion: formatVersion,
		ID: hex.EncodeToString(id), Created: time.Now().UTC().Truncate(time.Second),
	}, nil
}

// Open opens the vault that a store holds. Without a marker the error is a
// [*NotVaultError], with one of a newer format a [*VersionError].
func Open(ctx context.Context, s Store) (*Vault, error) {
	m, err := readMarker(ctx, s)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &NotVaultError{
			Store: s.String(), Reason: "it has no " + MarkerName,
			Hint: "check the vault's address, or make one there with `cvarchive init`",
		}
	}
	if err != nil {
		return nil, err
	}
	return &Vault{store: s, marker: m}, nil
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
		Format        string `json:"format"`
		FormatVersion int    `json:"formatVersion"`
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
	var m marker
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&m); err != nil {
		return bad("is damaged (%v)", manifest.Brief(err))
	}
	if !vaultIDPattern.MatchString(m.ID) || m.Created.IsZero() {
		return bad("is damaged (id %q, created %s)", m.ID, m.Created)
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
