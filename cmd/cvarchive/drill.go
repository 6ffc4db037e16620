package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/urfave/cli/v2"

	"cvarchive/archive/drill"
	"cvarchive/archive/restore"
	"cvarchive/archive/vault"
	"cvarchive/cmd/internal/config"
	"cvarchive/cmd/internal/ui"
	"cvarchive/manifest"
	"cvarchive/manifest/plan"
	"cvarchive/remote/customvision"
)

func (a *app) drillCommand() *cli.Command {
	return &cli.Command{
		Name:      "drill",
		Usage:     "rehearse a restore, prove it, and clean up",
		ArgsUsage: "ARCHIVE --to TARGET | --clean-up --to TARGET",
		Description: examples(`Restores projects of an archive into a resource under temporary names, "drill-<id>-<n>
NAME", reads them back and compares them with the archive, and deletes them again. It
tells how long the recovery took (RTO) and how old the data is (RPO); --report keeps all
that, with the digest of the archive, for a compliance file. --train trains rebuilt
projects that had been trained, and counts that in.

Only what the drill created is deleted: a journal in the vault knows it, and is written
before anything is created. A drill that was killed is cleaned up by the next one into
the same resource, or by --clean-up. Other projects of the resource are not touched.

The exit status is 0 when the drill passed, and 4 when something was not restored, differs
from the archive, or could not be deleted; the output names it.

`+archiveArg,
			"cvarchive drill latest --to dr-neu",
			"cvarchive drill latest --to dr-neu --mode rebuild --train --report drill.html --yes",
			"cvarchive drill prod-weu/latest --to dr-neu --project Screws --yes --json",
			"cvarchive drill --clean-up --to dr-neu"),
		Flags: withCommon(
			&cli.StringFlag{Name: "to", Usage: "rehearse in the resource `TARGET` of the config"},
			&cli.StringSliceFlag{Name: "project", Usage: "restore only the project of this `NAME` or id; may be repeated"},
			&cli.StringFlag{Name: "mode", Value: string(plan.ModeAuto), Usage: "restore by `MODE`: auto (token while it lives, else content), import (token), rebuild (content)"},
			&cli.StringFlag{Name: "transfer", Value: string(restore.TransferAuto), Usage: "how images travel: `WAY` auto, url (the service fetches them from Blob Storage), upload"},
			&cli.BoolFlag{Name: "train", Usage: "train rebuilt projects that were trained, and compare the figures"},
			&cli.StringFlag{Name: "tier", Usage: "the target's pricing `TIER`: F0 or S0 (else as the config says, else learnt)"},
			&cli.StringFlag{Name: "report", Usage: "write a report to `FILE`: .md, .html or .json"},
			&cli.BoolFlag{Name: "keep-on-failure", Usage: "keep what was created when the drill does not pass, until the next one"},
			&cli.BoolFlag{Name: "clean-up", Usage: "only delete what drills that were killed have left in the target"},
			&cli.BoolFlag{Name: "yes", Aliases: []string{"y"}, Usage: "do not ask for confirmation"},
			endpointFlag(), progressFlag(), jsonFlag()),
		Action: a.action(a.drill, 1, "what the drill had created is deleted, and what could not be is by the next drill or by --clean-up"),
	}
}

func (a *app) drill(c *cli.Context) error {
	if c.Bool("clean-up") {
		return a.drillCleanUp(c)
	}
	opt, err := drillChoices(c)
	if err != nil {
		return err
	}
	ref, err := oneArchive(c)
	if err != nil {
		return err
	}
	target, err := a.target(c)
	if err != nil {
		return err
	}
	if err := a.mayWrite(c, target.Name); err != nil {
		return err
	}
	show, err := a.progress(c)
	if err != nil {
		return err
	}
	opt.CallsPerSecond = target.CallsPerSecond
	if opt.Tier, err = tierOf(c, target); err != nil {
		return err
	}
	v, err := a.vault(c)
	if err != nil {
		return err
	}
	r, err := a.prepareRestore(c, ref, target, opt)
	if err != nil {
		return err
	}
	defer r.archive.close()
	r.opt.Progress = show.Event
	d, err := drill.Prepare(c.Context, r.client, r.archive.reader, a.drillOptions(c, v, r.opt))
	if err != nil {
		return fmt.Errorf("plan the drill of %s on %s: %w", r.archive.name, target.Name, err)
	}
	if err := a.agreeToDrill(c, d, r); err != nil {
		return err
	}
	report, err := d.Run(c.Context, r.objects)
	show.Close()
	if report != nil {
		err = errors.Join(err, a.showDrill(c, report))
	}
	if err != nil {
		return fmt.Errorf("drill %s on %s: %w", r.archive.name, target.Name, err)
	}
	if !report.Passed {
		return &statusError{exitNotWhole}
	}
	return nil
}

// drillChoices reads what is to be rehearsed, and how.
func drillChoices(c *cli.Context) (plan.Options, error) {
	opt := plan.Options{Projects: c.StringSlice("project"), Train: c.Bool("train")}
	var err error
	opt.Mode, err = modeOf(c)
	return opt, err
}

func (a *app) drillOptions(c *cli.Context, v *vault.Vault, opt restore.Options) drill.Options {
	return drill.Options{
		Restore: opt, Journal: v.Notes(), Clock: v.Clock, KeepFailed: c.Bool("keep-on-failure"),
		Tool: manifest.Tool{Name: "cvarchive", Version: toolVersion()},
	}
}

// agreeToDrill shows what is going to happen, and asks.
func (a *app) agreeToDrill(c *cli.Context, d *drill.Drill, r *restoration) error {
	if _, none := r.objects.(noObjects); none && d.Plan.Totals.Rebuild > 0 {
		return usagef("%s is a lone file and no vault is known to take the images from; give --vault, or --mode import", r.archive.name)
	}
	target := d.Plan.Target.Name
	for _, id := range d.Running {
		fmt.Fprintf(a.stderr, "warning: drill %s into %s is under way, or was killed moments ago on another machine; it is left alone\n", ui.Clean(id), target)
	}
	if !c.Bool("json") {
		a.printPlan(d.Plan, !c.Bool("yes"))
		for _, p := range d.Left {
			a.out.Printf("- project %s, which an earlier drill has left, is deleted first\n", ui.Sentence(fmt.Sprintf("%q (%s)", p.Name, p.ID)))
		}
	}
	if c.Bool("yes") {
		return nil
	}
	agreed, err := a.ask(c.Context, fmt.Sprintf("Drill in %s, and delete what was created afterwards? Only \"yes\" goes on: ", target))
	if err == nil && !agreed {
		err = errors.New("nothing was done, for the answer was not yes; run the command again when you are ready")
	}
	return err
}

// showDrill prints the report, and keeps it in a file if asked to.
func (a *app) showDrill(c *cli.Context, r *drill.Report) (err error) {
	if c.Bool("json") {
		err = a.out.JSON(r)
	} else {
		a.printDrill(r)
	}
	if path := c.String("report"); path != "" {
		err = errors.Join(err, writeReport(path, r))
	}
	return err
}

func (a *app) printDrill(r *drill.Report) {
	a.out.Printf("\n")
	for i := range r.Projects {
		a.printRestored(&r.Projects[i])
	}
	for _, f := range r.Failures {
		a.out.Printf("%s\n", a.out.Paint(ui.Red, "failed: "+ui.Sentence(f.Item+": "+f.Message)))
	}
	verdict := a.out.Paint(ui.Green, "passed")
	if !r.Passed {
		verdict = a.out.Paint(ui.Red, "NOT passed")
	}
	a.out.Printf("\nDrill %s of %s on %s: %s.\n", r.Drill, ui.Clean(r.Archive.Name), ui.Clean(r.Target.Name), verdict)
	c := &r.Recovery
	t := ui.Table{}
	t.Row("Time to recovery (RTO)", fmt.Sprintf("%s: plan %s, restore %s, proof %s%s", spent(c.Seconds),
		spent(c.PlanSeconds), spent(c.RestoreSeconds), spent(c.ProofSeconds), trainingTime(c)))
	t.Row("Age of the data (RPO)", fmt.Sprintf("%s: captured %s", spent(r.Data.AgeSeconds), ui.Time(r.Data.Captured)))
	if !r.Archive.SHA256.IsZero() {
		t.Row("SHA-256 of the archive", r.Archive.SHA256.String())
	}
	cleaned := fmt.Sprintf("%s deleted in %s", ui.Count(len(r.Removed), "project"), spent(c.CleanUpSeconds))
	if n := len(r.Kept); n > 0 {
		cleaned += fmt.Sprintf("; %s kept, until the next drill or --clean-up", ui.Count(n, "project"))
	}
	if n := len(r.Earlier); n > 0 {
		cleaned += fmt.Sprintf("; before that, %s that an earlier drill had left", ui.Count(n, "project"))
	}
	t.Row("Clean-up", cleaned)
	others := fmt.Sprintf("%s before, %s afterwards", ui.Grouped(r.Others.Before), ui.Grouped(r.Others.After))
	if n := len(r.Others.Changed); n > 0 {
		others += fmt.Sprintf("; %s changed meanwhile, not by the drill", ui.Count(n, "project"))
	}
	t.Row("Other projects there", others)
	t.Print(a.out, "  ")
}

// spent is a number of seconds for people.
func spent(seconds float64) string { return ui.Duration(time.Duration(seconds * float64(time.Second))) }

func trainingTime(c *drill.Recovery) string {
	if c.TrainingSeconds == 0 {
		return ""
	}
	return ", training " + spent(c.TrainingSeconds)
}

// drillCleanUp only deletes what earlier drills have left.
func (a *app) drillCleanUp(c *cli.Context) error {
	if c.NArg() > 0 {
		return usagef("--clean-up is about every drill into the target; leave out %q", c.Args().First())
	}
	for _, name := range []string{"project", "mode", "transfer", "train", "report", "keep-on-failure"} {
		if c.IsSet(name) {
			return usagef("--%s says how to rehearse, and --clean-up does not; give one of them", name)
		}
	}
	target, err := a.target(c)
	if err != nil {
		return err
	}
	v, err := a.vault(c)
	if err != nil {
		return err
	}
	client, err := a.client(target)
	if err != nil {
		return err
	}
	cleaned, err := drill.CleanUp(c.Context, client, a.drillOptions(c, v, targetOptions(a, target, client)))
	if err != nil {
		return fmt.Errorf("clean up after drills on %s: %w", target.Name, err)
	}
	return a.finish(c, cleaned, func() { a.printCleaned(cleaned) }, len(cleaned.Failures)+len(cleaned.Running) == 0, false)
}

// targetOptions name a target where nothing is restored.
func targetOptions(a *app, target config.Resource, client *customvision.Client) restore.Options {
	return restore.Options{Target: plan.Target{Name: target.Name, Endpoint: client.Endpoint()}, Now: a.now, Logger: a.log}
}

func (a *app) printCleaned(r *drill.Cleaned) {
	for _, p := range r.Removed {
		a.out.Printf("- deleted %s\n", ui.Sentence(fmt.Sprintf("project %q (%s)", p.Name, p.ID)))
	}
	for _, id := range r.Running {
		a.out.Printf("drill %s is under way, or was killed moments ago on another machine; it was left alone\n", ui.Clean(id))
	}
	for _, f := range r.Failures {
		a.out.Printf("%s\n", a.out.Paint(ui.Red, "failed: "+ui.Sentence(f.Item+": "+f.Message)))
	}
	a.out.Printf("%s that drills had left in %s deleted\n", ui.Count(len(r.Removed), "project"), ui.Clean(r.Target.Name))
}
