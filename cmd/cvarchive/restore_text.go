package main

import (
	"fmt"
	"strings"

	"cvarchive/archive/restore"
	"cvarchive/cmd/internal/ui"
	"cvarchive/manifest"
	"cvarchive/manifest/diff"
	"cvarchive/manifest/plan"
)

// printReport says what the restore came to.
func (a *app) printReport(r *restore.Report) {
	a.out.Printf("\n")
	for i := range r.Projects {
		a.printRestored(&r.Projects[i])
	}
	a.printRemoved(r)
	restored, served, short := 0, 0, len(r.Failures)
	for i := range r.Projects {
		p := &r.Projects[i]
		switch {
		case p.Action == plan.Serve && p.Outcome == manifest.Complete:
			served++
		case !p.Action.Writes() && p.Outcome == manifest.Complete:
		case p.Outcome == manifest.Complete && p.Proof != nil && p.Proof.Equal():
			restored++
		default:
			short++
		}
	}
	took := ui.Duration(r.Finished.Sub(r.Started))
	if served > 0 {
		a.out.Printf("Trained or published %s that %s there already, in %s.\n", ui.Count(served, "project"), wasOrWere(served), took)
	}
	if short == 0 && served > 0 && restored == 0 {
		return
	}
	if short == 0 {
		a.out.Printf("Restored %s to %s in %s, each read back and found equal to the archive.\n", ui.Count(restored, "project"), ui.Clean(r.Target.Name), took)
		return
	}
	a.out.Printf("%s\n", a.out.Paint(ui.Red, fmt.Sprintf("Restored %s to %s in %s; %s not whole, not proven or not restored, as listed above.",
		ui.Count(restored, "project"), ui.Clean(r.Target.Name), took, ui.Count(short, "project"))))
}

func (a *app) printRestored(p *restore.ProjectReport) {
	mark := a.out.Paint(ui.Green, "✓")
	switch {
	case p.Action == plan.Serve && p.Outcome == manifest.Complete:
	case !p.Action.Writes() && p.Outcome == manifest.Complete:
		mark = "="
	case p.Outcome != manifest.Complete || p.Proof == nil || !p.Proof.Equal():
		mark = a.out.Paint(ui.Red, "✗")
	}
	name := ui.Clean(p.Name)
	if p.TargetName != "" && p.TargetName != p.Name {
		name += " → " + ui.Clean(p.TargetName)
	}
	a.out.Printf("%s %s: %s\n", mark, name, restoredText(p))
	if p.Reason != "" && p.Outcome != manifest.Complete {
		a.out.Printf("    %s\n", ui.Sentence(p.Reason))
	}
	if p.Next != "" {
		a.out.Printf("    what to do: %s\n", ui.Sentence(p.Next))
	}
	a.printNotDone("not restored", p.Failures)
	if left := p.Abandoned; left != nil {
		next := "delete it when you no longer need it, or run this again with --clean-up"
		if left.Removed {
			next = "deleted, as asked for"
		}
		a.out.Printf("    left behind: %s\n", ui.Sentence(fmt.Sprintf("project %q (%s): %s; %s", left.Name, left.ID, left.Reason, next)))
	}
	a.printJourney(p)
	if len(p.Merged) > 0 {
		a.out.Printf("    %s with the bytes of another; the service keeps one of them\n", ui.Count(len(p.Merged), "image"))
	}
	a.printProof(p.Proof)
}

func wasOrWere(n int) string {
	if n == 1 {
		return "was"
	}
	return "were"
}

func restoredText(p *restore.ProjectReport) string {
	if p.Action == plan.Serve {
		return fmt.Sprintf("trained or published, %s; its content was there and equal", p.Outcome)
	}
	if !p.Action.Writes() {
		if p.Outcome == manifest.Complete {
			return "left as it is (" + ui.Sentence(p.Reason) + ")"
		}
		return string(p.Action)
	}
	way := "rebuilt from content"
	switch {
	case p.Action == plan.Continue && p.By == plan.Rebuild && p.Resumed.By == plan.Rebuild:
		way = "finished from content"
	case p.By == plan.Import:
		way = "imported by token"
	case p.By == "":
		way = "not restored"
	case p.Action == plan.Import, p.Action == plan.Continue && p.By == plan.Rebuild:
		way = "rebuilt from content after the import failed"
	}
	text := fmt.Sprintf("%s, %s: %s, %s", way, p.Outcome, ui.Count(p.Created.Tags, "tag"), ui.Count(p.Created.Images, "image"))
	if p.Created.Regions > 0 || p.By != plan.Import { // an import does not say
		text += ", " + ui.Count(p.Created.Regions, "region")
	}
	return text
}

// printNotDone names what failed; what says in which way.
func (a *app) printNotDone(what string, failures []manifest.Failure) {
	for i, f := range failures {
		if i == shownFailures {
			a.out.Printf("    and %s more; --json lists them all\n", ui.Grouped(len(failures)-i))
			return
		}
		a.out.Printf("    %s\n", a.out.Paint(ui.Red, strings.Replace(failureText(f), "not captured: ", what+": ", 1)))
	}
}

// printProof tells what the comparison with the archive found.
func (a *app) printProof(r *diff.Result) {
	switch {
	case r == nil:
	case r.Equal():
		a.out.Printf("    read back and equal to the archive: %s, %s by their bytes\n", ui.Count(r.Images, "image"), ui.Grouped(r.ByContent))
	default:
		for i, c := range r.Changes {
			if i == shownFailures {
				a.out.Printf("    and %s more\n", ui.Count(len(r.Changes)-i+r.Omitted, "difference"))
				break
			}
			a.out.Printf("    %s\n", a.out.Paint(ui.Red, "differs: "+ui.Sentence(c.Text)))
		}
	}
}
