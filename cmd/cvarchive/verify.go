package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	"cvarchive/archive/vault"
	"cvarchive/archive/verify"
	"cvarchive/cmd/internal/ui"
	"cvarchive/manifest"
)

// verification is the shape of "verify --json".
type verification struct {
	Sound    bool              `json:"sound"`
	Archives []verifiedArchive `json:"archives"`
	// Strays lie among the archives of the vault and are not named like
	// one (--all only). They are no problem of the archives.
	Strays []string `json:"strays,omitempty"`
}

// verifiedArchive is what was found in one archive.
type verifiedArchive struct {
	Archive  string           `json:"archive"`
	Sound    bool             `json:"sound"`
	SHA256   *manifest.Digest `json:"sha256,omitempty"` // of the file; absent where it could not be read
	Size     int64            `json:"size"`
	Members  int64            `json:"members"`
	Images   int64            `json:"images"`
	Objects  int64            `json:"objects"`
	Bytes    int64            `json:"bytes"` // of the objects
	ReadData bool             `json:"readData"`
	Problems []verifyProblem  `json:"problems"`
	// MoreProblems counts those that are not listed.
	MoreProblems int64    `json:"moreProblems,omitempty"`
	Notes        []string `json:"notes,omitempty"`
	Unchecked    []string `json:"unchecked,omitempty"`
	// WholeProjects and BrokenProjects are told when the file is damaged
	// and still says which projects it has.
	WholeProjects  []string `json:"wholeProjects,omitempty"`
	BrokenProjects []string `json:"brokenProjects,omitempty"`
}

// verifyProblem is one thing that is wrong.
type verifyProblem struct {
	Kind       verify.Kind `json:"kind"`
	Item       string      `json:"item"`
	Reason     string      `json:"reason"`
	Hint       string      `json:"hint"`
	Project    string      `json:"project,omitempty"`    // name
	ImageID    string      `json:"imageId,omitempty"`    //
	ObjectName string      `json:"objectName,omitempty"` // in the vault
}

func (a *app) verifyCommand() *cli.Command {
	return &cli.Command{
		Name:      "verify",
		Usage:     "check archives and the objects they name",
		ArgsUsage: "ARCHIVE... | --all",
		Description: examples(`Checks that nothing in an archive was altered or is missing: every digest of the file,
every record and count, and that every image and model it names is in the vault. With
--read-data the bytes of those are read and compared with their digests too. A lone file
is checked by itself. Exit status 1 means that something is wrong; each problem is named.

`+archiveArg,
			"cvarchive verify latest",
			"cvarchive verify --all --read-data",
			"cvarchive verify ./20280901T020000Z-1f6b4c2a.tar.zst --json"),
		Flags: withCommon(
			&cli.BoolFlag{Name: "all", Usage: "check every archive in the vault"},
			&cli.BoolFlag{Name: "read-data", Usage: "read the bytes of images and models and compare their digests"},
			progressFlag(), jsonFlag()),
		Action: a.action(a.verify, -1, "run the same command again to check from the start"),
	}
}

func (a *app) verify(c *cli.Context) error {
	refs := c.Args().Slice()
	switch {
	case c.Bool("all") && len(refs) > 0:
		return usagef("--all checks every archive, so leave out %q, or leave out --all", refs[0])
	case !c.Bool("all") && len(refs) == 0:
		return usagef("verify needs an ARCHIVE, such as latest, or --all; cvarchive list shows their names")
	}
	show, err := a.progress(c)
	if err != nil {
		return err
	}
	opt := verify.Options{ReadData: c.Bool("read-data"), Progress: show.Event}
	result := &verification{Sound: true, Archives: []verifiedArchive{}}
	if c.Bool("all") {
		err = a.verifyAll(c, opt, result)
	} else {
		err = a.verifyNamed(c, refs, opt, result)
	}
	show.Close()
	if err != nil {
		return err
	}
	if c.Bool("json") {
		if err := a.out.JSON(result); err != nil {
			return err
		}
	} else {
		a.printVerification(result)
	}
	if !result.Sound {
		return &statusError{exitFailed}
	}
	return nil
}

func (a *app) verifyAll(c *cli.Context, opt verify.Options, result *verification) error {
	v, err := a.vault(c)
	if err != nil {
		return err
	}
	archives, err := v.Archives(c.Context)
	if err != nil {
		return err
	}
	pass := verify.NewPass(v, opt) // looks at an object once, however many archives name it
	for _, entry := range archives {
		if err := result.add(c.Context, pass, entry); err != nil {
			return err
		}
	}
	strays, err := v.Strays(c.Context)
	for _, s := range strays {
		result.Strays = append(result.Strays, s.Name)
	}
	return err
}

func (a *app) verifyNamed(c *cli.Context, refs []string, opt verify.Options, result *verification) error {
	var v *vault.Vault
	var pass *verify.Pass
	for _, ref := range refs {
		if isPath(ref) {
			if err := result.addFile(c.Context, ref, opt); err != nil {
				return err
			}
			continue
		}
		if v == nil {
			opened, err := a.vault(c)
			if err != nil {
				return err
			}
			v, pass = opened, verify.NewPass(opened, opt)
		}
		entry, err := v.Resolve(c.Context, ref)
		if err != nil {
			return err
		}
		if err := result.add(c.Context, pass, entry); err != nil {
			return err
		}
	}
	return nil
}

// add verifies an archive of a vault. One that cannot be read is a problem
// and does not stop the others.
func (r *verification) add(ctx context.Context, pass *verify.Pass, entry vault.Archive) error {
	report, err := pass.Archive(ctx, entry)
	return r.take(ctx, entry.Name, entry.Size, report, err)
}

func (r *verification) addFile(ctx context.Context, path string, opt verify.Options) error {
	o, err := openLoneFile(path)
	if err != nil {
		return err
	}
	defer o.close()
	report, err := verify.File(ctx, o.file, o.size, path, verify.Options{})
	return r.take(ctx, path, o.size, report, err)
}

func (r *verification) take(ctx context.Context, name string, size int64, report *verify.Report, err error) error {
	if ctx.Err() != nil {
		return errors.Join(err, ctx.Err())
	}
	if err != nil {
		r.Sound = false
		r.Archives = append(r.Archives, verifiedArchive{Archive: name, Size: size, Problems: []verifyProblem{{
			Kind: verify.Unreadable, Item: "archive", Reason: ui.Sentence(err.Error()), Hint: "make it readable and verify again",
		}}})
		return nil
	}
	a := verifiedArchive{
		Archive: name, Sound: report.Sound(), Size: report.Size, Members: report.Members, Images: report.Images,
		Objects: report.Objects, Bytes: report.Bytes, ReadData: report.ReadData,
		Problems: []verifyProblem{}, MoreProblems: report.Unlisted,
		Notes: report.Notes, Unchecked: report.Unchecked, WholeProjects: report.Whole, BrokenProjects: report.Broken,
	}
	if !report.SHA256.IsZero() {
		a.SHA256 = &report.SHA256
	}
	for _, p := range report.Problems {
		a.Problems = append(a.Problems, verifyProblem{Item: p.Item, Reason: p.Reason, Hint: p.Hint})
	}
	r.Sound = r.Sound && a.Sound
	r.Archives = append(r.Archives, a)
	return nil
}

func (a *app) printVerification(r *verification) {
	problems := 0
	for _, v := range r.Archives {
		mark := a.out.Paint(ui.Green, "✓")
		if !v.Sound {
			mark = a.out.Paint(ui.Red, "✗")
		}
		a.out.Printf("%s %s: %s\n", mark, ui.Clean(v.Archive), verifiedText(v))
		if v.SHA256 != nil {
			a.out.Printf("  SHA-256 %s\n", v.SHA256)
		}
		for _, p := range v.Problems {
			a.out.Printf("  %s\n", a.out.Paint(ui.Red, ui.Sentence(fmt.Sprintf("%s: %s; %s", p.Item, p.Reason, p.Hint))))
		}
		if v.MoreProblems > 0 {
			a.out.Printf("  and %s more\n", ui.Grouped(v.MoreProblems))
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
		problems += len(v.Problems) + int(v.MoreProblems)
	}
	for _, s := range r.Strays {
		a.out.Printf("note: %s lies among the archives and is none\n", ui.Clean(s))
	}
	if problems == 0 {
		a.out.Printf("%s checked, no problems\n", ui.Count(len(r.Archives), "archive"))
		return
	}
	a.out.Printf("%s checked, %s\n", ui.Count(len(r.Archives), "archive"), ui.Count(problems, "problem"))
}

func verifiedText(v verifiedArchive) string {
	how := "present"
	if v.ReadData {
		how = "read and compared"
	}
	text := fmt.Sprintf("%s, %s", ui.Count(v.Members, "member"), ui.Count(v.Images, "image record"))
	if v.Objects > 0 {
		text += fmt.Sprintf(", %s (%s) %s", ui.Count(v.Objects, "object"), ui.Bytes(v.Bytes), how)
	}
	return text
}
