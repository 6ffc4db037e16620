package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v2"

	"cvarchive/archive"
	"cvarchive/archive/bundle"
	"cvarchive/archive/seal"
	"cvarchive/archive/vault"
)

// archiveArg documents what ARCHIVE may be.
const archiveArg = "ARCHIVE is a name from \"cvarchive list\", a unique prefix of one or of its time or id,\n\"latest\", \"<source>/latest\", or a path to a file."

// opened is an archive that is open for reading.
type opened struct {
	name    string // as list shows it, or the file's path
	file    interface{ io.ReaderAt }
	size    int64
	reader  *archive.Reader
	entry   *vault.Archive  // nil for a lone file
	volumes *bundle.Volumes // the bundle is split into
	bundle  *bundle.Bundle  // what file and objects are in; nil: no bundle
	secret  bool            // it lies in an encrypted vault
	// signature returns that of the archive; nil: it is not signed.
	signature func(ctx context.Context) ([]byte, error)
	close     func() error
}

// openArchive opens the archive that an argument names.
func (a *app) openArchive(c *cli.Context, ref string) (*opened, error) {
	o, err := a.openArchiveFile(c, ref)
	if err != nil {
		return nil, err
	}
	if o.reader, err = archive.NewReader(o.file, o.size); err != nil {
		o.close()
		return nil, fmt.Errorf("%s: %w", o.name, err)
	}
	return o, nil
}

// openArchiveFile opens the bytes of an archive without looking into them.
func (a *app) openArchiveFile(c *cli.Context, ref string) (*opened, error) {
	if isPath(ref) {
		return a.openLoneFile(c, ref)
	}
	v, err := a.vault(c)
	if err != nil {
		return nil, err
	}
	entry, err := v.Resolve(c.Context, ref)
	if err != nil {
		return nil, err
	}
	return openStored(c.Context, v, entry)
}

// openStored opens an archive of a vault.
func openStored(ctx context.Context, v *vault.Vault, entry vault.Archive) (*opened, error) {
	f, err := v.OpenArchive(ctx, entry)
	if err != nil {
		return nil, err
	}
	signature := func(ctx context.Context) ([]byte, error) {
		if !entry.Signed {
			return nil, nil
		}
		return v.Signature(ctx, entry)
	}
	return &opened{name: entry.Name, file: f, size: f.Size(), entry: &entry, secret: v.Encrypted(), signature: signature, close: f.Close}, nil
}

// openLoneFile opens an archive or a bundle that lies in no vault. One that was
// encrypted with age is opened with the identities.
func (a *app) openLoneFile(c *cli.Context, path string) (*opened, error) {
	if list, split := volumesOf(path); split {
		return openVolumes(list)
	}
	f, info, err := openRegular(path)
	if err != nil {
		return nil, err
	}
	o := &opened{name: path, file: f, size: info.Size(), close: f.Close}
	o.signature = func(context.Context) ([]byte, error) { return besideFile(path) }
	if err = a.decryptLone(c, o); err == nil {
		err = o.openBundle()
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return o, nil
}

// openRegular opens a file. It looks at it first: a pipe would be waited for.
func openRegular(path string) (*os.File, fs.FileInfo, error) {
	info, err := os.Stat(path)
	if err == nil && !info.Mode().IsRegular() {
		return nil, nil, fmt.Errorf("open the archive %s: it is not a file; give an archive, or a name from cvarchive list", path)
	}
	var f *os.File
	if err == nil {
		f, err = os.Open(path)
	}
	if err == nil {
		return f, info, nil
	}
	reason := err
	if pe, ok := errors.AsType[*fs.PathError](err); ok {
		reason = pe.Err
	}
	return nil, nil, fmt.Errorf("open the archive %s: %w; give a readable file, or a name from cvarchive list", path, reason)
}

// decryptLone puts what an encrypted file holds in its place.
func (a *app) decryptLone(c *cli.Context, o *opened) error {
	const first = "age-encryption.org/"
	start := make([]byte, len(first))
	if _, err := o.file.ReadAt(start, 0); err != nil || string(start) != first {
		return nil // whatever it is, it is not that
	}
	ids, err := a.identities(c)
	if err != nil {
		return err
	}
	if ids.IsZero() {
		return usagef("%s is encrypted; give --identity FILE to open it", o.name)
	}
	o.file, o.size, err = ids.DecryptReaderAt(o.file, o.size)
	if errors.Is(err, seal.ErrNoMatch) {
		return usagef("open %s: %v", o.name, err)
	}
	if err != nil {
		return fmt.Errorf("open %s: it cannot be decrypted: %w", o.name, err)
	}
	return nil
}

// isPath tells a path from a name in the vault: it exists here as a file, or
// it is written like a path.
func isPath(ref string) bool {
	if info, err := os.Stat(ref); err == nil && info.Mode().IsRegular() {
		return true
	}
	return filepath.IsAbs(ref) || strings.HasPrefix(ref, "./") || strings.HasPrefix(ref, "../") ||
		strings.HasPrefix(ref, `.\`) || strings.HasPrefix(ref, `..\`) || strings.HasSuffix(ref, ".tar.zst")
}

// oneArchive returns the single ARCHIVE argument.
func oneArchive(c *cli.Context) (string, error) {
	if c.NArg() == 0 || c.Args().First() == "" {
		return "", usagef("%s needs an ARCHIVE, such as latest; cvarchive list shows their names", c.Command.Name)
	}
	return c.Args().First(), nil
}
