package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"cvarchive/archive/retain"
	"cvarchive/archive/vault"
	"cvarchive/cmd/internal/ui"
)

func (a *app) pruneCommand() *cli.Command {
	count := func(name, what string) cli.Flag {
		return &cli.IntFlag{Name: name, Usage: "keep " + what, DefaultText: "none"}
	}
	return &cli.Command{
		Name:      "prune",
		Usage:     "delete archives that a policy does not keep, and objects that nothing names",
		ArgsUsage: "[SOURCE]",
		Description: examples(`Deletes the archives that no rule keeps, and then the images and models that no archive
names any more. An archive is kept when any rule keeps it; rules go by source, and days,
weeks, months and years are those of UTC. The newest whole archive of each source is kept
in any case. Without a rule nothing is deleted. SOURCE prunes the archives of one source.

It is safe beside running backups and restores as long as none takes longer than --grace:
an archive that goes is kept aside in the vault's folder pruned/ for that long, with its
objects, and objects that were stored since are left alone. Their space is freed by the
first prune after that. There is no lock, and a prune that was stopped is run again.

What an immutability policy or a legal hold protects in Blob Storage stays, with the reason
and the time; see "cvarchive hold".

--dry-run changes nothing and says for each archive what would become of it and why; its
exit status is 3 when there is something to delete. Exit status 4 means that something
could not be deleted, or that an archive could not be read, so that no object was.`,
			"cvarchive prune --keep-daily 7 --keep-weekly 5 --keep-monthly 24 --dry-run",
			"cvarchive prune prod-weu --keep-within 90d",
			"cvarchive prune --keep-last 10 --keep prod-weu/20280901T020000Z-1f6b4c2a"),
		Flags: withCommon(
			count("keep-last", "the newest `N` archives"),
			count("keep-hourly", "the newest archive of each of the last `N` hours that have one"),
			count("keep-daily", "the newest archive of each of the last `N` days that have one"),
			count("keep-weekly", "the newest archive of each of the last `N` weeks that have one"),
			count("keep-monthly", "the newest archive of each of the last `N` months that have one"),
			count("keep-yearly", "the newest archive of each of the last `N` years that have one"),
			&cli.StringFlag{Name: "keep-within", Usage: "keep archives at most a `PERIOD` older than the newest of their source, such as 30d or 1y6m"},
			&cli.StringSliceFlag{Name: "keep", Usage: "keep the archive `NAME` too; may be repeated"},
			&cli.BoolFlag{Name: "even-newest", Usage: "let the newest whole archive of a source go too, when no rule keeps it"},
			&cli.DurationFlag{Name: "grace", Value: retain.DefaultGrace, Usage: "leave alone what is newer than this `DURATION`; 0 when nothing else uses the vault"},
			&cli.BoolFlag{Name: "dry-run", Usage: "say what would be deleted and why, and change nothing"},
			progressFlag(), jsonFlag()),
		Action: a.action(a.prune, 1, "run the same command again to go on"),
	}
}

func (a *app) prune(c *cli.Context) error {
	opt, err := pruneOptions(c)
	if err != nil {
		return err
	}
	v, err := a.vault(c)
	if err != nil {
		return err
	}
	if err := checkSourceKnown(c.Context, v, opt.Source); err != nil {
		return err
	}
	for _, ref := range c.StringSlice("keep") {
		entry, err := v.Resolve(c.Context, ref)
		if err != nil {
			return err
		}
		opt.Policy.Names = append(opt.Policy.Names, entry.Name)
	}
	show, err := a.progress(c)
	if err != nil {
		return err
	}
	opt.Progress = show.Event
	report, err := retain.Run(c.Context, v, opt)
	show.Close()
	if err != nil {
		return err
	}
	for _, b := range report.Blocked {
		fmt.Fprintf(a.stderr, "%s\n", ui.Sentence(b))
	}
	return a.finish(c, newPruning(report), func() { a.printPruning(report) }, report.Whole(), report.DryRun && report.Pending())
}

// pruneOptions reads the flags; names of archives to keep are looked up later.
func pruneOptions(c *cli.Context) (opt retain.Options, err error) {
	opt = retain.Options{
		Policy: retain.Policy{
			Last: c.Int("keep-last"), Hourly: c.Int("keep-hourly"), Daily: c.Int("keep-daily"), Weekly: c.Int("keep-weekly"),
			Monthly: c.Int("keep-monthly"), Yearly: c.Int("keep-yearly"), EvenNewest: c.Bool("even-newest"),
		},
		Source: c.Args().First(), Grace: c.Duration("grace"), DryRun: c.Bool("dry-run"),
	}
	for _, name := range []string{"keep-last", "keep-hourly", "keep-daily", "keep-weekly", "keep-monthly", "keep-yearly"} {
		if c.Int(name) < 0 {
			return opt, usagef("--%s cannot be %d; give a number of archives", name, c.Int(name))
		}
	}
	if opt.Grace < 0 {
		return opt, usagef("--grace cannot be %s; give a duration such as 24h, or 0", opt.Grace)
	}
	if text := c.String("keep-within"); text != "" {
		if opt.Policy.Within, err = retain.ParsePeriod(text); err != nil {
			return opt, usagef("--keep-within: %v", err)
		}
	}
	if opt.Policy.IsEmpty() {
		return opt, usagef("no rule says what to keep, and without one nothing is deleted; give one such as --keep-daily 14; see %s", helpOf(c))
	}
	return opt, nil
}

// checkSourceKnown refuses a source without archives: a mistyped name must not
// look like a clean vault.
func checkSourceKnown(ctx context.Context, v *vault.Vault, source string) error {
	if source == "" {
		return nil
	}
	archives, err := v.Archives(ctx)
	if err != nil {
		return err
	}
	for _, entry := range archives {
		if entry.Source == source {
			return nil
		}
	}
	return fmt.Errorf("there is no archive of source %q in %s; cvarchive list shows what is", source, v)
}

// pruning is the shape of "prune --json".
type pruning struct {
	DryRun   bool            `json:"dryRun"`
	Pending  bool            `json:"pending"` // there is, or was, something to delete
	Whole    bool            `json:"whole"`
	Grace    float64         `json:"graceSeconds"`
	Archives []prunedArchive `json:"archives"`
	Objects  prunedObjects   `json:"objects"`
	Journals int64           `json:"journals"`
	Expired  int64           `json:"expired"`
	Until    *time.Time      `json:"protectedUntil,omitempty"`
	Blocked  []string        `json:"blocked,omitempty"`
	Failed   int64           `json:"failed"`
	Failures []pruneFailure  `json:"failures,omitempty"`
}

type prunedArchive struct {
	Name    string    `json:"name"`
	Source  string    `json:"source"`
	Created time.Time `json:"created"`
	Size    int64     `json:"size"`
	Keep    bool      `json:"keep"`
	Reasons []string  `json:"reasons"`
	Deleted bool      `json:"deleted"`
}

type prunedObjects struct {
	All       objectSum `json:"all"`
	Named     objectSum `json:"named"`
	Waiting   objectSum `json:"waiting"`
	Young     objectSum `json:"young"`
	Protected objectSum `json:"protected"`
	Reused    objectSum `json:"reused"`
	Deletable objectSum `json:"deletable"`
	Deleted   objectSum `json:"deleted"`
}

// objectSum sums objects up.
type objectSum struct {
	Count int64 `json:"count"`
	Bytes int64 `json:"bytes"`
}

type pruneFailure struct {
	Name   string `json:"name"`
	Reason string `json:"reason"`
}

func newPruning(r *retain.Report) *pruning {
	n := r.Objects
	p := &pruning{
		DryRun: r.DryRun, Pending: r.Pending(), Whole: r.Whole(), Grace: r.Grace.Seconds(), Archives: []prunedArchive{},
		Objects: prunedObjects{
			All: objectSum{n.Count, n.Bytes}, Named: objectSum{n.Named, n.NamedBytes}, Waiting: objectSum{n.Waiting, n.WaitingBytes},
			Young: objectSum{n.Young, n.YoungBytes}, Protected: objectSum{n.Protected, n.ProtectedBytes}, Reused: objectSum{n.Reused, n.ReusedBytes},
			Deletable: objectSum{n.Deletable, n.DeletableBytes}, Deleted: objectSum{n.Deleted, n.DeletedBytes},
		},
		Journals: r.Journals, Expired: r.Expired, Failed: r.Failed,
	}
	if !n.ProtectedUntil.IsZero() {
		p.Until = &n.ProtectedUntil
	}
	for _, o := range r.Archives {
		p.Archives = append(p.Archives, prunedArchive{
			Name: o.Archive.Name, Source: o.Archive.Source, Created: o.Archive.Created, Size: o.Archive.Size,
			Keep: o.Keep, Reasons: o.Reasons, Deleted: o.Done,
		})
	}
	for _, b := range r.Blocked {
		p.Blocked = append(p.Blocked, ui.Sentence(b))
	}
	for _, f := range r.Failures {
		p.Failures = append(p.Failures, pruneFailure{Name: f.Name, Reason: ui.Sentence(f.Err.Error())})
	}
	return p
}

func (a *app) printPruning(r *retain.Report) {
	if len(r.Archives) > 0 {
		t := ui.Table{Right: []int{2}}
		t.Row("ARCHIVE", "CREATED", "SIZE", "", "WHY")
		for _, o := range r.Archives {
			t.Row(o.Archive.Name, ui.Time(o.Archive.Created), ui.Bytes(o.Archive.Size), fateText(r, o), strings.Join(o.Reasons, ", "))
		}
		t.Print(a.out, "")
		a.out.Printf("\n")
	}
	n := r.Objects
	verb, count, bytes := "deleted", n.Deleted, n.DeletedBytes
	archives := 0
	for _, o := range r.Archives {
		if o.Done {
			archives++
		}
	}
	if r.DryRun {
		verb, count, bytes, archives = "would be deleted", n.Deletable, n.DeletableBytes, r.Deletes()
		if len(r.Blocked) > 0 {
			count, bytes = 0, 0
		}
	}
	a.out.Printf("%s and %s (%s) %s; %s (%s) stay\n", ui.Count(archives, "archive"), ui.Count(count, "object"), ui.Bytes(bytes), verb,
		ui.Count(n.Count-count, "object"), ui.Bytes(n.Bytes-bytes))
	if n.Waiting > 0 {
		a.out.Printf("%s (%s) of archives that are gone wait for the grace period of %s to pass; the first prune after that deletes them\n",
			ui.Count(n.Waiting, "object"), ui.Bytes(n.WaitingBytes), ui.Duration(r.Grace))
	}
	if n.Young > 0 {
		a.out.Printf("%s (%s) that no archive names are newer than the grace period of %s, and may be those of a running backup\n",
			ui.Count(n.Young, "object"), ui.Bytes(n.YoungBytes), ui.Duration(r.Grace))
	}
	if n.Protected > 0 {
		a.out.Printf("%s (%s) that no archive names are protected%s, and stay\n", ui.Count(n.Protected, "object"), ui.Bytes(n.ProtectedBytes), protectedBy(n))
	}
	if n.Reused > 0 {
		a.out.Printf("%s (%s) that no archive named were taken into use meanwhile, and stay\n", ui.Count(n.Reused, "object"), ui.Bytes(n.ReusedBytes))
	}
	for _, f := range r.Failures[:min(len(r.Failures), shownFailures)] {
		a.out.Printf("%s\n", a.out.Paint(ui.Red, ui.Sentence(fmt.Sprintf("not deleted: %s: %v", f.Name, f.Err))))
	}
	if more := r.Failed - int64(min(len(r.Failures), shownFailures)); more > 0 {
		a.out.Printf("and %s more; --json lists them\n", ui.Grouped(more))
	}
}

// protectedBy says what keeps objects from being deleted, and until when.
func protectedBy(n retain.Objects) string {
	var by []string
	if !n.ProtectedUntil.IsZero() {
		by = append(by, "by a policy until "+ui.Time(n.ProtectedUntil)+" at the latest")
	}
	if n.Held {
		by = append(by, "by a legal hold")
	}
	if len(by) == 0 {
		return ""
	}
	return " " + strings.Join(by, ", or ")
}

// fateText says what became of an archive.
func fateText(r *retain.Report, o retain.Outcome) string {
	switch {
	case o.Keep:
		return "keep"
	case r.DryRun:
		return "delete"
	case o.Done:
		return "deleted"
	}
	return "failed"
}
