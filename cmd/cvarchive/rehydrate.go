package main

import (
	"fmt"
	"time"

	"github.com/urfave/cli/v2"

	"cvarchive/archive"
	"cvarchive/archive/custody"
	"cvarchive/archive/vault"
	"cvarchive/cmd/internal/config"
	"cvarchive/cmd/internal/ui"
)

func (a *app) rehydrateCommand() *cli.Command {
	return &cli.Command{
		Name:      "rehydrate",
		Usage:     "bring an archive's images and models back from the archive tier",
		ArgsUsage: "ARCHIVE",
		Description: examples(`Images and models that lie in the archive tier of Azure Blob Storage (tier: archive, or a
lifecycle rule of the account) cannot be read: verify --read-data, restore and copy fail on
them. This asks for those of one archive to be moved to another tier, which takes up to 15
hours at standard priority, and at high priority mostly less than one. Nothing is asked for
twice. --wait follows until all are there; run again it shows how far they are.

What it costs is estimated from prices: in the config, which are yours:

    prices:
      currency: USD
      standard_per_10k: 5.50     # examples, not a price list
      standard_per_gb: 0.022
      high_per_10k: 65.00
      high_per_gb: 0.13

Moving out of the archive tier before 180 days costs the rest of them, which is not in the
estimate. With --dry-run nothing is asked for, and exit status 3 means that something
would be. Exit status 4 means that something could not be asked for, or is missing.

`+archiveRef,
			"cvarchive rehydrate latest --dry-run",
			"cvarchive rehydrate latest --project 'Fruit on the belt' --priority high --wait"),
		Flags: withCommon(
			&cli.StringSliceFlag{Name: "project", Usage: "only the project of this `NAME` or id; may be repeated"},
			&cli.StringFlag{Name: "priority", Value: "standard", Usage: "`PRIORITY`: standard or high"},
			&cli.StringFlag{Name: "tier", Value: "cool", Usage: "move to this `TIER`: hot, cool or cold"},
			&cli.BoolFlag{Name: "wait", Usage: "wait until everything is there"},
			&cli.DurationFlag{Name: "every", Value: 5 * time.Minute, Usage: "with --wait, look every `DURATION`"},
			&cli.BoolFlag{Name: "dry-run", Usage: "say what would be asked for and what it costs, and change nothing"},
			progressFlag(), jsonFlag()),
		Action: a.action(a.rehydrate, 1, "what was asked for is on its way; run the same command again to follow it"),
	}
}

// rehydration is the shape of "rehydrate --json".
type rehydration struct {
	Archive  string           `json:"archive"`
	DryRun   bool             `json:"dryRun"`
	Whole    bool             `json:"whole"`
	Priority string           `json:"priority"`
	Tier     string           `json:"tier"`
	Objects  objectSum        `json:"objects"`
	Offline  objectSum        `json:"offline"`
	Pending  objectSum        `json:"pending"`
	Missing  int64            `json:"missing"`
	Asked    int64            `json:"asked"`
	Cost     *cost            `json:"cost,omitempty"`
	Failed   int64            `json:"failed"`
	Failures []custodyFailure `json:"failures,omitempty"`
}

// cost is an estimate from the prices of the config.
type cost struct {
	Currency   string  `json:"currency"`
	Operations float64 `json:"operations"`
	Retrieval  float64 `json:"retrieval"`
	Total      float64 `json:"total"`
}

func (a *app) rehydrate(c *cli.Context) error {
	if err := checkRehydrate(c); err != nil {
		return err
	}
	f, err := a.config(c)
	if err != nil {
		return err
	}
	prices, priced, err := f.Prices(a.lookupEnv)
	if err != nil {
		return err
	}
	v, entry, err := a.vaultArchive(c)
	if err != nil {
		return err
	}
	projects, err := a.projectIDs(c, v, entry)
	if err != nil {
		return err
	}
	show, err := a.progress(c)
	if err != nil {
		return err
	}
	defer show.Close()
	cold, err := custody.Look(c.Context, v, entry, projects)
	if err != nil {
		return noSuchFeature(err)
	}
	out := newRehydration(c, entry, cold)
	if priced {
		out.Cost = costOf(prices, out)
	}
	if !out.DryRun {
		if err := a.startAndFollow(c, cold, out, show); err != nil {
			return err
		}
	}
	show.Close()
	return a.finish(c, out, func() { a.printRehydrated(out) }, out.Whole, out.DryRun && out.Offline.Count > 0)
}

func checkRehydrate(c *cli.Context) error {
	if p := c.String("priority"); p != "standard" && p != "high" {
		return usagef("--priority cannot be %q; it is standard or high", p)
	}
	if tier := c.String("tier"); tier != "hot" && tier != "cool" && tier != "cold" {
		return usagef("--tier cannot be %q; it is hot, cool or cold", tier)
	}
	if c.Duration("every") < time.Second {
		return usagef("--every cannot be %s; give a second at least", c.Duration("every"))
	}
	return nil
}

// projectIDs turns --project into ids; nil: all.
func (a *app) projectIDs(c *cli.Context, v *vault.Vault, entry vault.Archive) ([]string, error) {
	if len(c.StringSlice("project")) == 0 {
		return nil, nil
	}
	o, err := openStored(c.Context, v, entry)
	if err != nil {
		return nil, err
	}
	defer o.close()
	r, err := archive.NewReader(o.file, o.size)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", o.name, err)
	}
	chosen, err := chooseProjects(r.Manifest(), c.StringSlice("project"))
	ids := []string{}
	for _, e := range chosen {
		ids = append(ids, e.ID)
	}
	return ids, err
}

// warnObjects says before a restore that images are not at hand: the file has
// none, or they lie where nothing is read. A project that is imported by token
// needs none of them.
func (a *app) warnObjects(c *cli.Context, o *opened, objects any) error {
	if _, none := objects.(noObjects); none {
		fmt.Fprintf(a.stderr, "%s holds records and no images: its projects can be imported by token as long as that lives, and not be rebuilt; give --vault for that, or a bundle\n", ui.Clean(o.name))
		return nil
	}
	v, ok := objects.(*vault.Vault)
	if !ok || o.entry == nil {
		return nil
	}
	name, err := custody.AnyOffline(c.Context, v, *o.entry, nil)
	if err != nil || name == "" {
		return c.Context.Err() // what else is wrong shows when the archive is read
	}
	fmt.Fprintf(a.stderr, "images of %s lie in the archive tier, such as %s, and a project cannot be rebuilt from what is not read; cvarchive rehydrate %s --wait brings them back\n",
		ui.Clean(o.name), name, ui.Clean(o.name))
	return nil
}

// startAndFollow asks for what is offline, and waits if that is wanted. What
// remains is told as it is then.
func (a *app) startAndFollow(c *cli.Context, cold *custody.Cold, out *rehydration, show *ui.Progress) error {
	r, err := cold.Start(c.Context, out.Tier, out.Priority == "high", custody.Options{Progress: show.Event})
	if err != nil {
		return err
	}
	out.Asked, out.Failed, out.Failures = r.Done, r.Failed, custodyFailures(r)
	if c.Bool("wait") {
		if err := cold.Follow(c.Context, c.Duration("every"), show.Event); err != nil {
			return err
		}
		out.Offline, out.Pending = objectSum{cold.Offline, cold.OfflineBytes}, objectSum{cold.Pending, cold.PendingBytes}
	}
	out.Whole = out.Failed == 0 && out.Missing == 0
	return nil
}

func newRehydration(c *cli.Context, entry vault.Archive, cold *custody.Cold) *rehydration {
	return &rehydration{
		Archive: entry.Name, DryRun: c.Bool("dry-run"), Priority: c.String("priority"), Tier: c.String("tier"),
		Objects: objectSum{cold.Objects, cold.Bytes}, Offline: objectSum{cold.Offline, cold.OfflineBytes},
		Pending: objectSum{cold.Pending, cold.PendingBytes}, Missing: cold.Missing, Whole: cold.Missing == 0,
	}
}

// costOf estimates what it costs to bring back what is offline: each object is
// one read operation of the archive tier.
func costOf(p config.Prices, r *rehydration) *cost {
	price := p.Standard
	if r.Priority == "high" {
		price = p.High
	}
	out := &cost{
		Currency:   p.Currency,
		Operations: float64(r.Offline.Count) / 10_000 * price.Per10kOperations,
		Retrieval:  float64(r.Offline.Bytes) / (1 << 30) * price.PerGB,
	}
	out.Total = out.Operations + out.Retrieval
	return out
}

func (a *app) printRehydrated(r *rehydration) {
	sum := func(s objectSum) string {
		return fmt.Sprintf("%s (%s)", ui.Count(s.Count, "object"), ui.Bytes(s.Bytes))
	}
	a.out.Printf("%s names %s\n", ui.Clean(r.Archive), sum(r.Objects))
	switch {
	case r.DryRun && r.Offline.Count > 0:
		a.out.Printf("%s lie in the archive tier and would be asked for, at %s priority\n", sum(r.Offline), r.Priority)
	case r.Asked > 0:
		a.out.Printf("%s asked for, at %s priority\n", ui.Count(r.Asked, "object"), r.Priority)
	}
	if r.Pending.Count > 0 {
		a.out.Printf("%s were on their way out of it already\n", sum(r.Pending))
	}
	if r.Cost != nil && (r.DryRun && r.Offline.Count > 0 || r.Asked > 0) {
		a.out.Printf("estimate by the prices in the config: %.2f %s (operations %.2f, retrieval %.2f)\n", r.Cost.Total, ui.Clean(r.Cost.Currency), r.Cost.Operations, r.Cost.Retrieval)
	} else if r.DryRun && r.Offline.Count > 0 {
		a.out.Printf("what it costs is not known: there are no prices: in the config\n")
	}
	if r.Missing > 0 {
		a.out.Printf("%s\n", a.out.Paint(ui.Red, ui.Count(r.Missing, "object")+" are missing from the vault; cvarchive verify names them"))
	}
	if r.Missing == 0 && r.Failed == 0 && r.Offline.Count+r.Pending.Count == 0 {
		a.out.Printf("everything can be read\n")
	}
	a.printCustodyFailures(r.Failures, r.Failed)
}
