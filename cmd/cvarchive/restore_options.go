package main

import (
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	"cvarchive/archive/restore"
	"cvarchive/archive/vault"
	"cvarchive/cmd/internal/ui"
	"cvarchive/manifest/plan"
)

// restoreFlags are the flags of restore beyond those that choose what and
// where.
func restoreFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "transfer", Value: string(restore.TransferAuto), Usage: "how images travel: `WAY` auto, url (the service fetches them from Blob Storage), upload"},
		&cli.BoolFlag{Name: "refresh-tokens", Usage: "export afresh from the source, which must still live, and import that"},
		&cli.StringFlag{Name: "from", Usage: "with --refresh-tokens: the resource `SOURCE` of the config (else the archive's own)"},
		&cli.BoolFlag{Name: "clean-up", Usage: "delete what failed imports left in the target, and nothing else"},
		&cli.BoolFlag{Name: "train", Usage: "train rebuilt projects that were trained, and compare the figures"},
		&cli.StringSliceFlag{Name: "publish", Usage: "publish the trained iteration: `NAME=RESOURCE_ID` of the prediction resource; may be repeated"},
		&cli.BoolFlag{Name: "publish-as-before", Usage: "publish under the archived names, on the --prediction-resource"},
		&cli.StringFlag{Name: "prediction-resource", Usage: "Azure Resource Manager `ID` of the prediction resource"},
		&cli.StringFlag{Name: "report", Usage: "write a report to `FILE`: .md, .html or .json"},
	}
}

// serviceOptions reads what is to happen after the restore.
func serviceOptions(c *cli.Context, opt *plan.Options) error {
	opt.Train, opt.CleanUp = c.Bool("train"), c.Bool("clean-up")
	opt.Publish = map[string]string{}
	for _, p := range c.StringSlice("publish") {
		name, resource, found := strings.Cut(p, "=")
		if !found || name == "" || resource == "" {
			return usagef("--publish cannot be %q; write NAME=RESOURCE_ID", p)
		}
		opt.Publish[name] = resource
	}
	before, resource := c.Bool("publish-as-before"), c.String("prediction-resource")
	switch {
	case before && resource == "":
		return usagef("--publish-as-before needs to know where: give --prediction-resource ID")
	case !before && resource != "":
		return usagef("--prediction-resource goes with --publish-as-before; with --publish write NAME=RESOURCE_ID")
	}
	opt.PublishAsBefore = resource
	return nil
}

// transferOf reads --transfer.
func transferOf(c *cli.Context) (restore.Transfer, error) {
	switch t := restore.Transfer(c.String("transfer")); t {
	case restore.TransferAuto, restore.TransferURL, restore.TransferUpload:
		return t, nil
	default:
		return "", usagef("--transfer cannot be %q; it is auto, url or upload", string(t))
	}
}

// throughVault gives a restore what only a vault has: a place for its
// journal, and links to objects.
func (r *restoration) throughVault() {
	if v, ok := r.objects.(*vault.Vault); ok {
		r.opt.Journal, r.opt.Links = v.Notes(), v
	}
}

// refreshTokens exports afresh from the source.
func (a *app) refreshTokens(c *cli.Context, r *restoration) error {
	from := c.String("from")
	switch {
	case !c.Bool("refresh-tokens") && from != "":
		return usagef("--from goes with --refresh-tokens")
	case !c.Bool("refresh-tokens"):
		return nil
	case c.String("endpoint") != "":
		return usagef("--refresh-tokens needs source and target in the config; name the target with --to instead of --endpoint")
	}
	m := r.archive.reader.Manifest()
	if from == "" {
		from = m.Source.Name
	}
	res, err := a.resource(c, from, "source")
	if err != nil {
		return err
	}
	src, err := a.client(res)
	if err != nil {
		return err
	}
	fresh, failed, err := restore.RefreshTokens(c.Context, src, m, r.opt.Plan, a.now)
	if err != nil {
		return err
	}
	for _, f := range failed {
		fmt.Fprintf(a.stderr, "warning: %s\n", ui.Sentence(fmt.Sprintf("%s was not refreshed: %s; the archive's is used", f.Item, f.Message)))
	}
	r.opt.Exports = fresh
	return nil
}
