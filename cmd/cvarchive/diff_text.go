package main

import (
	"fmt"
	"strings"

	"cvarchive/archive/compare"
	"cvarchive/cmd/internal/ui"
	"cvarchive/manifest/diff"
)

// diffSigns mark what happened to a project, and in which colour.
var diffSigns = map[compare.Status]struct{ sign, colour string }{
	compare.Equal:       {"=", ui.Faint},
	compare.Added:       {"+", ui.Green},
	compare.Removed:     {"-", ui.Red},
	compare.Changed:     {"~", ui.Yellow},
	compare.NotCompared: {"!", ui.Red},
	compare.LeftOut:     {".", ui.Faint},
}

// editColours are those of the signs + - ~.
var editColours = map[diff.Op]string{diff.Added: ui.Green, diff.Removed: ui.Red, diff.Changed: ui.Yellow}

// printDiff shows a comparison: both sides, a line a project that is not
// equal, the details if they are asked for, and the tally.
func (a *app) printDiff(r *compare.Report, details, images bool) {
	a.out.Printf("- %s\n+ %s\n\n", sideText(r.Old), sideText(r.New))
	a.printDiffStat(r, details)
	if details {
		for i := range r.Projects {
			a.printHistory(&r.Projects[i], r.ImagesCounted, images)
		}
	}
	a.printDiffTally(r)
}

func sideText(s compare.Side) string {
	if s.Kind == compare.Resource {
		return fmt.Sprintf("%s (%s) now", ui.Clean(s.Name), ui.Clean(s.Endpoint))
	}
	return fmt.Sprintf("%s (captured %s from %s)", ui.Clean(s.Name), ui.Time(s.Time), ui.Clean(s.Resource))
}

// printDiffStat prints the line a project, as git's --stat does for files.
// Projects that are equal are only counted, unless they were asked for.
func (a *app) printDiffStat(r *compare.Report, all bool) {
	var text strings.Builder
	t := &ui.Table{}
	var signs []string
	for i := range r.Projects {
		p := &r.Projects[i]
		if p.Status == compare.Equal && !all {
			continue
		}
		s := diffSigns[p.Status]
		signs = append(signs, a.out.Paint(s.colour, s.sign))
		t.Row(projectTitle(p), imagesText(p, r.ImagesCounted), statText(p))
	}
	if len(signs) == 0 {
		return
	}
	t.Print(&text, " ")
	n := 0
	for line := range strings.Lines(text.String()) {
		a.out.Printf("  %s%s", signs[n], line)
		n++
	}
	a.out.Printf("\n")
}

func projectTitle(p *compare.Project) string {
	if p.NewName != "" {
		return p.Name + " → " + p.NewName
	}
	return p.Name
}

// imagesText says how the number of images went.
func imagesText(p *compare.Project, counted bool) string {
	t := p.Images
	switch {
	case p.Status == compare.NotCompared || p.Status == compare.LeftOut:
		return ""
	case p.Status == compare.Added:
		return ui.Count(t.New, "image")
	case p.Status == compare.Removed:
		return ui.Count(t.Old, "image")
	case t.Old == t.New && t.Equal():
		return ui.Count(t.New, "image")
	}
	text := fmt.Sprintf("%s → %s", ui.Grouped(t.Old), ui.Count(t.New, "image"))
	if counted {
		return text
	}
	var s []string
	for _, of := range []struct {
		op diff.Op
		n  int
	}{{diff.Added, t.Added}, {diff.Removed, t.Removed}, {diff.Changed, t.Changed}} {
		if of.n > 0 {
			s = append(s, of.op.Sign()+ui.Grouped(of.n))
		}
	}
	if t.Unpaired > 0 {
		s = append(s, "?"+ui.Grouped(t.Unpaired))
	}
	return text + " (" + strings.Join(s, " ") + ")"
}

// statText sums up what else happened.
func statText(p *compare.Project) string {
	if p.Reason != "" {
		return strings.ReplaceAll(string(p.Status), "-", " ") + ": " + ui.Sentence(p.Reason)
	}
	if p.Status != compare.Changed {
		return string(p.Status)
	}
	counts := map[string]map[string]bool{}
	for _, e := range p.Edits {
		if counts[e.What] == nil {
			counts[e.What] = map[string]bool{}
		}
		counts[e.What][e.ID+"\x00"+e.Name] = true
	}
	var s []string
	if len(counts[diff.OfName]) > 0 {
		s = append(s, "renamed")
	}
	for _, what := range []string{diff.OfSetting, diff.OfTag, diff.OfIteration} {
		if n := len(counts[what]); n > 0 {
			s = append(s, ui.Count(n, what))
		}
	}
	if parts := p.Images.Parts(); parts != "" {
		s = append(s, "images "+parts)
	}
	return strings.Join(s, ", ")
}

// printHistory shows what happened to one project.
func (a *app) printHistory(p *compare.Project, counted, images bool) {
	t := p.Images
	looked := p.Status == compare.Changed || len(p.Unread) > 0
	if !looked {
		return
	}
	a.out.Printf("%s\n", a.out.Paint(ui.Bold, ui.Clean(projectTitle(p))))
	for _, e := range p.Edits {
		a.printEdit(e)
	}
	for _, e := range p.ImageEdits {
		a.printEdit(e)
	}
	for i, f := range p.Unread {
		if i == shownFailures {
			a.out.Printf("    ! and %s more\n", ui.Grouped(len(p.Unread)-i))
			break
		}
		a.out.Printf("    ! not compared: %s\n", ui.Sentence(f.Item+": "+f.Message))
	}
	listed := map[string]bool{}
	for _, e := range p.ImageEdits {
		listed[e.ID] = true
	}
	switch n := t.Added + t.Removed + t.Changed - len(listed); {
	case counted && t.Old != t.New:
		a.out.Printf("    images were counted; --deep compares them\n")
	case n > 0 && images:
		a.out.Printf("    and %s that are not listed\n", ui.Count(n, "image"))
	case n > 0:
		a.out.Printf("    %s not listed; --images lists them\n", ui.Count(n, "image"))
	}
	a.out.Printf("\n")
}

func (a *app) printEdit(e diff.Edit) {
	a.out.Printf("    %s %s\n", a.out.Paint(editColours[e.Op], e.Op.Sign()), shortened(ui.Sentence(e.String())))
}

// maxShown bounds a line of details, in characters; --json has all.
const maxShown = 400

func shortened(s string) string {
	if len(s) <= maxShown { // bytes are at least as many
		return s
	}
	r := []rune(s)
	if len(r) <= maxShown {
		return s
	}
	return string(r[:maxShown-1]) + "…"
}

func (a *app) printDiffTally(r *compare.Report) {
	t := r.Totals
	var s []string
	say := func(n int, what string) {
		if n > 0 {
			s = append(s, ui.Grouped(n)+" "+what)
		}
	}
	say(t.Added, "added")
	say(t.Removed, "removed")
	say(t.Changed, "changed")
	say(t.Equal, "equal")
	say(t.NotCompared, "not compared")
	say(t.LeftOut, "left out")
	if r.Equal && r.Whole {
		a.out.Printf("No differences in %s, matched by %s.\n", ui.Count(t.Equal, "project"), r.By)
		return
	}
	a.out.Printf("Projects, matched by %s: %s.", r.By, strings.Join(s, ", "))
	i := t.Images
	switch {
	case r.ImagesCounted:
		a.out.Printf(" Images, counted only: %s → %s.", ui.Grouped(i.Old), ui.Grouped(i.New))
	default:
		a.out.Printf(" Images: %s added, %s removed, %s changed.", ui.Grouped(i.Added), ui.Grouped(i.Removed), ui.Grouped(i.Changed))
	}
	a.out.Printf("\n")
}
