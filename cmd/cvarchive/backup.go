package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"cvarchive/archive/backup"
	"cvarchive/archive/progress"
	"cvarchive/cmd/internal/config"
	"cvarchive/cmd/internal/ui"
	"cvarchive/manifest"
)

// backupResult is the shape of "backup --json".
type backupResult struct {
	Archive  string           `json:"archive"` // its name in the vault
	Vault    string           `json:"vault"`
	SHA256   manifest.Digest  `json:"sha256"` // of the archive file
	Size     int64            `json:"size"`   // of the archive file, bytes
	Source   manifest.Source  `json:"source"`
	Started  time.Time        `json:"started"`
	Finished time.Time        `json:"finished"`
	Capture  manifest.Capture `json:"capture"`
	Whole    bool             `json:"whole"`
	Stats    backupStats      `json:"stats"`
	// Tokens counts export tokens in the archive, TokensUntil is when the
	// last of them expires.
	Tokens      int                     `json:"tokens"`
	TokensUntil *time.Time              `json:"tokensUntil,omitempty"`
	Projects    []manifest.ProjectEntry `json:"projects"`
	Failures    []manifest.Failure      `json:"failures,omitempty"`
	// Items are images and models that could not be captured, the first
	// hundred; the archive explains all.
	Items []backupItem `json:"items,omitempty"`
}

// backupStats say what a backup moved.
type backupStats struct {
	ImagesDownloaded int   `json:"imagesDownloaded"`
	ImagesReused     int   `json:"imagesReused"`
	ModelsDownloaded int   `json:"modelsDownloaded"`
	ObjectsStored    int   `json:"objectsStored"`
	BytesDownloaded  int64 `json:"bytesDownloaded"`
	BytesStored      int64 `json:"bytesStored"`
}

// backupItem is an image or model that could not be captured.
type backupItem struct {
	Project string `json:"project"`
	manifest.Failure
}

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

Without --no-tokens the archive holds the export tokens, which let anyone who reads it
import the projects for about a day.

Exit status 4 means that the archive was written but something could not be captured;
the output names it.`,
			"cvarchive backup",
			"cvarchive backup prod-weu --no-tokens",
			"cvarchive backup prod-weu --project 'Fruit on the belt' --project Screws",
			"cvarchive backup prod-weu --metadata-only --json",
			"CUSTOMVISION_TRAINING_KEY=… cvarchive backup --endpoint https://westeurope.api.cognitive.microsoft.com --vault ./vault"),
		Flags: withCommon(
			&cli.StringSliceFlag{Name: "project", Usage: "capture only the project of this `NAME` or id; may be repeated"},
			&cli.BoolFlag{Name: "metadata-only", Usage: "leave out the bytes of images and models: a fast inventory"},
			&cli.BoolFlag{Name: "no-tokens", Usage: "leave the export tokens out of the archive"},
			&cli.BoolFlag{Name: "models", Value: true, Usage: "download the exported models that exist (--models=false leaves them out)"},
			&cli.IntFlag{Name: "downloads", DefaultText: "a sensible one", Usage: "download this `NUMBER` of images at once"},
			endpointFlag(), progressFlag(), jsonFlag()),
		Action: a.action(a.backup, 1, "run the same command again to go on; what is stored already is not downloaded again"),
	}
}

func (a *app) backup(c *cli.Context) error {
	if n := c.Int("downloads"); n < 0 || n > 256 {
		return usagef("--downloads cannot be %d; give 1 to 256", n)
	}
	res, err := a.resource(c, c.Args().First(), "source")
	if err != nil {
		return err
	}
	client, err := a.client(res)
	if err != nil {
		return err
	}
	show, err := a.progress(c)
	if err != nil {
		return err
	}
	v, err := a.vaultForWriting(c)
	if err != nil {
		return err
	}
	stop := a.interrupts.gently()
	done := make(chan struct{})
	go func() {
		select {
		case <-stop:
			show.Event(progress.Event{Kind: progress.Warning, Message: "stopping: what is being downloaded is stored first; interrupt again to stop now"})
		case <-done:
		}
	}()
	r, err := backup.Run(c.Context, client, v, backup.Options{
		Source: sourceOf(res, client), Tool: manifest.Tool{Name: "cvarchive", Version: toolVersion()},
		Projects: c.StringSlice("project"), MetadataOnly: c.Bool("metadata-only"),
		NoTokens: c.Bool("no-tokens"), NoModels: !c.Bool("models"),
		Downloads: c.Int("downloads"), Stop: stop, Now: a.now, Progress: show.Event, Logger: a.log,
	})
	close(done)
	show.Close()
	if err != nil {
		return err
	}
	result := newBackupResult(r, v.String())
	if c.Bool("json") {
		err = a.out.JSON(result)
	} else {
		a.printBackup(result, res)
	}
	if err == nil && !result.Whole {
		return &statusError{exitNotWhole}
	}
	return err
}

func newBackupResult(r *backup.Result, vaultName string) *backupResult {
	m := r.Manifest
	t := tokensOf(m)
	b := &backupResult{
		Archive: r.Archive.Name, Vault: vaultName, SHA256: r.SHA256, Size: r.Archive.Size,
		Source: m.Source, Started: m.Started, Finished: m.Finished, Capture: m.Capture,
		Whole: r.Whole(), Stats: backupStats(r.Stats), Tokens: t.count, TokensUntil: t.until,
		Projects: nonNil(m.Projects), Failures: m.Failures,
	}
	for _, item := range r.Items {
		b.Items = append(b.Items, backupItem{Project: item.Project, Failure: item.Failure})
	}
	return b
}

func (a *app) printBackup(b *backupResult, res config.Resource) {
	t := ui.Table{Right: []int{1, 2, 3, 4, 5}}
	t.Row("PROJECT", "IMAGES", "TAGS", "REGIONS", "ITERATIONS", "CONTENT", "TOKEN", "STATE")
	for _, p := range b.Projects {
		t.Row(p.Name, ui.Grouped(p.Counts.Images), ui.Grouped(p.Counts.Tags), ui.Grouped(p.Counts.Regions),
			ui.Grouped(p.Counts.Iterations), ui.Bytes(p.Counts.Bytes), string(p.Token.State), string(p.Outcome))
	}
	t.Print(a.out, "")
	a.out.Printf("\n")
	a.printBackupFailures(b)
	s := b.Stats
	a.out.Printf("Captured %s of %s in %s: %s downloaded (%s), %s already in the vault.\n",
		ui.Count(len(b.Projects), "project"), ui.Clean(res.Name), ui.Duration(b.Finished.Sub(b.Started)),
		ui.Count(s.ImagesDownloaded, "image"), ui.Bytes(s.BytesDownloaded), ui.Grouped(s.ImagesReused))
	a.out.Printf("Archive  %s (%s)\n", a.out.Paint(ui.Bold, b.Archive), ui.Bytes(b.Size))
	a.out.Printf("SHA-256  %s\n", b.SHA256)
	a.out.Printf("Vault    %s\n", ui.Clean(b.Vault))
	a.printTokens(b)
	if !b.Whole {
		a.out.Printf("%s\n", a.out.Paint(ui.Red, "The archive is not whole: what is listed above could not be captured."))
	}
}

// printTokens warns that the archive can be used to import, while it can.
func (a *app) printTokens(b *backupResult) {
	stored := slices.ContainsFunc(b.Projects, func(p manifest.ProjectEntry) bool { return p.Token.State == manifest.TokenStored })
	switch {
	case !stored:
	case b.TokensUntil == nil:
		a.out.Printf("Tokens   live export tokens are inside; anyone who reads this archive can import the projects while they live\n")
	default:
		a.out.Printf("Tokens   live export tokens are inside until %s; anyone who reads this archive can import the projects until then\n", ui.Time(*b.TokensUntil))
	}
}

// printBackupFailures names what could not be captured, with the reason.
func (a *app) printBackupFailures(b *backupResult) {
	var lines []string
	for _, f := range b.Failures {
		lines = append(lines, failureText(f))
	}
	failed := 0
	for _, p := range b.Projects {
		failed += p.Counts.FailedImages
		for _, f := range p.Failures {
			lines = append(lines, inProject(p.Name, f))
		}
	}
	for _, item := range b.Items {
		lines = append(lines, inProject(item.Project, item.Failure))
	}
	for _, l := range lines {
		a.out.Printf("%s\n", a.out.Paint(ui.Red, l))
	}
	if failed > len(b.Items) {
		a.out.Printf("%s in all could not be captured; cvarchive inspect --json names every one\n", ui.Count(failed, "image"))
	}
	if len(lines) > 0 {
		a.out.Printf("\n")
	}
}

func inProject(project string, f manifest.Failure) string {
	return strings.Replace(failureText(f), "not captured: ", fmt.Sprintf("not captured: %s: ", ui.Clean(project)), 1)
}
