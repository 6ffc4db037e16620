package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"cvarchive/archive/sign"
	"cvarchive/archive/vault"
	"cvarchive/archive/verify"
	"cvarchive/cmd/internal/ui"
)

func (a *app) verifyCommand() *cli.Command {
	return &cli.Command{
		Name:      "verify",
		Usage:     "check archives and the objects they name",
		ArgsUsage: "ARCHIVE... | --all | ARCHIVE --against TARGET",
		Description: examples(`Checks that nothing in an archive was altered or is missing: every digest of the file,
every record and count, the archive it builds on, and that every image and model it
names is in the vault. With --read-data the bytes of those are read and compared with
their digests too, each once however many archives name it; with --sample some of them.
A lone file is checked by itself.

With --allowed-signers each archive must have a signature of someone in the file (see
"cvarchive sign"). With --chain all archives of the same source are held against each
other: each names the one before it by its SHA-256. That shows what was altered, removed
from between, or dated back; not, that the newest are missing, or all before the oldest.

Exit status 1 means that something is wrong; each
problem is named, with what to do.

Reading that is stopped goes on where it stopped when the same command is given again.
What has been read is remembered in a file of the user's cache folder, or in --state,
until all of it was.

--against compares one archive with a resource instead, as a restore does when it is done:
every project of that name is read back completely, settings, tags, regions, metadata and
the bytes of each image; nothing is written. Status 3 means that something differs, 4 that
something could not be compared. --rename says which names the projects have there.

`+archiveArg,
			"cvarchive verify latest",
			"cvarchive verify --all --read-data",
			"cvarchive verify latest --sample 5%",
			"cvarchive verify --all --chain --allowed-signers allowed_signers",
			"cvarchive verify latest --against dr-neu --report proof.html",
			"cvarchive verify ./20280901T020000Z-1f6b4c2a.tar.zst --json"),
		Flags: withCommon(
			&cli.BoolFlag{Name: "all", Usage: "check every archive in the vault"},
			&cli.BoolFlag{Name: "read-data", Usage: "read the bytes of images and models and compare their digests"},
			&cli.StringFlag{Name: "sample", Usage: "read a random `SHARE` of them, such as 5%"},
			&cli.StringFlag{Name: "seed", Usage: "choose the same sample as the verification that named this `NUMBER`"},
			&cli.StringFlag{Name: "allowed-signers", Usage: "want the signature of someone in `FILE`, in the format of ssh-keygen's ALLOWED SIGNERS"},
			&cli.BoolFlag{Name: "chain", Usage: "check too that no archive of the same source was altered, removed from between or dated back"},
			&cli.BoolFlag{Name: "allow-gaps", Usage: "with --chain: archives are missing from between, for a prune removed them"},
			&cli.StringFlag{Name: "state", Usage: "remember in `FILE` what --read-data has read, to go on after it was stopped"},
			&cli.BoolFlag{Name: "restart", Usage: "read everything again, though some was read before --read-data was stopped"},
			&cli.StringFlag{Name: "against", Usage: "compare the archive with the resource `TARGET` of the config, completely"},
			&cli.StringSliceFlag{Name: "project", Usage: "with --against: only the project of this `NAME` or id; may be repeated"},
			&cli.StringSliceFlag{Name: "rename", Usage: "with --against: `OLD=NEW` name of a project in the resource; may be repeated"},
			&cli.StringFlag{Name: "report", Usage: "with --against: write a report to `FILE`: .md, .html or .json"},
			endpointFlag(), progressFlag(), jsonFlag()),
		Action: a.action(a.verify, -1, "run the same command again to go on; --read-data does not read again what it has read"),
	}
}

func (a *app) verify(c *cli.Context) error {
	if c.String("against") != "" || c.String("endpoint") != "" {
		return a.verifyAgainst(c)
	}
	for _, name := range []string{"project", "rename", "report"} {
		if c.IsSet(name) {
			return usagef("--%s goes with --against, and verify without it checks whole archives; leave it out, or add --against TARGET", name)
		}
	}
	opt, err := verifyOptions(c)
	if err != nil {
		return err
	}
	todo, err := a.verifyTargets(c)
	if err == nil && c.Bool("chain") {
		err = todo.checkChained()
	}
	if err != nil {
		return err
	}
	show, err := a.progress(c)
	if err != nil {
		return err
	}
	opt.Progress = show.Event
	if opt.Signers, err = allowedSigners(c); err != nil {
		return err
	}
	if opt.ReadData && todo.vault != nil {
		journal, err := a.verifyJournal(c, todo)
		if err != nil {
			return err
		}
		if journal != nil {
			defer journal.Close()
		}
		opt.Journal = journal
	}
	result := &verification{sample: opt.Sample, strays: todo.strays, chain: c.Bool("chain"), unlisted: c.Bool("json")}
	if c.Bool("json") {
		opt.Found = func(p verify.Problem) { result.failed(a.out.JSONLine(newProblemLine(p))) }
		result.done = func(v verifiedArchive) { result.failed(a.out.JSONLine(v)) }
		result.chained = func(v verifiedChain) { result.failed(a.out.JSONLine(v)) }
	}
	err = result.run(c.Context, todo, opt)
	show.Close()
	if err != nil {
		return err
	}
	if c.Bool("json") {
		err = errors.Join(result.err, a.out.JSONLine(result.total()))
	} else {
		a.printVerification(result)
	}
	if err == nil && !result.sound() {
		err = &statusError{exitFailed}
	}
	return err
}

// verifyOptions reads the flags that say how to verify.
func verifyOptions(c *cli.Context) (opt verify.Options, err error) {
	opt.ReadData, opt.AllowGaps = c.Bool("read-data"), c.Bool("allow-gaps")
	if opt.AllowGaps && !c.Bool("chain") {
		return opt, usagef("--allow-gaps is about --chain; give it too")
	}
	if opt.Sample, err = sampleOf(c.String("sample"), c.String("seed")); err != nil {
		return opt, err
	}
	switch {
	case opt.ReadData && opt.Sample != nil:
		return opt, usagef("--read-data reads everything and --sample a part; give one of them")
	case !opt.ReadData && c.Bool("restart"), !opt.ReadData && c.String("state") != "":
		return opt, usagef("--state and --restart are about what --read-data has read; give it too")
	}
	return opt, nil
}

// sampleOf reads --sample and --seed. Without a seed one is drawn.
func sampleOf(share, seed string) (*verify.Sample, error) {
	if share == "" && seed == "" {
		return nil, nil
	}
	number, percent := strings.CutSuffix(share, "%")
	value, err := strconv.ParseFloat(number, 64)
	if err != nil || !percent || !(value > 0 && value <= 100) {
		return nil, usagef("--sample cannot be %q; give a share such as 5%%", share)
	}
	s := &verify.Sample{Share: value / 100, Seed: uint64(rand.Uint32())}
	if seed != "" {
		if s.Seed, err = strconv.ParseUint(seed, 10, 64); err != nil {
			return nil, usagef("--seed cannot be %q; give the number that an earlier verification named", seed)
		}
	}
	return s, nil
}

// verifyTargets is what a verification is about.
type verifyTargets struct {
	vault   *vault.Vault // nil when there are lone files only
	all     bool
	targets []verifyTarget
	strays  []string // files among the archives that are none
	lone    func(path string) (*opened, error)
}

// verifyTarget is an archive of the vault, or the path of a lone file.
type verifyTarget struct {
	entry vault.Archive
	path  string
}

// verifyTargets finds what the arguments name, before anything is checked.
func (a *app) verifyTargets(c *cli.Context) (*verifyTargets, error) {
	refs := c.Args().Slice()
	switch {
	case c.Bool("all") && len(refs) > 0:
		return nil, usagef("--all takes every archive, so leave out %q, or leave out --all", refs[0])
	case !c.Bool("all") && len(refs) == 0:
		return nil, usagef("%s needs an ARCHIVE, such as latest, or --all; cvarchive list shows their names", c.Command.Name)
	case c.Bool("all"):
		return a.allTargets(c)
	}
	todo := &verifyTargets{lone: func(path string) (*opened, error) { return a.openLoneFile(c, path) }}
	for _, ref := range refs {
		if isPath(ref) {
			todo.targets = append(todo.targets, verifyTarget{path: ref})
			continue
		}
		if todo.vault == nil {
			v, err := a.vault(c)
			if err != nil {
				return nil, err
			}
			todo.vault = v
		}
		entry, err := todo.vault.Resolve(c.Context, ref)
		if err != nil {
			return nil, err
		}
		todo.targets = append(todo.targets, verifyTarget{entry: entry})
	}
	return todo, nil
}

func (a *app) allTargets(c *cli.Context) (*verifyTargets, error) {
	v, err := a.vault(c)
	if err != nil {
		return nil, err
	}
	archives, err := v.Archives(c.Context)
	if err != nil {
		return nil, err
	}
	todo := &verifyTargets{vault: v, all: true}
	for _, entry := range archives {
		todo.targets = append(todo.targets, verifyTarget{entry: entry})
	}
	strays, err := v.Strays(c.Context)
	for _, s := range strays {
		todo.strays = append(todo.strays, s.Name)
	}
	return todo, err
}

// verification collects what is found.
type verification struct {
	archives []verifiedArchive
	totals   verify.Totals
	sample   *verify.Sample
	strays   []string
	done     func(verifiedArchive) // receives each archive when it is done; may be nil
	chain    bool                  // the archives of each source are to be held against each other
	chains   []verifiedChain
	chained  func(verifiedChain) // receives each chain; may be nil
	unlisted bool                // problems are told when they are found, and not kept to be shown
	err      error               // of writing
}

func (r *verification) failed(err error) { r.err = errors.Join(r.err, err) }

func (r *verification) sound() bool {
	for _, c := range r.chains {
		if !c.Sound {
			return false
		}
	}
	return r.problems() == 0
}

func (r *verification) problems() (n int64) {
	for _, v := range r.archives {
		n += v.Problems
	}
	for _, c := range r.chains {
		n += c.Problems
	}
	return n
}

// run verifies one target after the other. One that cannot be read is a
// problem and does not stop the others. When all have been gone through, the
// journal has nothing more to tell.
func (r *verification) run(ctx context.Context, todo *verifyTargets, opt verify.Options) error {
	var pass *verify.Pass
	if looks := opt.ReadData || opt.Sample != nil || opt.Signers != nil; looks && todo.vault != nil {
		if err := todo.vault.CanRead(); err != nil {
			return err
		}
	}
	if todo.vault != nil {
		pass = verify.NewPass(todo.vault, opt)
	}
	whole := true
	for _, t := range todo.targets {
		name := t.path
		var report *verify.Report
		var err error
		if name == "" {
			name = t.entry.Name
			report, err = pass.Archive(ctx, t.entry)
		} else {
			report, err = todo.verifyFile(ctx, t.path, opt)
		}
		if ctx.Err() != nil {
			return errors.Join(err, ctx.Err())
		}
		whole = whole && err == nil
		r.take(name, t.entry.Size, report, err, opt.Found)
	}
	if r.chain {
		if err := r.runChains(ctx, todo, pass); err != nil {
			return err
		}
	}
	if pass != nil {
		r.totals = pass.Totals()
	}
	if whole && opt.Journal != nil {
		return opt.Journal.Finish()
	}
	return nil
}

func (todo *verifyTargets) verifyFile(ctx context.Context, path string, opt verify.Options) (*verify.Report, error) {
	o, err := todo.lone(path)
	if err != nil {
		return nil, err
	}
	defer o.close()
	signature, err := o.signature(ctx)
	if err != nil {
		return nil, err
	}
	report, err := verify.File(ctx, o.file, o.size, path, signature, opt)
	if err == nil && o.bundle != nil {
		err = o.verifyObjects(ctx, report, opt.Found)
	}
	return report, err
}

func (r *verification) take(name string, size int64, report *verify.Report, err error, found func(verify.Problem)) {
	if err != nil {
		p := verify.Problem{
			Archive: name, Kind: verify.Unreadable, Item: "archive",
			Reason: ui.Sentence(err.Error()), Hint: "make it readable and verify again",
		}
		if found != nil {
			found(p)
		}
		report = &verify.Report{Archive: name, Size: size, Problems: []verify.Problem{p}}
	}
	v := newVerifiedArchive(report)
	if r.unlisted {
		v.shown = nil
	}
	r.archives = append(r.archives, v)
	if r.done != nil {
		r.done(v)
	}
}

// verifiedText says what was looked at in one archive.
func verifiedText(v verifiedArchive) string {
	text := fmt.Sprintf("%s, %s", ui.Count(v.Members, "member"), ui.Count(v.Images, "image record"))
	switch {
	case v.Objects == 0:
		return text
	case v.ReadData:
		text += fmt.Sprintf(", %s (%s) read and compared", ui.Count(v.Objects, "object"), ui.Bytes(v.Bytes))
	case v.Read > 0:
		text += fmt.Sprintf(", %s (%s) present, %s of them read and compared", ui.Count(v.Objects, "object"), ui.Bytes(v.Bytes), ui.Grouped(v.Read))
	default:
		text += fmt.Sprintf(", %s (%s) present", ui.Count(v.Objects, "object"), ui.Bytes(v.Bytes))
	}
	if v.Earlier > 0 {
		text += fmt.Sprintf(", %s of them before", ui.Grouped(v.Earlier))
	}
	return text
}

func (a *app) printVerification(r *verification) {
	for _, v := range r.archives {
		a.printVerified(v)
	}
	for _, c := range r.chains {
		a.printChain(c)
	}
	for _, s := range r.strays {
		what := "lies among the archives and is none"
		if strings.Contains(s, ".tar.zst") && strings.HasSuffix(s, sign.Suffix) {
			what = "is the signature of an archive that is not there"
		}
		a.out.Printf("note: %s %s\n", ui.Clean(s), what)
	}
	if s := r.sample; s != nil {
		a.out.Printf("sample of %g%%: %s of %s read and compared; --seed %d chooses the same\n",
			s.Share*100, ui.Grouped(r.totals.Read), ui.Count(r.totals.Objects, "object"), s.Seed)
	}
	if r.totals.Earlier > 0 {
		a.out.Printf("%s of %s were read before the verification was stopped, and not again; --restart reads them\n",
			ui.Grouped(r.totals.Earlier), ui.Count(r.totals.Objects, "object"))
	}
	outcome := "no problems"
	if n := r.problems(); n > 0 {
		outcome = ui.Count(n, "problem")
	}
	a.out.Printf("%s checked, %s\n", ui.Count(len(r.archives), "archive"), outcome)
}

func (a *app) printVerified(v verifiedArchive) {
	mark := a.out.Paint(ui.Green, "✓")
	if !v.Sound {
		mark = a.out.Paint(ui.Red, "✗")
	}
	a.out.Printf("%s %s: %s\n", mark, ui.Clean(v.Archive), verifiedText(v))
	if v.SHA256 != nil {
		a.out.Printf("  SHA-256 %s\n", v.SHA256)
	}
	if by := v.SignedBy; by != nil {
		who := ui.Clean(by.Signer)
		if who == "" {
			who = "somebody whom only --allowed-signers names"
		}
		a.out.Printf("  signed by %s, with the key %s (%s)\n", who, by.Key, by.KeyType)
	}
	for _, p := range v.shown {
		a.out.Printf("  %s\n", a.out.Paint(ui.Red, ui.Sentence(p.String())))
	}
	if more := v.Problems - int64(len(v.shown)); more > 0 {
		a.out.Printf("  and %s more\n", ui.Grouped(more))
	}
	if len(v.BrokenProjects) > 0 {
		a.out.Printf("  projects that are damaged: %s\n", ui.Sentence(strings.Join(v.BrokenProjects, ", ")))
	}
	if len(v.WholeProjects) > 0 {
		a.out.Printf("  projects that are whole: %s\n", ui.Sentence(strings.Join(v.WholeProjects, ", ")))
	}
	for _, n := range v.Notes {
		a.out.Printf("  note: %s\n", ui.Sentence(n))
	}
	for _, u := range v.Unchecked {
		a.out.Printf("  not checked: %s\n", ui.Sentence(u))
	}
}
