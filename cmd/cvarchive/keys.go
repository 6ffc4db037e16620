package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/urfave/cli/v2"

	"cvarchive/archive"
	"cvarchive/archive/seal"
	"cvarchive/archive/vault"
	"cvarchive/cmd/internal/config"
	"cvarchive/manifest"
)

const (
	// envNamingKey holds the naming key of an encrypted vault where the
	// config says nothing of one.
	envNamingKey = "CVARCHIVE_NAMING_KEY"
	// namingKeyFile is where a new naming key is written where the config
	// says nothing of one: beside the config.
	namingKeyFile = "cvarchive-naming.key"
)

// place is where a vault is or is to be, with what opens it.
type place struct {
	store vault.Store
	keys  vault.Keys
	// keyFile is where the naming key is or is to be; empty: nowhere.
	keyFile string
}

// placeOf looks up what opens a vault. Nothing of the vault is read yet.
func (a *app) placeOf(c *cli.Context, v config.Vault, configPath string) (*place, error) {
	s, err := a.openStore(v, configPath)
	if err != nil {
		return nil, err
	}
	p := &place{store: s, keys: vault.Keys{
		Recipients: v.EncryptTo,
		Index: func(ctx context.Context, ra io.ReaderAt, size int64, w io.Writer) error {
			return archive.WriteIndex(ctx, ra, size, w, "")
		},
	}}
	if p.keys.Identities, err = a.identities(c); err != nil {
		return nil, err
	}
	switch {
	case !v.NamingKey.IsZero():
		return p, p.takeKey(v.NamingKey, "naming_key in the config")
	case v.NamingKeyFile != "":
		p.keyFile = v.NamingKeyFile
	case a.env(envNamingKey) != "":
		return p, p.takeKey(manifest.NewSecret(a.env(envNamingKey)), "$"+envNamingKey)
	case !v.EncryptTo.IsZero():
		p.keyFile = filepath.Join(filepath.Dir(configPath), namingKeyFile)
	default:
		return p, nil
	}
	text, err := readIdentity(p.keyFile)
	if errors.Is(err, fs.ErrNotExist) {
		return p, nil
	}
	if err != nil {
		return nil, usagef("read the naming key %s: %v; make it readable", p.keyFile, cause(err))
	}
	return p, p.takeKey(manifest.NewSecret(string(text)), p.keyFile)
}

func (p *place) takeKey(text manifest.Secret, from string) (err error) {
	if p.keys.Naming, err = seal.ParseKey(text); err != nil {
		return usagef("the naming key of %s cannot be used: %v", from, err)
	}
	return nil
}

// open opens the vault, which must be one.
func (p *place) open(ctx context.Context) (*vault.Vault, error) {
	return vault.OpenWith(ctx, p.store, p.keys)
}

// make makes a vault of an empty or missing place, or opens the one that is
// there, and tells what was made.
func (p *place) make(ctx context.Context, say io.Writer) (v *vault.Vault, made bool, err error) {
	_, err = p.store.Stat(ctx, vault.MarkerName)
	if e, ok := p.store.(ensurer); ok && err != nil {
		// A container that is not there is another error than a marker
		// that is not. Where it cannot be made either, what follows says
		// why.
		if e.Ensure(ctx) == nil {
			_, err = p.store.Stat(ctx, vault.MarkerName)
		}
	}
	missing := errors.Is(err, fs.ErrNotExist)
	if missing && !p.keys.Recipients.IsZero() && p.keys.Naming.IsZero() {
		if err := p.newKey(say); err != nil {
			return nil, false, err
		}
	}
	v, err = vault.InitWith(ctx, p.store, p.keys)
	return v, err == nil && missing, err
}

// newKey makes a naming key and writes it down before anything is named by it.
func (p *place) newKey(say io.Writer) error {
	if p.keyFile == "" {
		return usagef("an encrypted vault needs a place for its naming key; give naming_key_file in the config")
	}
	key, err := seal.NewKey(p.keys.Recipients.PostQuantum())
	if err == nil {
		err = writeKey(p.keyFile, key)
	}
	if err != nil {
		return fmt.Errorf("write the naming key of the new vault to %s: %w", p.keyFile, cause(err))
	}
	p.keys.Naming = key
	fmt.Fprintf(say, "wrote the naming key of the vault to %s; backups need it, and whoever holds an identity does not\n", p.keyFile)
	return nil
}

// recoverKey writes the naming key of an encrypted vault where it is to be and
// is not: an identity tells it.
func (p *place) recoverKey(v *vault.Vault, say io.Writer) error {
	if p.keyFile == "" || !v.Encrypted() {
		return nil
	}
	err := writeKey(p.keyFile, v.NamingKey())
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("write the naming key of the vault to %s: %w", p.keyFile, cause(err))
	}
	fmt.Fprintf(say, "wrote the naming key of the vault to %s again\n", p.keyFile)
	return nil
}

// writeKey writes a naming key to a new file that only its owner reads.
func writeKey(path string, key seal.Key) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(f, "# The naming key of an encrypted cvarchive vault. It opens neither archives nor\n# images; keep it secret all the same, for it tells which images are there.\n%s\n", key.Text().Reveal())
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// place is where the vault of the command line or the config is.
func (a *app) place(c *cli.Context) (*place, error) {
	f, err := a.config(c)
	if err != nil {
		return nil, err
	}
	v, err := a.vaultConfig(c, f)
	if err != nil {
		return nil, err
	}
	return a.placeOf(c, v, f.Path)
}

// vault opens the vault, which must be one.
func (a *app) vault(c *cli.Context) (*vault.Vault, error) {
	p, err := a.place(c)
	if err != nil {
		return nil, err
	}
	return p.open(c.Context)
}

// vaultForWriting opens the vault and makes one of an empty or missing
// place, saying so.
func (a *app) vaultForWriting(c *cli.Context) (*vault.Vault, error) {
	p, err := a.place(c)
	if err != nil {
		return nil, err
	}
	return a.makePlace(c.Context, p)
}

func (a *app) makePlace(ctx context.Context, p *place) (*vault.Vault, error) {
	v, made, err := p.make(ctx, a.stderr)
	if made {
		fmt.Fprintf(a.stderr, "made a new %s at %s\n", kindOf(v), p.store)
	}
	return v, err
}

// kindOf is what to call a vault.
func kindOf(v *vault.Vault) string {
	if v.Encrypted() {
		return "encrypted vault"
	}
	return "vault"
}

func article(noun string) string {
	if noun == "vault" {
		return "a " + noun
	}
	return "an " + noun
}
