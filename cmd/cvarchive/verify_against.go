package main

import (
	"errors"
	"fmt"

	"github.com/urfave/cli/v2"

	"cvarchive/archive/restore"
	"cvarchive/cmd/internal/ui"
	"cvarchive/manifest/plan"
)

// aboutStored are the flags of verify that are about the vault.
var aboutStored = []string{"all", "read-data", "sample", "seed", "state", "restart", "allowed-signers", "chain", "allow-gaps"}

// verifyAgainst compares an archive with a resource, as the proof of a restore
// does. It only reads, so that a protected resource will do.
func (a *app) verifyAgainst(c *cli.Context) error {
	for _, name := range aboutStored {
		if c.IsSet(name) {
			return usagef("--%s is about what the vault holds, and --against about a resource; give one of them", name)
		}
	}
	ref, err := oneArchive(c)
	if err != nil {
		return err
	}
	if c.NArg() > 1 {
		return usagef("--against takes one ARCHIVE; leave out %q", c.Args().Get(1))
	}
	names, err := renamesOf(c)
	if err != nil {
		return err
	}
	path := c.String("report")
	if path != "" {
		if _, err := reportForm(path); err != nil {
			return err
		}
	}
	target, err := a.resource(c, c.String("against"), "target")
	if err != nil {
		return err
	}
	client, err := a.client(target)
	if err != nil {
		return err
	}
	show, err := a.progress(c)
	if err != nil {
		return err
	}
	o, err := a.openArchive(c, ref)
	if err != nil {
		return err
	}
	defer o.close()
	digest, err := digestOf(c.Context, o)
	if err != nil {
		return err
	}
	r, err := restore.ProveAll(c.Context, client, o.reader, restore.Options{
		ArchiveName: o.name, ArchiveSHA256: digest,
		Target: plan.Target{Name: target.Name, Endpoint: client.Endpoint()},
		Plan:   plan.Options{Projects: c.StringSlice("project"), Rename: names},
		Now:    a.now, Logger: a.log, Progress: show.Event,
	})
	show.Close()
	if err != nil {
		return fmt.Errorf("compare %s with %s: %w", o.name, target.Name, err)
	}
	return a.showProof(c, r, path)
}

// showProof prints what the comparison found, keeps it in a file if asked to,
// and turns it into an exit status.
func (a *app) showProof(c *cli.Context, r *restore.ProofReport, path string) (err error) {
	if c.Bool("json") {
		err = a.out.JSON(r)
	} else {
		a.printProofs(r)
	}
	if path != "" {
		err = errors.Join(err, writeReport(path, r))
	}
	if err != nil {
		return err
	}
	return outcomeError(r.Whole(), !r.Equal())
}

func (a *app) printProofs(r *restore.ProofReport) {
	unequal := 0
	for i := range r.Projects {
		p := &r.Projects[i]
		name := ui.Clean(p.Name)
		if p.TargetName != p.Name {
			name += " → " + ui.Clean(p.TargetName)
		}
		if p.Verdict() == "equal" {
			a.out.Printf("%s %s: equal to the archive: %s, %s by their bytes\n", a.out.Paint(ui.Green, "✓"), name, ui.Count(p.Proof.Images, "image"), ui.Grouped(p.Proof.ByContent))
			continue
		}
		unequal++
		text := p.Verdict()
		if p.Reason != "" {
			text += ": " + ui.Sentence(p.Reason)
		}
		a.out.Printf("%s %s: %s\n", a.out.Paint(ui.Red, "✗"), name, text)
		a.printNotDone("not compared", p.Failures)
		a.printProof(p.Proof)
	}
	took := ui.Duration(r.Finished.Sub(r.Started))
	if unequal == 0 {
		a.out.Printf("%s of %s read back from %s in %s, each equal to the archive.\n", ui.Count(len(r.Projects), "project"), ui.Clean(r.Archive.Name), ui.Clean(r.Target.Name), took)
		return
	}
	a.out.Printf("%s\n", a.out.Paint(ui.Red, fmt.Sprintf("%s of %s compared with %s in %s; %s not equal, as listed above.",
		ui.Count(len(r.Projects), "project"), ui.Clean(r.Archive.Name), ui.Clean(r.Target.Name), took, ui.Count(unequal, "project"))))
}
