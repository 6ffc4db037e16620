package main

import (
	"fmt"

	"github.com/urfave/cli/v2"

	"cvarchive/archive/export"
	"cvarchive/cmd/internal/ui"
	"cvarchive/manifest"
)

func (a *app) exportCommand() *cli.Command {
	return &cli.Command{
		Name:      "export",
		Usage:     "write models of an archive out as files",
		ArgsUsage: "ARCHIVE --models DIR",
		Description: examples(`Writes the exported models that an archive holds into a folder, as
<project>/<iteration>/<platform> <flavor>.<extension>, each checked against its digest.
Characters that file names cannot have become "_"; a name that was changed, or that two
things have, carries the beginning of an id. What is there already and equal is left
alone; another file is never replaced.

The exit status is 4 when a model is not there afterwards; the output names it.

`+archiveArg,
			"cvarchive export latest --models ./models",
			"cvarchive export prod-weu/latest --models ./models --project Screws --json"),
		Flags: withCommon(
			&cli.StringFlag{Name: "models", Usage: "write the exported models into the folder `DIR`"},
			&cli.StringSliceFlag{Name: "project", Usage: "only those of the project of this `NAME` or id; may be repeated"},
			progressFlag(), jsonFlag()),
		Action: a.action(a.export, 1, "run the same command again to go on; what is written already stays"),
	}
}

// exportedModels is the shape of "export --models --json".
type exportedModels struct {
	Archive  string             `json:"archive"` // name
	Dir      string             `json:"dir"`
	Models   []export.Model     `json:"models"`
	Whole    bool               `json:"whole"`
	Failures []manifest.Failure `json:"failures,omitempty"`
	// NotAsked says that the backup did not ask for models.
	NotAsked bool `json:"notAsked,omitempty"`
}

func (a *app) export(c *cli.Context) error {
	ref, err := oneArchive(c)
	if err != nil {
		return err
	}
	dir := c.String("models")
	if dir == "" {
		return usagef("export needs to know what to write and where: give --models DIR")
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
	m := o.reader.Manifest()
	chosen, err := chooseProjects(m, c.StringSlice("project"))
	if err != nil {
		return fmt.Errorf("%s: %w", o.name, err)
	}
	objects, err := a.objectsFor(c, o)
	if err != nil {
		return err
	}
	r, err := export.Models(c.Context, o.reader, objects, export.Options{Dir: dir, Projects: chosen, Progress: show.Event})
	show.Close()
	if err != nil {
		return fmt.Errorf("export the models of %s: %w", o.name, err)
	}
	out := &exportedModels{Archive: o.name, Dir: dir, Models: r.Models, Whole: r.Whole(), Failures: r.Failures, NotAsked: m.Capture.NoModels}
	return a.finish(c, out, func() { a.printModels(o.name, dir, r, m.Capture.NoModels) }, out.Whole, false)
}

func (a *app) printModels(archive, dir string, r *export.Report, notAsked bool) {
	for i := range r.Models {
		m := &r.Models[i]
		name := fmt.Sprintf("model %s %s of %q, %q", m.Platform, m.Flavor, m.Project, m.Iteration)
		switch m.Outcome {
		case export.Written:
			a.out.Printf("%s %s (%s)\n", a.out.Paint(ui.Green, "✓"), ui.Clean(m.File), ui.Bytes(m.Object.Size))
		case export.Present:
			a.out.Printf("= %s (there already)\n", ui.Clean(m.File))
		case export.Absent:
			a.out.Printf("- %s\n", ui.Sentence(name+": "+m.Reason))
		default:
			a.out.Printf("%s\n", a.out.Paint(ui.Red, "✗ "+ui.Sentence(name+": "+m.Reason)))
		}
	}
	for _, f := range r.Failures {
		a.out.Printf("%s\n", a.out.Paint(ui.Red, "✗ "+ui.Sentence(f.Item+": "+f.Message)))
	}
	if len(r.Models)+len(r.Failures) == 0 {
		why := ""
		if notAsked {
			why = ", for the backup was made with --models=false"
		}
		a.out.Printf("%s holds no exported models of the chosen projects%s.\n", ui.Clean(archive), why)
		return
	}
	written, bytes := r.Count(export.Written)
	present, _ := r.Count(export.Present)
	failed, _ := r.Count(export.Failed)
	a.out.Printf("%s (%s) written to %s, %s there already, %s not exported.\n", ui.Count(written, "model"), ui.Bytes(bytes), ui.Clean(dir), ui.Grouped(present), ui.Grouped(failed+len(r.Failures)))
}
