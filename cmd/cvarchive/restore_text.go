package main

import (
	"fmt"
	"strings"

	"cvarchive/archive/restore"
	"cvarchive/cmd/internal/ui"
	"cvarchive/manifest"
	"cvarchive/manifest/plan"
)

// sigils mark what happens to a project, as the legend says.
var sigils = map[plan.Action]struct{ sigil, colour string }{
	plan.Import:   {"+", ui.Green},
	plan.Rebuild:  {"+", ui.Green},
	plan.Continue: {"~", ui.Green},
	plan.Skip:     {"=", ui.Faint},
	plan.Conflict: {"!", ui.Yellow},
	plan.Blocked:  {"x", ui.Red},
}

// shownTags bounds the tags of a project in a plan's text.
const shownTags = 40

// printPlan shows a plan as a readable difference; without details, one line
// a project.
func (a *app) printPlan(p *plan.Plan, details bool) {
	a.out.Printf("Restore of %s (captured %s from %s)\n", ui.Clean(p.Archive.Name), ui.Time(p.Archive.Created), ui.Clean(p.Archive.Source))
	a.out.Printf("to %s (%s)\n\n", ui.Clean(p.Target.Name), ui.Clean(p.Target.Endpoint))
	if !hasWork(p) {
		a.printHeads(p)
		a.out.Printf("No changes. %s holds %s of the archive already.\n", ui.Clean(p.Target.Name), everyProject(p))
		return
	}
	a.out.Printf("  + is created   = is left as it is   ! its name is taken   x cannot be restored\n\n")
	if details {
		for i := range p.Projects {
			a.printPlanned(&p.Projects[i])
		}
	} else {
		a.printHeads(p)
	}
	a.printTally(p)
}

func everyProject(p *plan.Plan) string {
	if len(p.Projects) == 1 {
		return "the one chosen project"
	}
	return "all " + ui.Count(len(p.Projects), "chosen project")
}

func (a *app) printHeads(p *plan.Plan) {
	for i := range p.Projects {
		a.printHead(&p.Projects[i])
	}
	if len(p.Projects) > 0 {
		a.out.Printf("\n")
	}
}

// printHead is the one line that every project has.
func (a *app) printHead(p *plan.Project) {
	s := sigils[p.Action]
	name := ui.Clean(p.Name)
	if p.TargetName != "" && p.TargetName != p.Name {
		name += " → " + ui.Clean(p.TargetName)
	}
	a.out.Printf("  %s %s\n", a.out.Paint(s.colour, s.sigil+" "+name), a.out.Paint(ui.Faint, "("+string(p.Action)+": "+ui.Sentence(p.Reason)+")"))
}

func (a *app) printPlanned(p *plan.Project) {
	a.printHead(p)
	if p.Next != "" {
		a.out.Printf("      what to do: %s\n", ui.Sentence(p.Next))
	}
	for _, d := range p.Differs {
		a.out.Printf("      differs: %s\n", ui.Sentence(d))
	}
	if p.Action.Writes() {
		a.printCreates(p)
	}
	for _, n := range p.NotCarried {
		a.out.Printf("      %s %s\n", a.out.Paint(ui.Yellow, "-"), ui.Sentence("not carried over: "+n.String()))
	}
	for _, n := range p.Notes {
		a.out.Printf("      note: %s\n", ui.Sentence(n.String()))
	}
	a.out.Printf("\n")
}

// printCreates shows what will be there afterwards that was not before.
func (a *app) printCreates(p *plan.Project) {
	if p.Domain != nil {
		text := p.Domain.Name
		if text == "" {
			text = p.Domain.ID
		}
		if p.Domain.From != "" {
			text += " (the archived domain " + p.Domain.From + " is not offered there)"
		}
		a.plus("domain %s", ui.Clean(text))
	}
	a.printSettings(p)
	c := p.Creates
	text := ui.Count(c.Tags, "tag") + ", " + ui.Count(c.Images, "image") + ", " + ui.Count(c.Regions, "region")
	if c.WithMetadata > 0 {
		text += ", " + ui.Grouped(c.WithMetadata) + " with metadata"
	}
	if c.Iterations > 0 {
		text += ", " + ui.Count(c.Iterations, "iteration")
	}
	a.plus("%s", text)
	for i, t := range c.PerTag {
		if i == shownTags {
			a.out.Printf("          and %s more\n", ui.Count(len(c.PerTag)-i, "tag"))
			break
		}
		kind := ""
		if t.Type != manifest.TagRegular && t.Type != "" {
			kind = " (" + strings.ToLower(t.Type) + ")"
		}
		a.out.Printf("          %s%s: %s\n", ui.Clean(t.Name), ui.Clean(kind), ui.Count(t.Images, "image"))
	}
	if p.Action == plan.Rebuild {
		a.out.Printf("      uploads %s with %s\n", ui.Bytes(p.Bytes), ui.Count(callCount(p.Calls), "call"))
	}
	if p.Fallback != nil {
		a.out.Printf("      should the import fail: rebuilt from content, %s with %s\n", ui.Bytes(p.Fallback.Bytes), ui.Count(callCount(p.Fallback.Calls), "call"))
	}
}

// augmentation begins the names of the settings that say which image
// transforms training applies; they share a line.
const augmentation = "augmentation "

func (a *app) printSettings(p *plan.Project) {
	var transforms []string
	for _, s := range p.Settings {
		name, isTransform := strings.CutPrefix(s.Name, augmentation)
		switch {
		case isTransform && s.Value == "true":
			transforms = append(transforms, name)
		case isTransform:
			transforms = append(transforms, "no "+name)
		case s.Name == "domain": // shown by its name
		default:
			a.plus("%s: %s", ui.Clean(s.Name), ui.Sentence(s.Value))
		}
	}
	if len(transforms) > 0 {
		a.plus("augmentation: %s", ui.Sentence(strings.Join(transforms, ", ")))
	}
}

func (a *app) plus(format string, args ...any) {
	a.out.Printf("      %s %s\n", a.out.Paint(ui.Green, "+"), fmt.Sprintf(format, args...))
}

func callCount(c plan.Calls) int {
	n := 0
	for _, v := range c {
		n += v
	}
	return n
}

// printTally is the last line of a plan.
func (a *app) printTally(p *plan.Plan) {
	t := p.Totals
	a.out.Printf("Plan: %d to import, %d to rebuild, %d to leave, %d in conflict, %d blocked;\n", t.Import, t.Rebuild, t.Skip, t.Conflict, t.Blocked)
	a.out.Printf("      creates %s, %s and %s; %s to write and %s to prove it, %s to upload.\n",
		ui.Count(t.Tags, "tag"), ui.Count(t.Images, "image"), ui.Count(t.Regions, "region"),
		ui.Count(callCount(t.Calls), "call"), ui.Grouped(callCount(t.ProofCalls)), ui.Bytes(t.Bytes))
}

// printReport says what the restore came to.
func (a *app) printReport(r *restore.Report) {
	a.out.Printf("\n")
	for i := range r.Projects {
		a.printRestored(&r.Projects[i])
	}
	a.printRemoved(r)
	restored, short := 0, len(r.Failures)
	for i := range r.Projects {
		p := &r.Projects[i]
		switch {
		case !p.Action.Writes() && p.Outcome == manifest.Complete:
		case p.Outcome == manifest.Complete && p.Proof != nil && p.Proof.Equal():
			restored++
		default:
			short++
		}
	}
	took := ui.Duration(r.Finished.Sub(r.Started))
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
	a.printNotRestored(p)
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
	a.printProof(p)
}

func restoredText(p *restore.ProjectReport) string {
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

func (a *app) printNotRestored(p *restore.ProjectReport) {
	for i, f := range p.Failures {
		if i == shownFailures {
			a.out.Printf("    and %s more; --json lists them all\n", ui.Grouped(len(p.Failures)-i))
			return
		}
		a.out.Printf("    %s\n", a.out.Paint(ui.Red, strings.Replace(failureText(f), "not captured: ", "not restored: ", 1)))
	}
}

// printProof tells what the comparison with the archive found.
func (a *app) printProof(p *restore.ProjectReport) {
	switch {
	case p.Proof == nil:
	case p.Proof.Equal():
		a.out.Printf("    read back and equal to the archive: %s, %s by their bytes\n", ui.Count(p.Proof.Images, "image"), ui.Grouped(p.Proof.ByContent))
	default:
		for i, c := range p.Proof.Changes {
			if i == shownFailures {
				a.out.Printf("    and %s more\n", ui.Count(len(p.Proof.Changes)-i+p.Proof.Omitted, "difference"))
				break
			}
			a.out.Printf("    %s\n", a.out.Paint(ui.Red, "differs: "+ui.Sentence(c.Text)))
		}
	}
}
