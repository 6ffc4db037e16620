package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/urfave/cli/v2"

	"cvarchive/archive/repair"
	"cvarchive/archive/vault"
	"cvarchive/archive/verify"
	"cvarchive/cmd/internal/ui"
	"cvarchive/manifest"
)

func (a *app) repairCommand() *cli.Command {
	return &cli.Command{
		Name:      "repair",
		Usage:     "get lost and damaged objects again from the live source",
		ArgsUsage: "ARCHIVE... | --all | --problems FILE",
		Description: examples(`Verifies archives and downloads again the images and models whose objects are missing or
damaged in the vault. The source must still have them: the bytes under an image id never
change, so they must have the archived digest, or they are not taken. A damaged object is
removed only when the good bytes are at hand. What cannot be had again is listed with the
reason. Without --read-data only objects that are missing or have another size are found.

The source is the resource of the config that an archive is named after, or --from.
Archive files themselves cannot be repaired: use a copy from a replicated vault, or back
up again.

Exit status 4 means that something could not be repaired; with --dry-run, 3 means that
there is something to repair and that the source still lists all of it.

`+archiveArg,
			"cvarchive repair latest",
			"cvarchive repair --all --read-data --dry-run",
			"cvarchive repair prod-weu/latest --from prod-weu-new",
			"cvarchive verify --all --read-data --json >found.jsonl; cvarchive repair --problems found.jsonl"),
		Flags: withCommon(
			&cli.BoolFlag{Name: "all", Usage: "repair what any archive in the vault names"},
			&cli.BoolFlag{Name: "read-data", Usage: "read every object, to find those whose bytes have changed"},
			&cli.StringFlag{Name: "problems", Usage: "repair what \"cvarchive verify --json\" wrote into `FILE`, without verifying again"},
			&cli.StringFlag{Name: "from", Usage: "download from this `RESOURCE` of the config"},
			&cli.BoolFlag{Name: "dry-run", Usage: "say what the source still lists, and change nothing"},
			endpointFlag(), progressFlag(), jsonFlag()),
		Action: a.action(a.repair, -1, "run the same command again to go on; what was repaired stays"),
	}
}

func (a *app) repair(c *cli.Context) error {
	show, err := a.progress(c)
	if err != nil {
		return err
	}
	result := &repairResult{dryRun: c.Bool("dry-run")}
	items := repair.NewItems("")
	defer items.Close()
	v, err := a.findProblems(c, show, items, result)
	if err != nil {
		show.Close()
		return err
	}
	opt := repair.Options{Source: a.repairSources(c), DryRun: result.dryRun, Now: a.now, Progress: show.Event}
	if c.Bool("json") {
		opt.Done = func(o repair.Outcome) { result.failed(a.out.JSONLine(newRepairedLine(o))) }
	}
	result.report, err = repair.Run(c.Context, v, items, opt)
	show.Close()
	if err != nil {
		return err
	}
	if c.Bool("json") {
		err = a.printRepairJSON(result)
	} else {
		a.printRepair(result)
	}
	if status := result.status(); err == nil && status != exitDone {
		err = &statusError{status}
	}
	return err
}

// findProblems verifies what the arguments name, or reads what an earlier
// verification found: into items what may be repaired, into the result the rest.
func (a *app) findProblems(c *cli.Context, show *ui.Progress, items *repair.Items, result *repairResult) (*vault.Vault, error) {
	found := func(p verify.Problem) {
		if item, ok := repairItem(p); ok {
			items.Add(item)
		} else {
			result.addBeyond(p)
		}
	}
	if file := c.String("problems"); file != "" {
		if c.Bool("all") || c.NArg() > 0 || c.Bool("read-data") {
			return nil, usagef("--problems says what to repair, so leave out archives, --all and --read-data")
		}
		v, err := a.vault(c)
		if err == nil {
			err = readProblems(file, found)
		}
		return v, err
	}
	todo, err := a.verifyTargets(c)
	if err != nil {
		return nil, err
	}
	for _, t := range todo.targets {
		if t.path != "" {
			return nil, usagef("%s is a lone file, and objects are in a vault; name an archive of cvarchive list", t.path)
		}
	}
	verified := &verification{unlisted: true}
	err = verified.run(c.Context, todo, verify.Options{ReadData: c.Bool("read-data"), Progress: show.Event, Found: found})
	result.archives = len(verified.archives)
	for _, v := range verified.archives {
		if len(v.BrokenProjects)+len(v.WholeProjects) > 0 {
			result.salvage = append(result.salvage, v)
		}
	}
	return todo.vault, err
}

// maxProblemLine bounds a line of --problems, in bytes.
const maxProblemLine = 1 << 20

// readProblems reads the lines of "verify --json".
func readProblems(path string, found func(verify.Problem)) error {
	f, err := os.Open(path)
	if err != nil {
		reason := err
		if pe, ok := errors.AsType[*fs.PathError](err); ok {
			reason = pe.Err
		}
		return fmt.Errorf("open %s: %w; give what cvarchive verify --json wrote", path, reason)
	}
	defer f.Close()
	in := bufio.NewScanner(io.Reader(f))
	in.Buffer(nil, maxProblemLine)
	for n := 1; in.Scan(); n++ {
		var line problemLine
		if err := json.Unmarshal(in.Bytes(), &line); err != nil || line.Type == "" {
			return fmt.Errorf("line %d of %s is not one that cvarchive verify --json writes; give what it wrote", n, path)
		}
		if line.Type == "problem" {
			found(line.problem())
		}
	}
	if err := in.Err(); err != nil {
		return fmt.Errorf("read %s: %w; give what cvarchive verify --json wrote", path, err)
	}
	return nil
}

// repairItem turns a problem into something to repair; ok is false for what
// no source can mend.
func repairItem(p verify.Problem) (item repair.Item, ok bool) {
	if p.Object == nil || p.Kind != verify.Missing && p.Kind != verify.Damaged {
		return item, false
	}
	if !manifest.ValidID(p.ProjectID) || !manifest.ValidID(p.ImageID) && !manifest.ValidID(p.IterationID) {
		return item, false
	}
	source, _, _ := strings.Cut(p.Archive, "/")
	return repair.Item{
		Archive: p.Archive, Source: source, Name: p.Item, ProjectID: p.ProjectID, Project: p.Project,
		ImageID: p.ImageID, IterationID: p.IterationID, Platform: p.Platform, Flavor: p.Flavor, Object: *p.Object,
	}, true
}

// repairSources finds the resource that archives of a name were made of.
func (a *app) repairSources(c *cli.Context) func(string) (repair.Source, error) {
	return func(name string) (repair.Source, error) {
		if from := c.String("from"); from != "" {
			name = from
		}
		res, err := a.resource(c, name, "source")
		if err != nil {
			return nil, fmt.Errorf("%w; --from names another resource", err)
		}
		client, err := a.client(res)
		if err != nil {
			return nil, err
		}
		return client, nil
	}
}
