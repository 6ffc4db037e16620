package main

import (
	"errors"
	"fmt"

	"github.com/urfave/cli/v2"

	"cvarchive/archive/custody"
	"cvarchive/archive/vault"
	"cvarchive/cmd/internal/ui"
)

func (a *app) holdCommand() *cli.Command {
	return &cli.Command{
		Name:      "hold",
		Usage:     "put a legal hold on an archive and its objects, or take it off",
		ArgsUsage: "ARCHIVE [--release]",
		Description: examples(`Puts a legal hold of Azure Blob Storage on an archive, its signature and every image and
model that it names: nobody deletes or changes them until it is taken off, whatever
policies say. The container must support version-level immutability; doctor tells.

--release takes it off again. An object that another held archive names stays held. Both
can be done again, and go on where they were stopped. Exit status 4 means that it was not
done to everything, and an archive itself is only held once all its objects are.

`+archiveRef,
			"cvarchive hold prod-weu/latest",
			"cvarchive hold 1f6b4c2a --release"),
		Flags: withCommon(
			&cli.BoolFlag{Name: "release", Usage: "take the hold off"},
			progressFlag(), jsonFlag()),
		Action: a.action(a.hold, 1, "run the same command again to go on"),
	}
}

// heldArchive is the shape of "hold --json".
type heldArchive struct {
	Archive  string           `json:"archive"`
	Held     bool             `json:"held"`
	Whole    bool             `json:"whole"`
	Files    int64            `json:"files"` // that it was done to
	Left     int64            `json:"left"`  // objects that stay held for another archive
	Failed   int64            `json:"failed"`
	Failures []custodyFailure `json:"failures,omitempty"`
}

type custodyFailure struct {
	Name   string `json:"name"`
	Reason string `json:"reason"`
}

func custodyFailures(r *custody.Report) (list []custodyFailure) {
	for _, f := range r.Failures {
		list = append(list, custodyFailure{Name: f.Name, Reason: ui.Sentence(f.Err.Error())})
	}
	return list
}

func (a *app) hold(c *cli.Context) error {
	v, entry, err := a.vaultArchive(c)
	if err != nil {
		return err
	}
	show, err := a.progress(c)
	if err != nil {
		return err
	}
	defer show.Close()
	do := custody.Hold
	if c.Bool("release") {
		do = custody.Release
	}
	r, err := do(c.Context, v, entry, custody.Options{Progress: show.Event})
	show.Close()
	if err != nil {
		return noSuchFeature(err)
	}
	out := &heldArchive{
		Archive: entry.Name, Held: !c.Bool("release"), Whole: r.Failed == 0,
		Files: r.Done, Left: r.Left, Failed: r.Failed, Failures: custodyFailures(r),
	}
	return a.finish(c, out, func() { a.printHeld(out) }, out.Whole, false)
}

func (a *app) printHeld(r *heldArchive) {
	switch {
	case !r.Held:
		a.out.Printf("released %s: %s are free\n", ui.Clean(r.Archive), ui.Count(r.Files, "file"))
	case r.Whole:
		a.out.Printf("held %s: nobody deletes or changes its %s until cvarchive hold --release\n", ui.Clean(r.Archive), ui.Count(r.Files, "file"))
	default:
		a.out.Printf("%s is not held, only %s that it names\n", ui.Clean(r.Archive), ui.Count(r.Files, "object"))
	}
	if r.Left > 0 {
		a.out.Printf("%s stay held, for other archives that are\n", ui.Count(r.Left, "object"))
	}
	a.printCustodyFailures(r.Failures, r.Failed)
}

func (a *app) printCustodyFailures(list []custodyFailure, failed int64) {
	shown := list[:min(len(list), shownFailures)]
	for _, f := range shown {
		a.out.Printf("%s\n", a.out.Paint(ui.Red, "failed: "+ui.Clean(f.Name)+": "+f.Reason))
	}
	if more := failed - int64(len(shown)); more > 0 {
		a.out.Printf("and %s more; --json lists a hundred\n", ui.Grouped(more))
	}
}

// vaultArchive opens the vault and finds the one ARCHIVE in it; files are of no
// use.
func (a *app) vaultArchive(c *cli.Context) (*vault.Vault, vault.Archive, error) {
	ref, err := oneArchive(c)
	if err != nil {
		return nil, vault.Archive{}, err
	}
	if isPath(ref) {
		return nil, vault.Archive{}, usagef("%s is a file, and %s is about archives of a vault; cvarchive list shows their names", ref, c.Command.Name)
	}
	v, err := a.vault(c)
	if err != nil {
		return nil, vault.Archive{}, err
	}
	entry, err := v.Resolve(c.Context, ref)
	return v, entry, err
}

// noSuchFeature makes a usage error of what the vault does not have.
func noSuchFeature(err error) error {
	if e, ok := errors.AsType[*custody.UnsupportedError](err); ok {
		return usagef("%v", e)
	}
	return err
}

// protect prolongs the policies of the objects of archives that were stored
// just now, and reports whether all could be.
func (a *app) protect(c *cli.Context, v *vault.Vault, archives ...vault.Archive) (whole bool, err error) {
	whole = true
	g, guards := v.Guards()
	for _, entry := range archives {
		if !guards || g.ImmutableFor(entry.Path) == 0 {
			break
		}
		if err := v.CanRead(); err != nil {
			fmt.Fprintf(a.stderr, "the policies of images that were in the vault already are not prolonged for %s, since what it names cannot be read here; back up with identity: in the config to have immutable_for hold for them\n", ui.Clean(entry.Name))
			return false, nil
		}
		r, err := custody.Protect(c.Context, v, entry, custody.Options{})
		if err != nil {
			return false, fmt.Errorf("the archive %s is stored; prolong the policies of its objects: %w", entry.Name, err)
		}
		if r.Failed == 0 {
			continue
		}
		whole = false
		fmt.Fprintf(a.stderr, "%s of %s are not protected for as long as immutable_for says, such as %s\n",
			ui.Count(r.Failed, "object"), ui.Clean(entry.Name), ui.Sentence(fmt.Sprintf("%s: %v", r.Failures[0].Name, r.Failures[0].Err)))
	}
	return whole, nil
}
