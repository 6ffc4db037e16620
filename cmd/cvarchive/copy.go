package main

import (
	"errors"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v2"

	"cvarchive/archive/replicate"
	"cvarchive/archive/vault"
	"cvarchive/cmd/internal/config"
	"cvarchive/cmd/internal/suggest"
	"cvarchive/cmd/internal/ui"
	"cvarchive/manifest"
)

func (a *app) copyCommand() *cli.Command {
	return &cli.Command{
		Name:      "copy",
		Usage:     "copy archives with their objects to another vault",
		ArgsUsage: "ARCHIVE... --to VAULT | --all --to VAULT",
		Description: examples(`Copies archives, and the images and models that they name, to another vault: from a
folder to Blob Storage, back, or between containers. Only what is missing there is copied,
objects first and the archive last under the same name, and all of it is checked on the
way. What the target lost of an archive that it has is copied again. The target is made
when it is not there.

Between two containers the storage copies images and models by itself, and none of their
bytes passes through this machine; sizes and the MD5 that each was stored with are compared
then. With --read-data they pass through it all the same, and their SHA-256 is checked; so
does "cvarchive verify --all --read-data" in the target, later. What the storage does not
copy by itself passes through this machine, and the reason is told.

VAULT is the name of one under vaults: in the config, which is where its credentials go:

    vaults:
      offsite:
        url: https://account.blob.core.windows.net/copies
        connection_string: ${OFFSITE_CONNECTION_STRING}     # else Entra ID

or an address or folder, as for --vault.

Exit status 4 means that an archive could not be copied, for a reason that is told; with
--dry-run, 3 means that something is missing in the target.

`+archiveRef,
			"cvarchive copy --all --to offsite",
			"cvarchive copy prod-weu/latest --to /mnt/usb/customvision",
			"cvarchive copy --all --to offsite --dry-run"),
		Flags: withCommon(
			&cli.StringFlag{Name: "to", Usage: "copy to this `VAULT`"},
			&cli.BoolFlag{Name: "all", Usage: "copy every archive of the vault"},
			&cli.BoolFlag{Name: "dry-run", Usage: "say what is missing in the target, and change nothing"},
			&cli.BoolFlag{Name: "read-data", Usage: "read the bytes of images and models and compare their digests, also between containers"},
			progressFlag(), jsonFlag()),
		Action: a.action(a.copy, -1, "run the same command again to go on; what was copied is not copied again"),
	}
}

// archiveRef documents what ARCHIVE may be where files are of no use.
const archiveRef = "ARCHIVE is a name from \"cvarchive list\", a unique prefix of one or of its time or id,\n\"latest\" or \"<source>/latest\"."

func (a *app) copy(c *cli.Context) error {
	if c.String("to") == "" {
		return usagef("copy needs --to VAULT: a vault of the config, an address or a folder; see %s", helpOf(c))
	}
	todo, err := a.verifyTargets(c)
	if err != nil {
		return err
	}
	var archives []vault.Archive
	for _, t := range todo.targets {
		if t.path != "" {
			return usagef("%s is a file; cvarchive unbundle brings bundles into a vault, and copy takes archives of a vault", t.path)
		}
		archives = append(archives, t.entry)
	}
	if err := todo.vault.CanRead(); err != nil {
		return err
	}
	to, name, err := a.copyTarget(c)
	if err != nil {
		return err
	}
	show, err := a.progress(c)
	if err != nil {
		return err
	}
	defer show.Close()
	pass, err := replicate.NewPass(c.Context, todo.vault, to, replicate.Options{
		DryRun: c.Bool("dry-run"), ReadData: c.Bool("read-data"), Progress: show.Event,
	})
	if same, ok := errors.AsType[*replicate.SameVaultError](err); ok {
		return usagef("%v", same)
	}
	if err != nil {
		return err
	}
	result := &copying{From: todo.vault.String(), To: name, DryRun: c.Bool("dry-run"), Whole: true, Archives: []copiedArchive{}}
	var stored []vault.Archive
	err = pass.All(c.Context, archives, func(r *replicate.Report) {
		result.take(r)
		if r.Status == replicate.Copied {
			stored = append(stored, r.Archive)
		}
	})
	if err != nil {
		return err
	}
	if len(stored) > 0 {
		protected, err := a.protect(c, to, stored...)
		if err != nil {
			return err
		}
		result.Whole = result.Whole && protected
	}
	show.Close()
	return a.finish(c, result, func() { a.printCopied(result) }, result.Whole, result.DryRun && result.pending())
}

// copyTarget opens the vault that --to names, and makes it unless that would
// change something in a dry run: then it is nil.
func (a *app) copyTarget(c *cli.Context) (v *vault.Vault, name string, err error) {
	p, err := a.copyPlace(c, c.String("to"))
	if err != nil {
		return nil, "", err
	}
	if c.Bool("dry-run") {
		if _, err := p.store.Stat(c.Context, vault.MarkerName); errors.Is(err, fs.ErrNotExist) {
			return nil, p.store.String(), nil
		}
		v, err := p.open(c.Context)
		return v, p.store.String(), err
	}
	v, err = a.makePlace(c.Context, p)
	return v, p.store.String(), err
}

// copyPlace finds the place that a name or an address stands for. A folder is
// relative to the working folder, unless the config names it.
func (a *app) copyPlace(c *cli.Context, to string) (*place, error) {
	f, err := a.config(c)
	if err != nil {
		return nil, err
	}
	v, named, err := f.NamedVault(to, a.lookupEnv)
	switch {
	case err != nil:
		return nil, err
	case named:
		return a.placeOf(c, v, f.Path)
	case len(f.Vaults()) > 0 && !strings.Contains(to, "://") && filepath.Base(to) == to:
		hint := suggest.DidYouMean(to, f.Vaults())
		if hint == "" {
			hint = "it has " + strings.Join(f.Vaults(), ", ")
		}
		return nil, usagef("there is no vault %q under vaults: in %s; %s; write ./%s for a folder", to, f.Path, hint, to)
	}
	return a.placeOf(c, config.Vault{URL: manifest.NewSecret(to)}, "")
}

// copying is the shape of "copy --json".
type copying struct {
	From     string          `json:"from"`
	To       string          `json:"to"`
	DryRun   bool            `json:"dryRun"`
	Whole    bool            `json:"whole"`
	Archives []copiedArchive `json:"archives"`
}

// copiedArchive is what became of one archive.
type copiedArchive struct {
	Name        string           `json:"name"`
	Status      replicate.Status `json:"status"`
	Reason      string           `json:"reason,omitempty"`
	SHA256      *manifest.Digest `json:"sha256,omitempty"` // absent where the file could not be read
	Size        int64            `json:"size"`
	Objects     int64            `json:"objects"`
	Copied      int64            `json:"copied"`
	CopiedBytes int64            `json:"copiedBytes"`
	ByStore     int64            `json:"byStore"`
	Failed      int64            `json:"failed"`
	Failures    []copyFailure    `json:"failures,omitempty"`
}

type copyFailure struct {
	Object manifest.Object `json:"object"`
	Reason string          `json:"reason"`
}

func (r *copying) take(report *replicate.Report) {
	e := copiedArchive{
		Name: report.Archive.Name, Status: report.Status, Reason: ui.Sentence(report.Reason), Size: report.Archive.Size,
		Objects: report.Objects, Copied: report.Copied, CopiedBytes: report.CopiedBytes, ByStore: report.ByStore, Failed: report.Failed,
	}
	if !report.SHA256.IsZero() {
		e.SHA256 = &report.SHA256
	}
	for _, f := range report.Failures {
		e.Failures = append(e.Failures, copyFailure{Object: f.Object, Reason: ui.Sentence(f.Err.Error())})
	}
	r.Whole = r.Whole && report.Whole()
	r.Archives = append(r.Archives, e)
}

// pending reports whether the target lacks something.
func (r *copying) pending() bool {
	for _, e := range r.Archives {
		if e.Status != replicate.Present || e.Copied > 0 {
			return true
		}
	}
	return false
}

func (a *app) printCopied(r *copying) {
	verb := "copied"
	if r.DryRun {
		verb = "missing"
	}
	var archives, objects, bytes, byStore int64
	for _, e := range r.Archives {
		if e.Status == replicate.Copied || e.Status == replicate.Missing {
			archives++
		}
		objects += e.Copied
		bytes += e.CopiedBytes
		byStore += e.ByStore
		mark := a.out.Paint(ui.Green, "✓")
		if e.Status == replicate.Failed {
			mark = a.out.Paint(ui.Red, "✗")
		}
		a.out.Printf("%s %s: %s", mark, ui.Clean(e.Name), e.Status)
		if e.Copied > 0 {
			a.out.Printf(", %s (%s) %s", ui.Count(e.Copied, "object"), ui.Bytes(e.CopiedBytes), verb)
		}
		a.out.Printf("\n")
		if e.Reason != "" {
			a.out.Printf("  %s\n", a.out.Paint(ui.Red, e.Reason))
		}
		shown := min(len(e.Failures), shownFailures)
		for _, f := range e.Failures[:shown] {
			a.out.Printf("  %s\n", a.out.Paint(ui.Red, "not copied: "+f.Reason))
		}
		if more := e.Failed - int64(shown); more > 0 {
			a.out.Printf("  and %s more\n", ui.Grouped(more))
		}
	}
	a.out.Printf("%s and %s (%s) %s %s %s\n", ui.Count(archives, "archive"), ui.Count(objects, "object"), ui.Bytes(bytes), verb,
		map[bool]string{true: "in", false: "to"}[r.DryRun], ui.Clean(r.To))
	if byStore > 0 {
		a.out.Printf("the storage copied %s by itself; sizes and MD5 were compared, and cvarchive verify --read-data in the target compares the SHA-256\n", ui.Count(byStore, "object"))
	}
}
