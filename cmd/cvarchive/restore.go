package main

import (
	"bufio"
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/urfave/cli/v2"

	"cvarchive/archive/restore"
	"cvarchive/cmd/internal/config"
	"cvarchive/cmd/internal/ui"
	"cvarchive/manifest"
	"cvarchive/manifest/plan"
	"cvarchive/remote/customvision"
)

func (a *app) restoreCommand() *cli.Command {
	return &cli.Command{
		Name:      "restore",
		Usage:     "bring archived projects back into a resource",
		ArgsUsage: "ARCHIVE --to TARGET | --plan FILE",
		Description: examples(`Brings projects of an archive into a resource: by their export token while it lives, or
by building them again from the captured content. What is there already and equal is
left alone; nothing in the target is changed or deleted. Afterwards every restored
project is read back and compared with the archive.

--dry-run shows what would be done and does nothing; it ends with status 3 when
something would be, with 0 when the target holds everything already. Without it, a
terminal is asked for confirmation, and anything else needs --yes. Status 4 means that
something was not restored or differs from the archive; the output names it.

`+archiveArg+` A lone file needs the vault too, for the images.

Tokens that were sealed (seal_to in the config) are opened with --identity; without it,
such projects are built again from their content.

--rename OLD=NEW gives one project another name; '--rename *=Restored *' all of them.

A restore that was stopped, however, goes on where it was when the same command is run
again, from any machine: the vault has a journal of it. With --train, projects that were
rebuilt and had been trained are trained again, with the same type and budget; that and
publication can be asked for later too, when the projects are there.

--out saves the plan of a --dry-run, and --plan carries it out, later or by somebody else.
It is refused when the archive, the target or what is to be done has changed since. When
that is interrupted, the same command goes on: what it has done itself is no change.`,
			"cvarchive restore latest --to dr-neu --dry-run",
			"cvarchive restore latest --to dr-neu",
			"cvarchive restore latest --to dr-neu --dry-run --out plan.json",
			"cvarchive restore --plan plan.json",
			"cvarchive restore prod-weu/latest --to dr-neu --project Screws --rename Screws='Screws (May)' --yes",
			"cvarchive restore 20280901 --to dr-neu --mode rebuild --on-conflict rename --json --yes"),
		Flags: withCommon(append(append(restoreFlags(), savedFlags()...),
			&cli.StringFlag{Name: "to", Usage: "restore into the resource `TARGET` of the config"},
			&cli.BoolFlag{Name: "dry-run", Usage: "show what would be done, and do nothing"},
			&cli.StringSliceFlag{Name: "project", Usage: "restore only the project of this `NAME` or id; may be repeated"},
			&cli.StringFlag{Name: "mode", Value: string(plan.ModeAuto), Usage: "restore by `MODE`: auto (token while it lives, else content), import (token), rebuild (content)"},
			&cli.StringFlag{Name: "on-conflict", Value: string(plan.ConflictFail), Usage: "when a project's name is taken by one that differs: `WAY` fail, skip or rename"},
			&cli.StringSliceFlag{Name: "rename", Usage: "`OLD=NEW` name of a project in the target; may be repeated"},
			&cli.BoolFlag{Name: "yes", Aliases: []string{"y"}, Usage: "do not ask for confirmation"},
			endpointFlag(), progressFlag(), jsonFlag())...),
		Action: a.action(a.restore, 1, "run the same command to go on where it stopped; with --dry-run it shows what is left to do"),
	}
}

// restoration is one run of the restore command.
type restoration struct {
	archive *opened
	client  *customvision.Client
	objects restore.Objects
	opt     restore.Options
}

func (a *app) restore(c *cli.Context) error {
	if c.String("plan") != "" {
		return a.restoreSaved(c)
	}
	if err := checkOut(c); err != nil {
		return err
	}
	opt, err := planOptions(c)
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
	show, err := a.progress(c)
	if err != nil {
		return err
	}
	if err := a.mayWrite(c, target.Name); err != nil {
		return err
	}
	opt.CallsPerSecond = target.CallsPerSecond
	if opt.Tier, err = tierOf(c, target); err != nil {
		return err
	}
	r, err := a.prepareRestore(c, ref, target, opt)
	if err != nil {
		return err
	}
	defer r.archive.close()
	if err := a.refreshTokens(c, r); err != nil {
		return err
	}
	p, err := restore.Prepare(c.Context, r.client, r.archive.reader, r.opt)
	if err != nil {
		return fmt.Errorf("plan the restore of %s to %s: %w", r.archive.name, target.Name, err)
	}
	if path := c.String("out"); path != "" {
		if err := savePlan(path, p); err != nil {
			return err
		}
	}
	if c.Bool("dry-run") {
		return a.showPlan(c, p)
	}
	return a.carryOut(c, r, p, show)
}

// mayWrite makes sure that somebody agrees to what writes to a target, or can
// be asked.
func (a *app) mayWrite(c *cli.Context, target string) error {
	if c.Bool("dry-run") || c.Bool("yes") || a.canAsk(c) {
		return nil
	}
	look := ""
	if c.Command.Name == "restore" {
		look = "look at it with --dry-run, then "
	}
	return usagef("%s writes to %s and there is no terminal to ask on; %sgive --yes", c.Command.Name, target, look)
}

// planOptions reads the user's choices.
func planOptions(c *cli.Context) (plan.Options, error) {
	opt := plan.Options{
		OnConflict: plan.OnConflict(c.String("on-conflict")),
		Projects:   c.StringSlice("project"),
	}
	var err error
	if opt.Mode, err = modeOf(c); err != nil {
		return opt, err
	}
	switch opt.OnConflict {
	case plan.ConflictFail, plan.ConflictSkip, plan.ConflictRename:
	default:
		return opt, usagef("--on-conflict cannot be %q; it is fail, skip or rename", string(opt.OnConflict))
	}
	if opt.Rename, err = renamesOf(c); err != nil {
		return opt, err
	}
	return opt, serviceOptions(c, &opt)
}

// modeOf reads --mode.
func modeOf(c *cli.Context) (plan.Mode, error) {
	switch m := plan.Mode(c.String("mode")); m {
	case plan.ModeAuto, plan.ModeImport, plan.ModeRebuild:
		return m, nil
	default:
		return "", usagef("--mode cannot be %q; it is auto, import or rebuild", string(m))
	}
}

// renamesOf reads --rename.
func renamesOf(c *cli.Context) (map[string]string, error) {
	names := map[string]string{}
	for _, r := range c.StringSlice("rename") {
		before, after, found := strings.Cut(r, "=")
		if !found || before == "" || after == "" {
			return nil, usagef("--rename cannot be %q; write OLD=NEW", r)
		}
		if _, twice := names[before]; twice {
			return nil, usagef("--rename gives %q two names; give it one", before)
		}
		names[before] = after
	}
	return names, nil
}

// target is the resource to restore to. It must be named, even when there is
// only one: writing to a resource is never a default.
func (a *app) target(c *cli.Context) (config.Resource, error) {
	name := c.String("to")
	if name == "" && c.String("endpoint") == "" {
		return config.Resource{}, usagef("%s needs to know where to: give --to TARGET, a resource of the config", c.Command.Name)
	}
	return a.targetNamed(c, name)
}

// targetNamed is a resource that may be written to.
func (a *app) targetNamed(c *cli.Context, name string) (config.Resource, error) {
	res, err := a.resource(c, name, "target")
	if err != nil {
		return res, err
	}
	protected := res.Name
	if !res.Protected {
		if protected, err = a.protectedAt(c); err != nil {
			return res, err
		}
	}
	if protected != "" {
		err = usagef("%s is protected and never a restore target; choose another with --to, or remove protected from its config", protected)
	}
	return res, err
}

// protectedAt is the protected resource of the config that --endpoint
// addresses, unless the config has it unprotected too; or "".
func (a *app) protectedAt(c *cli.Context) (name string, err error) {
	endpoint := c.String("endpoint")
	if endpoint == "" {
		return "", nil
	}
	f, err := a.config(c)
	if err != nil {
		return "", err
	}
	// Keys of resources that are not asked for need not be there.
	env := func(name string) (string, bool) { return cmp.Or(a.env(name), "unset"), true }
	for _, n := range f.Resources() {
		res, err := f.Resource(n, env)
		switch {
		case err != nil || !strings.EqualFold(strings.TrimRight(res.Endpoint, "/"), strings.TrimRight(endpoint, "/")):
		case !res.Protected:
			return "", nil
		default:
			name = n
		}
	}
	return name, nil
}

// prepareRestore opens everything that the restore reads.
func (a *app) prepareRestore(c *cli.Context, ref string, target config.Resource, opt plan.Options) (*restoration, error) {
	transfer, err := transferOf(c)
	if err != nil {
		return nil, err
	}
	if path := c.String("report"); path != "" {
		if _, err := reportForm(path); err != nil {
			return nil, err
		}
	}
	ids, err := a.identities(c)
	if err != nil {
		return nil, err
	}
	client, err := a.client(target)
	if err != nil {
		return nil, err
	}
	o, err := a.openArchive(c, ref)
	if err != nil {
		return nil, err
	}
	r := &restoration{archive: o, client: client}
	digest, err := digestOf(c.Context, o)
	if err == nil {
		r.objects, err = a.objectsFor(c, o)
	}
	if err == nil {
		err = a.warnObjects(c, o, r.objects)
	}
	if err != nil {
		o.close()
		return nil, err
	}
	r.opt = restore.Options{
		ArchiveName: o.name, ArchiveSHA256: digest,
		Target: plan.Target{Name: target.Name, Endpoint: client.Endpoint()},
		Plan:   opt, Transfer: transfer, Now: a.now, Logger: a.log,
	}
	if !ids.IsZero() {
		r.opt.Sealed = ids
	}
	r.throughVault()
	return r, nil
}

// digestOf reads an archive once to know it by its digest.
func digestOf(ctx context.Context, o *opened) (manifest.Digest, error) {
	h := sha256.New()
	if _, err := io.Copy(h, &ctxReader{ctx, io.NewSectionReader(o.file, 0, o.size)}); err != nil {
		return manifest.Digest{}, fmt.Errorf("read the archive %s: %w", o.name, err)
	}
	return manifest.Digest(h.Sum(nil)), nil
}

// ctxReader ends with its context.
type ctxReader struct {
	ctx context.Context
	r   io.Reader
}

func (r *ctxReader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.r.Read(p)
}

// objectsFor returns where the bytes of an archive's images are. A lone file
// may do without a vault, as long as nothing is rebuilt.
func (a *app) objectsFor(c *cli.Context, o *opened) (restore.Objects, error) {
	if o.bundle != nil {
		return o.bundle, nil
	}
	f, err := a.config(c)
	if err != nil {
		return nil, err
	}
	if o.entry == nil && c.String("vault") == "" && a.env(envVault) == "" && !f.HasVault() {
		return noObjects{}, nil
	}
	v, err := a.vault(c)
	if err != nil {
		return nil, err
	}
	return v, nil
}

// noObjects stands in where no vault is known.
type noObjects struct{}

func (noObjects) OpenObject(context.Context, manifest.Object) (io.ReadCloser, error) {
	return nil, errors.New("an archive file holds no image bytes, and no vault is known to take them from; give --vault, or restore from a bundle")
}

// showPlan prints the dry run.
func (a *app) showPlan(c *cli.Context, p *plan.Plan) error {
	return a.finish(c, p, func() { a.printPlan(p, true) }, true, hasWork(p))
}

// hasWork reports whether the target lacks something of the archive, be it
// that the restore would bring it or that it cannot.
func hasWork(p *plan.Plan) bool {
	return p.Pending || p.Totals.Conflict+p.Totals.Blocked > 0
}

// carryOut shows the plan, asks, applies it and reports.
func (a *app) carryOut(c *cli.Context, r *restoration, p *plan.Plan, show *ui.Progress) error {
	if _, none := r.objects.(noObjects); none && p.Totals.Rebuild > 0 {
		return usagef("%s is a lone file and no vault is known to take the images from; give --vault, or --mode import", r.archive.name)
	}
	if !c.Bool("json") {
		a.printPlan(p, !c.Bool("yes")) // whoever is asked sees all of it
	}
	if p.Pending && !c.Bool("yes") {
		agreed, err := a.ask(c.Context, fmt.Sprintf("Restore to %s? Only \"yes\" goes on: ", p.Target.Name))
		if err != nil {
			return err
		}
		if !agreed {
			return fmt.Errorf("nothing was restored, for the answer was not yes; run the command again when you are ready")
		}
	}
	if p.Pending && r.opt.Journal == nil {
		fmt.Fprintln(a.stderr, "warning: no vault is known, so there is no journal; should this restore be stopped, it begins anew")
	}
	r.opt.Progress = show.Event
	report, err := restore.Apply(c.Context, r.client, r.archive.reader, r.objects, p, r.opt)
	show.Close()
	if report != nil {
		if c.Bool("json") {
			err = errors.Join(err, a.out.JSON(report))
		} else if hasWork(p) {
			a.printReport(report)
		}
		if path := c.String("report"); path != "" {
			err = errors.Join(err, writeReport(path, report))
		}
	}
	if err != nil {
		return fmt.Errorf("restore %s to %s: %w", r.archive.name, p.Target.Name, err)
	}
	return outcomeError(report.Whole() && report.Equal(), false)
}

// canAsk reports whether somebody can be asked: the question goes to
// standard error and the answer comes from standard input.
func (a *app) canAsk(c *cli.Context) bool {
	return !c.Bool("json") && ui.IsTerminal(a.stdin) && ui.IsTerminal(a.stderr)
}

// ask waits for one line, or for the context to end.
func (a *app) ask(ctx context.Context, question string) (bool, error) {
	fmt.Fprint(a.stderr, question)
	answer := make(chan string, 1)
	go func() {
		text, _ := bufio.NewReader(a.stdin).ReadString('\n')
		answer <- strings.TrimSpace(text)
	}()
	select {
	case <-ctx.Done():
		fmt.Fprintln(a.stderr) // the question's line is still open
		return false, ctx.Err()
	case text := <-answer:
		return text == "yes", nil
	}
}
