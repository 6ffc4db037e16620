package main

import (
	"cmp"
	"sync"
	"time"

	"github.com/urfave/cli/v2"

	"cvarchive/archive/backup"
	"cvarchive/archive/progress"
	"cvarchive/manifest"
)

func (a *app) backupCommand() *cli.Command {
	return &cli.Command{
		Name:      "backup",
		Usage:     "capture an account into a new archive",
		ArgsUsage: "[SOURCE]",
		Description: examples(`Captures every project of a resource into a new archive of the vault: settings, tags,
images with their regions and metadata, iterations, exported models, and the export
token. Image bytes that the vault has already are not downloaded again, and a backup
that was stopped, or killed, goes on where it was when it is run again: interrupted once,
it stores what it is downloading and ends; interrupted twice, it ends at once. SOURCE names a resource
of the config; it can be left out where there is only one.

The archive holds the export tokens, which let anyone who reads it import the projects
for about a day, unless seal_to in the config seals them (restore --identity opens them
then) or --no-tokens leaves them out.

A project that changes while it is listed is listed again, at most three times, until the
listing is a state that it really had, or marked. What tells of a change are the service's
counts, the list itself and the project's date of change; --list-twice does without the date.

With sign_with in the config, or --sign-with, the archive is signed: see "cvarchive sign".

Exit status 4 means that the archive was written but something could not be captured, or
that it could not be signed; the output names it and says what to do. An archive that lost more than --max-failures is
kept, marked as incomplete, and never the "latest".`,
			"cvarchive backup",
			"cvarchive backup prod-weu --no-tokens",
			"cvarchive backup prod-weu --project 'Fruit on the belt' --project Screws",
			"cvarchive backup prod-weu --metadata-only --json",
			"cvarchive backup prod-weu --max-failures 0 --status-file /var/lib/node_exporter/cvarchive-prod-weu.prom",
			"CUSTOMVISION_TRAINING_KEY=… cvarchive backup --endpoint https://westeurope.api.cognitive.microsoft.com --vault ./vault"),
		Flags: withCommon(
			&cli.StringSliceFlag{Name: "project", Usage: "capture only the project of this `NAME` or id; may be repeated"},
			&cli.BoolFlag{Name: "metadata-only", Usage: "leave out the bytes of images and models: a fast inventory"},
			&cli.BoolFlag{Name: "no-tokens", Usage: "leave the export tokens out of the archive"},
			&cli.BoolFlag{Name: "models", Value: true, Usage: "download the exported models that exist (--models=false leaves them out)"},
			&cli.BoolFlag{Name: "list-twice", Usage: "list every project until two listings in a row agree, rather than believe its date of change; takes twice the calls"},
			&cli.IntFlag{Name: "downloads", DefaultText: "as many as are of use, up to 512", Usage: "download at most this `NUMBER` of images at once"},
			&cli.StringFlag{Name: "max-failures", Value: "10%", Usage: "mark an archive that lost more than this `NUMBER` or share of images and models as incomplete"},
			&cli.StringFlag{Name: "status-file", Usage: "write how the run ended to `FILE`, for Prometheus' textfile collector; one file a source"},
			signWithFlag(), endpointFlag(), progressFlag(), jsonFlag()),
		Action: a.action(a.backup, 1, "run the same command again to go on; what is stored already is not downloaded again"),
	}
}

// backupRun is one run of the command, as far as it came.
type backupRun struct {
	source string // name of the resource; empty: it did not come to that
	began  time.Time
	result *backup.Result // nil: there is no archive
}

func (a *app) backup(c *cli.Context) error {
	limit, err := backupLimits(c)
	if err != nil {
		return err
	}
	run := &backupRun{source: c.Args().First(), began: a.now()}
	err = a.runBackup(c, run, limit)
	if path := c.String("status-file"); path != "" {
		status := exitStatus(interrupted(c.Context, err, ""))
		if failed := writeStatusFile(path, run, status, a.now()); failed != nil {
			report(a.stderr, failed)
			err = cmp.Or(err, error(&statusError{exitFailed}))
		}
	}
	return err
}

// backupLimits checks the flags that are numbers.
func backupLimits(c *cli.Context) (backup.Limit, error) {
	if n := c.Int("downloads"); n < 0 || n > 512 {
		return backup.Limit{}, usagef("--downloads cannot be %d; give 1 to 512", n)
	}
	limit, err := backup.ParseLimit(c.String("max-failures"))
	if err != nil {
		return limit, usagef("--max-failures: %v", err)
	}
	return limit, nil
}

func (a *app) runBackup(c *cli.Context, run *backupRun, limit backup.Limit) error {
	res, err := a.resource(c, c.Args().First(), "source")
	if err != nil {
		return err
	}
	run.source = res.Name
	client, err := a.client(res)
	if err != nil {
		return err
	}
	show, err := a.progress(c)
	if err != nil {
		return err
	}
	defer show.Close()
	v, err := a.vaultForWriting(c)
	if err != nil {
		return err
	}
	sealTo, err := a.sealTo(c)
	if err != nil {
		return err
	}
	if v, err = a.signingVault(c, v); err != nil {
		return err
	}
	events := progress.Func(show.Event)
	if c.Bool("json") {
		events = a.jsonWarnings(events)
	}
	stop, done := a.stopGently(events)
	run.result, err = backup.Run(c.Context, client, v, backup.Options{
		Source: sourceOf(res, client), Tool: manifest.Tool{Name: "cvarchive", Version: toolVersion()},
		Projects: c.StringSlice("project"), MetadataOnly: c.Bool("metadata-only"),
		NoTokens: c.Bool("no-tokens"), SealTo: sealTo, NoModels: !c.Bool("models"), ListTwice: c.Bool("list-twice"), MaxFailures: limit,
		Downloads: c.Int("downloads"), Stop: stop, Now: a.now, Progress: events, Logger: a.log,
	})
	done()
	show.Close()
	if err != nil {
		return err
	}
	protected, err := a.protect(c, v, run.result.Archive)
	if err != nil {
		return err
	}
	if c.Bool("json") {
		err = a.jsonBackup(run.result, v.String())
	} else {
		a.printBackup(run.result, v)
	}
	if err == nil && (!run.result.Whole() || run.result.Unsigned != nil || !protected) {
		return &statusError{exitNotWhole}
	}
	return err
}

// stopGently returns what the first signal closes, and tells the user that it
// was heard. Call done when nothing is left to be stopped.
func (a *app) stopGently(events progress.Func) (stop <-chan struct{}, done func()) {
	stop, over := a.interrupts.gently(), make(chan struct{})
	var g sync.WaitGroup
	g.Go(func() {
		select {
		case <-stop:
			events.Send(progress.Event{Kind: progress.Warning, Message: "stopping: what is being downloaded is stored first; interrupt again to stop now"})
		case <-over:
		}
	})
	return stop, func() {
		close(over)
		g.Wait()
	}
}
