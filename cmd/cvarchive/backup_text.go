package main

import (
	"fmt"
	"slices"
	"strings"

	"cvarchive/archive/backup"
	"cvarchive/archive/vault"
	"cvarchive/cmd/internal/ui"
	"cvarchive/manifest"
)

// namedFailures is how many failures a summary names one by one.
const namedFailures = 100

func (a *app) printBackup(r *backup.Result, v *vault.Vault) {
	b := newBackupTotal(r, v.String())
	t := ui.Table{Right: []int{1, 2, 3, 4, 5}}
	t.Row("PROJECT", "IMAGES", "TAGS", "REGIONS", "ITERATIONS", "CONTENT", "TOKEN", "STATE")
	for _, p := range r.Manifest.Projects {
		t.Row(p.Name, ui.Grouped(p.Counts.Images), ui.Grouped(p.Counts.Tags), ui.Grouped(p.Counts.Regions),
			ui.Grouped(p.Counts.Iterations), ui.Bytes(p.Counts.Bytes), string(p.Token.State), string(p.Outcome))
	}
	t.Print(a.out, "")
	s := b.Stats
	a.out.Printf("\nCaptured %s of %s in %s: %s downloaded (%s), %s already in the vault.\n",
		ui.Count(b.Projects, "project"), ui.Clean(b.Source.Name), ui.Duration(b.Finished.Sub(b.Started)),
		ui.Count(s.ImagesDownloaded, "image"), ui.Bytes(s.BytesDownloaded), ui.Grouped(s.ImagesReused))
	a.out.Printf("Archive  %s (%s)\n", a.out.Paint(ui.Bold, b.Archive), ui.Bytes(b.Size))
	a.out.Printf("SHA-256  %s\n", b.SHA256)
	a.out.Printf("Vault    %s\n", ui.Clean(b.Vault))
	a.printTokens(r.Manifest, b, v.Encrypted())
	switch {
	case b.Unsigned != "":
		a.out.Printf("%s\n", a.out.Paint(ui.Red, fmt.Sprintf("The archive is not signed: %s; cvarchive sign %s signs it when that is mended.", b.Unsigned, b.Archive)))
	case b.Signed:
		a.out.Printf("Signed   cvarchive verify --allowed-signers FILE checks by whom\n")
	}
	if !b.Whole {
		a.printBackupFailures(r, b)
	}
}

// printTokens warns that the archive can be used to import, while it can.
func (a *app) printTokens(m *manifest.Manifest, b backupTotal, encrypted bool) {
	has := func(s manifest.TokenState) bool {
		return slices.ContainsFunc(m.Projects, func(p manifest.ProjectEntry) bool { return p.Token.State == s })
	}
	until := ""
	if b.TokensUntil != nil {
		until = ", and they expire at " + ui.Time(*b.TokensUntil)
	}
	switch {
	case has(manifest.TokenSealed):
		a.out.Printf("Tokens   sealed: restore --identity opens them%s\n", until)
	case !has(manifest.TokenStored):
	case encrypted:
		a.out.Printf("Tokens   encrypted with the archive%s\n", until)
	case b.TokensUntil == nil:
		a.out.Printf("Tokens   live export tokens are inside; anyone who reads this archive can import the projects while they live\n")
	default:
		a.out.Printf("Tokens   live export tokens are inside until %s; anyone who reads this archive can import the projects until then\n", ui.Time(*b.TokensUntil))
	}
}

// printBackupFailures names what could not be captured, with the reason, and
// then what to do, each thing once.
func (a *app) printBackupFailures(r *backup.Result, b backupTotal) {
	list := failuresOf(r)
	var hints []string
	named := map[string]int{} // failures by hint
	a.out.Printf("\n")
	for i, f := range list {
		if i < namedFailures {
			a.out.Printf("%s\n", a.out.Paint(ui.Red, inProject(f.Project, f.Failure)))
		}
		if named[f.Hint]++; named[f.Hint] == 1 {
			hints = append(hints, f.Hint)
		}
	}
	if n := len(list) - namedFailures; n > 0 || b.Lost > len(list) {
		a.out.Printf("… and more: %s could not be captured in all; cvarchive inspect --json names every one\n", ui.Count(b.Lost, "image and model", "images and models"))
	}
	a.out.Printf("\nWhat to do:\n")
	for _, h := range hints {
		a.out.Printf("  %s: %s\n", ui.Count(named[h], "failure"), h)
	}
	verdict := "The archive is not whole: what is listed above could not be captured."
	if b.Incomplete {
		verdict = "The archive is incomplete, and not the latest: more was lost than --max-failures allows."
	}
	a.out.Printf("%s\n", a.out.Paint(ui.Red, verdict))
}

func inProject(project string, f manifest.Failure) string {
	if project == "" {
		return failureText(f)
	}
	return strings.Replace(failureText(f), "not captured: ", fmt.Sprintf("not captured: %s: ", ui.Clean(project)), 1)
}
