package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/urfave/cli/v2"

	"cvarchive/archive"
	"cvarchive/archive/compare"
)

// shownImageEdits bounds the differences of images that --images lists for a
// project.
const shownImageEdits = 1000

func (a *app) diffCommand() *cli.Command {
	return &cli.Command{
		Name:      "diff",
		Usage:     "show what differs between archives, or an archive and a resource",
		ArgsUsage: "ARCHIVE [ARCHIVE] | ARCHIVE --live NAME",
		Description: examples(`Shows what changed between two archives, the older one first: projects, settings, tags,
iterations and images that were added, removed, renamed, retagged or moved. With one
ARCHIVE, it is compared with the one that it builds on, its predecessor in the vault.
With --live, it is compared with what the resource NAME of the config holds now; only
listing calls are made.

What belongs to one resource is matched by id, so that something renamed is the same
thing renamed. Across resources, after a restore, projects and tags are matched by name,
and images are counted, in all and by tag; --deep lists and reads every image of the
resource and compares them one by one, by their bytes.

A line a project comes first, then a tally; --project and --images show the details.
The exit status is 0 when nothing differs, 3 when something does, and 4 when a project
could not be compared.

`+archiveArg,
			"cvarchive diff latest",
			"cvarchive diff prod-weu/20280801 prod-weu/latest --project 'Fruit on the belt' --images",
			"cvarchive diff latest --live prod-weu",
			"cvarchive diff prod-weu/latest --live dr-neu --deep --json"),
		Flags: withCommon(
			&cli.StringFlag{Name: "live", Usage: "compare with what the resource `NAME` of the config holds now"},
			&cli.BoolFlag{Name: "deep", Usage: "with --live of another resource: read every image and compare the bytes"},
			&cli.StringSliceFlag{Name: "project", Usage: "compare only the project of this `NAME` or id, in detail; may be repeated"},
			&cli.BoolFlag{Name: "images", Usage: "list the images that differ"},
			endpointFlag(), progressFlag(), jsonFlag()),
		Action: a.action(a.diff, 2, ""),
	}
}

func (a *app) diff(c *cli.Context) error {
	ref, err := oneArchive(c)
	if err != nil {
		return err
	}
	live := c.String("live") != "" || c.String("endpoint") != ""
	switch {
	case live && c.NArg() > 1:
		return usagef("diff compares two things; give either a second ARCHIVE or --live")
	case c.Bool("deep") && !live:
		return usagef("--deep is about the images of a resource; archives know the digests of theirs, so leave it out or add --live NAME")
	}
	show, err := a.progress(c)
	if err != nil {
		return err
	}
	first, err := a.openArchive(c, ref)
	if err != nil {
		return err
	}
	defer first.close()
	opt := compare.Options{Projects: c.StringSlice("project"), Deep: c.Bool("deep"), Now: a.now, Progress: show.Event}
	if c.Bool("images") {
		opt.MaxImages = shownImageEdits
	}
	var r *compare.Report
	switch {
	case live:
		r, err = a.diffLive(c, first, opt)
	case c.NArg() > 1:
		opt.Progress = nil
		r, err = a.diffArchives(c, first, c.Args().Get(1), opt)
	default:
		opt.Progress = nil
		r, err = a.diffParent(c, first, opt)
	}
	show.Close()
	if err != nil {
		return fmt.Errorf("compare %s: %w", first.name, err)
	}
	return a.showDiff(c, r)
}

// diffLive compares an archive with a resource.
func (a *app) diffLive(c *cli.Context, o *opened, opt compare.Options) (*compare.Report, error) {
	res, err := a.resource(c, c.String("live"), "resource")
	if err != nil {
		return nil, err
	}
	client, err := a.client(res)
	if err != nil {
		return nil, err
	}
	return compare.Live(c.Context, o.reader, o.name, client, res.Name, client.Endpoint(), opt)
}

func (a *app) diffArchives(c *cli.Context, old *opened, ref string, opt compare.Options) (*compare.Report, error) {
	o, err := a.openArchive(c, ref)
	if err != nil {
		return nil, err
	}
	defer o.close()
	return compare.Archives(c.Context, old.reader, old.name, o.reader, o.name, opt)
}

// diffParent compares an archive with its predecessor.
func (a *app) diffParent(c *cli.Context, o *opened, opt compare.Options) (*compare.Report, error) {
	old, err := a.openPredecessor(c, o)
	if err != nil {
		return nil, err
	}
	defer old.close()
	return compare.Archives(c.Context, old.reader, old.name, o.reader, o.name, opt)
}

// openPredecessor opens the archive that another names as its parent or,
// where that is not in the vault any more, the one before it of the same
// source.
func (a *app) openPredecessor(c *cli.Context, o *opened) (*opened, error) {
	v, err := a.vault(c)
	if err != nil {
		return nil, err
	}
	all, err := v.Archives(c.Context)
	if err != nil {
		return nil, err
	}
	m := o.reader.Manifest()
	at := -1
	for i := range all {
		if m.Parent != nil && all[i].Name == m.Parent.Name {
			at = i
			break
		}
		if all[i].Source == m.Source.Name && all[i].ID != m.ID && all[i].Created.Before(m.Started.Truncate(time.Second)) {
			at = i // the newest before it, so far
		}
	}
	if at < 0 {
		return nil, errors.New("the vault has no earlier archive of its source; name the two to compare, or give --live NAME")
	}
	old, err := openStored(c.Context, v, all[at])
	if err != nil {
		return nil, err
	}
	if old.reader, err = archive.NewReader(old.file, old.size); err != nil {
		old.close()
		return nil, fmt.Errorf("%s: %w", old.name, err)
	}
	return old, nil
}

// showDiff prints a report and turns it into an exit status.
func (a *app) showDiff(c *cli.Context, r *compare.Report) error {
	text := func() { a.printDiff(r, len(c.StringSlice("project")) > 0 || c.Bool("images"), c.Bool("images")) }
	return a.finish(c, r, text, r.Whole, !r.Equal)
}
