package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/urfave/cli/v2"
	"golang.org/x/term"

	"cvarchive/archive/seal"
	"cvarchive/cmd/internal/ui"
)

// envIdentity names the environment variable that stands in for --identity.
const envIdentity = "CVARCHIVE_IDENTITY"

// identityFlag goes with the commands that can open what is sealed.
func identityFlag() cli.Flag {
	return &cli.StringSliceFlag{Name: "identity", Usage: "open what is sealed or encrypted with the private key in `FILE`, of age-keygen or SSH; may be repeated (else $" + envIdentity + ")"}
}

// identities reads the identity files that were given, or none.
func (a *app) identities(c *cli.Context) (seal.Identities, error) {
	files := c.StringSlice("identity")
	if path := a.env(envIdentity); len(files) == 0 && path != "" {
		files = []string{path}
	}
	var all seal.Identities
	for _, path := range files {
		if strings.HasPrefix(strings.ToUpper(path), "AGE-SECRET-KEY-") || strings.Contains(path, "PRIVATE KEY") {
			return seal.Identities{}, usagef("--identity and $%s take the path of a file, and what is given is a private key itself, which others may have seen now; put it into a file, and give that", envIdentity)
		}
		content, err := readIdentity(path)
		if err != nil {
			return seal.Identities{}, &usageError{fmt.Sprintf("read the identity file %s: %v; give a readable file with a private key", path, cause(err))}
		}
		ids, err := seal.ParseIdentities(path, content, func(file string) ([]byte, error) { return a.passphrase(c.Context, file) })
		if err != nil {
			return seal.Identities{}, &usageError{err.Error()}
		}
		all = all.Join(ids)
	}
	return all, nil
}

// readIdentity reads at most one byte more than an identity file may have.
func readIdentity(path string) ([]byte, error) {
	if path == "" {
		return nil, errors.New("it has no name")
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, seal.MaxIdentityFile+1))
}

// passphrase asks for the passphrase of an identity file on the terminal.
func (a *app) passphrase(ctx context.Context, file string) ([]byte, error) {
	in, ok := a.stdin.(*os.File)
	if !ok || !ui.IsTerminal(a.stdin) {
		return nil, errors.New("it is protected by a passphrase, and there is no terminal to ask for it; run this on one, or give a file without")
	}
	before, err := term.GetState(int(in.Fd()))
	if err != nil {
		return nil, fmt.Errorf("ask for the passphrase: %w", err)
	}
	fmt.Fprintf(a.stderr, "Passphrase of %s: ", file)
	defer fmt.Fprintln(a.stderr) // what is typed is not shown, nor is its end
	type answer struct {
		text []byte
		err  error
	}
	typed := make(chan answer, 1)
	go func() {
		text, err := term.ReadPassword(int(in.Fd()))
		typed <- answer{text, err}
	}()
	select {
	case <-ctx.Done():
		return nil, errors.Join(context.Cause(ctx), term.Restore(int(in.Fd()), before))
	case is := <-typed:
		if is.err != nil {
			return nil, fmt.Errorf("read the passphrase: %w", is.err)
		}
		return is.text, nil
	}
}
