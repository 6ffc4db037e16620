package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/urfave/cli/v2"

	"cvarchive/archive/sign"
	"cvarchive/archive/vault"
	"cvarchive/cmd/internal/config"
	"cvarchive/cmd/internal/ui"
)

// envAgent is where ssh-agent says that it listens.
const envAgent = "SSH_AUTH_SOCK"

// signWithFlag goes with the commands that sign.
func signWithFlag() cli.Flag {
	return &cli.StringFlag{Name: "sign-with", Usage: "sign with the Ed25519 SSH key in `FILE`, or, if it is a public one, with ssh-agent (else sign_with of the config)"}
}

// signer opens the key that signs new archives; nil: there is none.
func (a *app) signer(c *cli.Context) (*sign.Signer, error) {
	file := c.String("sign-with")
	if file == "" {
		f, err := a.config(c)
		if err != nil {
			return nil, err
		}
		if file, err = f.SignWith(a.lookupEnv); file == "" || err != nil {
			return nil, err
		}
	}
	return a.openKey(c.Context, file)
}

func (a *app) openKey(ctx context.Context, file string) (*sign.Signer, error) {
	src := sign.Source{File: file, Agent: a.env(envAgent)}
	if ui.IsTerminal(a.stdin) {
		src.Passphrase = a.passphrase
	}
	s, err := sign.Open(ctx, src)
	if key, ok := errors.AsType[*sign.KeyError](err); ok {
		return nil, usagef("archives cannot be signed: %v", key)
	}
	return s, err
}

// signingVault is the vault that a new archive goes to, which it signs if there
// is a key.
func (a *app) signingVault(c *cli.Context, v *vault.Vault) (*vault.Vault, error) {
	s, err := a.signer(c)
	if s == nil || err != nil {
		return v, err
	}
	return v.Signing(s), nil
}

// allowedSigners reads the file of --allowed-signers; without the flag it
// returns nil.
func allowedSigners(c *cli.Context) (*sign.AllowedSigners, error) {
	path := c.String("allowed-signers")
	if path == "" {
		return nil, nil
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, usagef("the allowed signers in %s cannot be read: %v; give a file in the format of ssh-keygen's ALLOWED SIGNERS", path, cause(err))
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, sign.MaxAllowed+1))
	if err == nil && len(data) > sign.MaxAllowed {
		err = fmt.Errorf("it has more than %d MiB", sign.MaxAllowed>>20)
	}
	if err != nil {
		return nil, usagef("the allowed signers in %s cannot be read: %v", path, cause(err))
	}
	list, err := sign.ParseAllowedSigners(path, data, time.Local)
	if syntax, ok := errors.AsType[*sign.SyntaxError](err); ok {
		return nil, &config.Error{File: syntax.File, Line: syntax.Line, Message: syntax.Reason}
	}
	return list, err
}

// besideFile reads the signature beside a lone file; nil: there is none.
func besideFile(path string) ([]byte, error) {
	f, err := os.Open(path + sign.Suffix)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the signature %s%s: %w", path, sign.Suffix, cause(err))
	}
	defer f.Close()
	sig, err := io.ReadAll(io.LimitReader(f, sign.MaxSize+1))
	if err != nil {
		return nil, fmt.Errorf("read the signature %s%s: %w", path, sign.Suffix, cause(err))
	}
	return sig, nil // one that is too long is no signature
}
