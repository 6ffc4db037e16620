package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/urfave/cli/v2"

	"cvarchive/archive/restore"
	"cvarchive/cmd/internal/config"
	"cvarchive/cmd/internal/ui"
	"cvarchive/manifest/plan"
)

// savedFlags go with the restore of a saved plan, and with what a plan says
// of the target's room.
func savedFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "out", Usage: "with --dry-run: save the plan in `FILE`"},
		&cli.StringFlag{Name: "plan", Usage: "carry out the plan saved in `FILE`, unless archive or target have changed since"},
		&cli.StringFlag{Name: "tier", Usage: "the target's pricing `TIER`: F0 or S0 (else as the config says, else learnt)"},
	}
}

// planHolds are the flags that a saved plan stands for.
var planHolds = []string{"to", "project", "mode", "on-conflict", "rename", "transfer", "clean-up", "train", "publish", "publish-as-before", "prediction-resource", "tier", "out"}

// tierOf is the tier that --tier or else the config gives.
func tierOf(c *cli.Context, res config.Resource) (plan.Tier, error) {
	switch t := plan.Tier(c.String("tier")); t {
	case "":
		return plan.Tier(res.Tier), nil
	case plan.F0, plan.S0:
		return t, nil
	default:
		return "", usagef("--tier cannot be %q; it is F0 or S0", string(t))
	}
}

// checkOut refuses --out where there is nothing to save.
func checkOut(c *cli.Context) error {
	if c.IsSet("out") && !c.Bool("dry-run") {
		return usagef("--out saves what --dry-run shows; add --dry-run, then carry the plan out with --plan FILE")
	}
	if c.IsSet("out") && c.String("out") == "" {
		return usagef("--out needs the name of a file")
	}
	return nil
}

// maxPlan bounds what is read of a plan, in bytes.
const maxPlan = 64 << 20

// readPlan reads a saved plan.
func readPlan(path string) (*plan.Plan, error) {
	f, err := os.Open(path)
	if err != nil {
		if pe, ok := errors.AsType[*fs.PathError](err); ok {
			err = pe.Err
		}
		return nil, fmt.Errorf("open the plan %s: %w", path, err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxPlan+1))
	if err != nil {
		return nil, fmt.Errorf("read the plan %s: %w", path, err)
	}
	if len(data) > maxPlan {
		return nil, fmt.Errorf("read the plan %s: it is larger than %s; plans are smaller", path, ui.Bytes(int64(maxPlan)))
	}
	p, err := plan.Decode(data)
	if err != nil {
		return nil, fmt.Errorf("read the plan %s: %w; save one with restore --dry-run --out", path, err)
	}
	return p, nil
}

// savePlan writes a plan as a whole or not at all, for its owner only.
func savePlan(path string, p *plan.Plan) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("save the plan in %s: %w", path, err)
		}
	}()
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*") // with mode 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	err = ui.NewOutput(f, os.LookupEnv).JSON(p)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// restoreSaved carries out a saved plan, or shows it with --dry-run. It is
// made again first, and compared.
func (a *app) restoreSaved(c *cli.Context) error {
	if c.NArg() > 0 {
		return usagef("--plan names the archive; leave out %q", c.Args().First())
	}
	for _, name := range planHolds {
		if c.IsSet(name) {
			return usagef("--plan holds what --%s says; leave it out, or make another plan", name)
		}
	}
	path := c.String("plan")
	saved, err := readPlan(path)
	if err != nil {
		return err
	}
	target, err := a.targetNamed(c, saved.Target.Name)
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
	opt := saved.Options()
	opt.CallsPerSecond = target.CallsPerSecond
	r, err := a.prepareRestore(c, saved.Archive.Name, target, opt)
	if err != nil {
		return err
	}
	defer r.archive.close()
	r.opt.Transfer = restore.Transfer(saved.Choices.Transfer)
	if err := a.refreshTokens(c, r); err != nil {
		return err
	}
	r.opt.Saved = saved.Digest()
	p, begun, err := restore.Revise(c.Context, r.client, r.archive.reader, saved, r.opt)
	if stale, ok := errors.AsType[*restore.StaleError](err); ok {
		if p != nil && p.Totals.Resume > saved.Totals.Resume {
			stale.Reason += fmt.Sprintf(" by another restore that was interrupted, which goes on with: cvarchive restore %s --to %s", r.archive.name, target.Name)
		}
		return fmt.Errorf("%s: %w", path, stale)
	}
	if err != nil {
		return fmt.Errorf("plan the restore of %s to %s again: %w", r.archive.name, target.Name, err)
	}
	if begun {
		fmt.Fprintf(a.stderr, "a run of %s was interrupted; what is left of the plan follows\n", ui.Clean(path))
	}
	if c.Bool("dry-run") {
		return a.showPlan(c, p)
	}
	return a.carryOut(c, r, p, show)
}
