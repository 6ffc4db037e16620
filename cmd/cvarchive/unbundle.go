package main

import (
	"fmt"

	"github.com/urfave/cli/v2"

	"cvarchive/archive/bundle"
	"cvarchive/cmd/internal/ui"
	"cvarchive/manifest"
)

func (a *app) unbundleCommand() *cli.Command {
	return &cli.Command{
		Name:      "unbundle",
		Usage:     "bring a bundle into the vault",
		ArgsUsage: "FILE",
		Description: examples(`Stores the images and models of a bundle in the vault, as far as they are not there, and
then its archive. All of it is checked. Done again, or after it was stopped, it adds what
is missing. The vault is made when it is not there.`,
			"cvarchive unbundle account.bundle.tar.zst",
			"cvarchive unbundle account.bundle.tar.zst --vault /mnt/usb/customvision"),
		Flags:  withCommon(progressFlag(), jsonFlag()),
		Action: a.action(a.unbundle, 1, "run the same command again to go on"),
	}
}

// unbundled is the shape of "unbundle --json".
type unbundled struct {
	Archive     string          `json:"archive"`
	Vault       string          `json:"vault"`
	SHA256      manifest.Digest `json:"sha256"`  // of the archive
	Existed     bool            `json:"existed"` // the vault had the archive
	Objects     int64           `json:"objects"`
	Stored      int64           `json:"stored"` // of them, those that the vault did not have
	StoredBytes int64           `json:"storedBytes"`
}

func (a *app) unbundle(c *cli.Context) error {
	path := c.Args().First()
	if path == "" {
		return usagef("unbundle needs the FILE of a bundle; see %s", helpOf(c))
	}
	o, err := a.openLoneFile(c, path)
	if err != nil {
		return err
	}
	defer o.close()
	if o.bundle == nil {
		return fmt.Errorf("%s: %w", path, bundle.ErrNotBundle)
	}
	v, err := a.vaultForWriting(c)
	if err != nil {
		return err
	}
	show, err := a.progress(c)
	if err != nil {
		return err
	}
	defer show.Close()
	u, err := bundle.Unbundle(c.Context, o.bundle, v, show.Event)
	show.Close()
	if err != nil {
		return fmt.Errorf("unbundle %s: %w", path, err)
	}
	protected, err := a.protect(c, v, u.Archive)
	if err != nil {
		return err
	}
	out := &unbundled{
		Archive: u.Archive.Name, Vault: v.String(), SHA256: u.SHA256, Existed: u.Existed,
		Objects: u.Objects, Stored: u.Stored, StoredBytes: u.StoredBytes,
	}
	return a.finish(c, out, func() { a.printUnbundled(out) }, protected, false)
}

func (a *app) printUnbundled(u *unbundled) {
	verb := "stored"
	if u.Existed {
		verb = "was there already"
	}
	a.out.Printf("archive %s %s in %s; %s of %s (%s) were new\n", ui.Clean(u.Archive), verb, ui.Clean(u.Vault),
		ui.Grouped(u.Stored), ui.Count(u.Objects, "object"), ui.Bytes(u.StoredBytes))
}
