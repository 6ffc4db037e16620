package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"cvarchive/cmd/internal/ui"
	"cvarchive/manifest"
	"cvarchive/manifest/plan"
)

// sigils mark what happens to a project, and what the legend says of that.
var sigils = map[plan.Action]struct{ sigil, colour, meaning string }{
	plan.Import:   {"+", ui.Green, "is created"},
	plan.Rebuild:  {"+", ui.Green, "is created"},
	plan.Continue: {"~", ui.Green, "is gone on with"},
	plan.Serve:    {"~", ui.Green, "is trained or published"},
	plan.Skip:     {"=", ui.Faint, "is left as it is"},
	plan.Conflict: {"!", ui.Yellow, "its name is taken"},
	plan.Blocked:  {"x", ui.Red, "cannot be restored"},
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
	a.printLegend(p)
	if !details {
		a.printHeads(p)
	} else {
		everywhere := sharedNotes(p)
		for i := range p.Projects {
			a.printPlanned(&p.Projects[i], everywhere)
		}
		for _, n := range everywhere {
			a.out.Printf("  %s %s\n", a.out.Paint(ui.Yellow, "-"), ui.Sentence("not carried over, by any of them: "+n.String()))
		}
		if len(everywhere) > 0 {
			a.out.Printf("\n")
		}
	}
	a.printLeftovers(p)
	a.printTally(p)
}

// printLegend explains the sigils that follow.
func (a *app) printLegend(p *plan.Plan) {
	var legend []string
	for i := range p.Projects {
		s := sigils[p.Projects[i].Action]
		if text := s.sigil + " " + s.meaning; !slices.Contains(legend, text) {
			legend = append(legend, text)
		}
	}
	a.out.Printf("  %s\n\n", strings.Join(legend, "   "))
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

// sharedNotes are the losses that every project which is written has in the
// same words; saying them once is enough.
func sharedNotes(p *plan.Plan) []plan.Note {
	var shared []plan.Note
	writes := 0
	for i := range p.Projects {
		pp := &p.Projects[i]
		if !pp.Action.Writes() {
			continue
		}
		if writes++; writes == 1 {
			shared = slices.Clone(pp.NotCarried)
			continue
		}
		shared = slices.DeleteFunc(shared, func(n plan.Note) bool { return !slices.ContainsFunc(pp.NotCarried, sameNote(n)) })
	}
	if writes < 2 {
		return nil
	}
	return shared
}

func sameNote(a plan.Note) func(plan.Note) bool {
	return func(b plan.Note) bool { return a.String() == b.String() }
}

func (a *app) printPlanned(p *plan.Project, everywhere []plan.Note) {
	a.printHead(p)
	if p.Next != "" {
		a.out.Printf("      what to do: %s\n", ui.Sentence(p.Next))
	}
	for _, d := range p.Differs {
		a.out.Printf("      differs: %s\n", ui.Sentence(d))
	}
	if p.Action.Writes() {
		a.printCreates(p)
		a.printTakes(p)
	}
	if p.Action == plan.Serve {
		a.printService(p)
		a.printTakes(p)
	}
	for _, n := range p.NotCarried {
		if p.Action.Writes() && slices.ContainsFunc(everywhere, sameNote(n)) {
			continue
		}
		a.minus("not carried over: %s", n.String())
	}
	for _, n := range p.Notes {
		a.out.Printf("      note: %s\n", ui.Sentence(n.String()))
	}
	a.out.Printf("\n")
}

// printCreates shows what will be there afterwards that was not before.
func (a *app) printCreates(p *plan.Project) {
	settings := &ui.Table{}
	if p.Domain != nil {
		text := p.Domain.Name
		if text == "" {
			text = p.Domain.ID
		}
		if p.Domain.From != "" {
			text += " (instead of " + p.Domain.From + ")"
		}
		settings.Row("domain", text)
	}
	addSettings(settings, p)
	settings.Print(a.out, "      "+a.out.Paint(ui.Green, "+")+" ")
	if text := createsText(p); text != "" {
		a.plus("%s", text)
	}
	tags := &ui.Table{Right: []int{0}}
	for i, t := range p.Creates.PerTag {
		if i == shownTags {
			tags.Row("…", "and "+ui.Count(len(p.Creates.PerTag)-i, "tag")+" more")
			break
		}
		kind := ""
		if t.Type != manifest.TagRegular && t.Type != "" {
			kind = " (" + strings.ToLower(t.Type) + ")"
		}
		tags.Row(ui.Grouped(t.Images), t.Name+kind)
	}
	tags.Print(a.out, "          ")
	a.printService(p)
}

// printService shows what is trained and published.
func (a *app) printService(p *plan.Project) {
	if t := p.Training; t != nil && p.Action != plan.Import {
		a.plus("a training, as %s was trained%s", ui.Sentence(fmt.Sprintf("%q", t.Name)), budget(t))
	}
	for _, pub := range p.Publish {
		a.plus("published as %s", ui.Sentence(fmt.Sprintf("%q", pub.Name)))
	}
}

func budget(t *plan.Training) string {
	if t.BudgetHours == 0 {
		return ""
	}
	return ", with a budget of " + ui.Count(t.BudgetHours, "hour")
}

// createsText counts what there is to count.
func createsText(p *plan.Project) string {
	c := p.Creates
	var s []string
	if c.Images > 0 {
		s = append(s, ui.Count(c.Images, "image"))
	}
	if c.Regions > 0 {
		s = append(s, ui.Count(c.Regions, "region"))
	}
	if c.WithMetadata > 0 {
		s = append(s, ui.Grouped(c.WithMetadata)+" with metadata")
	}
	if c.Tags > 0 {
		s = append(s, ui.Count(c.Tags, "tag"))
	}
	if c.Iterations > 0 {
		s = append(s, ui.Count(c.Iterations, "iteration")+" with the token")
	}
	return strings.Join(s, ", ")
}

// augmentation begins the names of the settings that say which image
// transforms training applies; they share a line.
const augmentation = "augmentation "

// maxSetting bounds a setting's text, in characters.
const maxSetting = 100

func addSettings(t *ui.Table, p *plan.Project) {
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
			text := []rune(strings.Join(strings.Fields(s.Value), " "))
			if len(text) > maxSetting {
				text = append(text[:maxSetting-1], '…')
			}
			t.Row(s.Name, string(text))
		}
	}
	if len(transforms) > 0 {
		t.Row("augmentation", strings.Join(transforms, ", "))
	}
}

// printTakes says what calls and bytes a project takes.
func (a *app) printTakes(p *plan.Project) {
	say := func(prefix string, calls int, bytes int64) {
		text := prefix + ui.Count(calls, "call")
		switch {
		case bytes > 0 && p.Transfer == plan.TransferURL:
			text += "; the service fetches " + ui.Bytes(bytes) + " from the vault"
		case bytes > 0:
			text += ", uploading " + ui.Bytes(bytes)
		}
		a.out.Printf("      %s\n", text)
	}
	if p.Action != plan.Import {
		say("takes ", p.Calls.Total(), p.Bytes)
	}
	if f := p.Fallback; f != nil {
		say("should the import fail, it is rebuilt from the content with ", f.Calls.Total(), f.Bytes)
	}
}

func (a *app) plus(format string, args ...any) {
	a.out.Printf("      %s %s\n", a.out.Paint(ui.Green, "+"), fmt.Sprintf(format, args...))
}

func (a *app) minus(format string, args ...any) {
	a.out.Printf("      %s %s\n", a.out.Paint(ui.Yellow, "-"), ui.Sentence(fmt.Sprintf(format, args...)))
}

// printLeftovers shows what failed imports left in the target.
func (a *app) printLeftovers(p *plan.Plan) {
	for _, l := range p.Leftovers {
		what := ui.Sentence(fmt.Sprintf("%q (%s), which a failed import of %q left", l.Name, l.ID, l.Project))
		if l.Remove {
			a.out.Printf("  %s %s: deleted\n", a.out.Paint(ui.Red, "-"), what)
		} else {
			a.out.Printf("  %s %s: stays; --clean-up deletes it\n", a.out.Paint(ui.Yellow, "!"), what)
		}
	}
	if len(p.Leftovers) > 0 {
		a.out.Printf("\n")
	}
}

// printTally ends a plan: what it comes to, what it takes, whether there is
// room.
func (a *app) printTally(p *plan.Plan) {
	t := p.Totals
	var s []string
	for _, c := range []struct {
		n    int
		what string
	}{
		{t.Import, "to import"}, {t.Rebuild, "to rebuild"}, {t.Resume, "to go on with"}, {t.Serve, "to train or publish"},
		{t.Skip, "to leave"}, {t.Conflict, "in conflict"}, {t.Blocked, "blocked"},
	} {
		if c.n > 0 {
			s = append(s, ui.Grouped(c.n)+" "+c.what)
		}
	}
	if len(s) == 0 {
		s = []string{"no project is restored"}
	}
	a.out.Printf("Plan: %s.\n", strings.Join(s, ", "))
	if t.Import+t.Rebuild+t.Resume+t.Serve > 0 {
		a.printCost(p)
		a.printRoom(&p.Room, p.Target.Name)
	}
}

func (a *app) printCost(p *plan.Plan) {
	t, e := p.Totals, p.Estimate
	a.out.Printf("  creates  %s, %s, %s\n", ui.Count(t.Images, "image"), ui.Count(t.Regions, "region"), ui.Count(t.Tags, "tag"))
	imports := ""
	if e.ImportSeconds > 0 {
		imports = ", " + ui.Duration(time.Duration(e.ImportSeconds*float64(time.Second))) + " of it the service's for imports"
	}
	a.out.Printf("  takes    %s to write and %s to prove it, at least %s at %g a second%s\n",
		ui.Count(t.Calls.Total(), "call"), ui.Grouped(t.ProofCalls.Total()), ui.Duration(e.Duration()), e.CallsPerSecond, imports)
	var moves []string
	if e.UploadBytes > 0 {
		moves = append(moves, ui.Bytes(t.Bytes-t.BytesByURL)+" of images to upload ("+ui.Bytes(e.UploadBytes)+" as base64)")
	}
	if t.BytesByURL > 0 {
		moves = append(moves, ui.Bytes(t.BytesByURL)+" for the service to fetch from the vault")
	}
	if e.ProofBytes > 0 {
		moves = append(moves, ui.Bytes(e.ProofBytes)+" to read back")
	}
	if len(moves) > 0 {
		a.out.Printf("  moves    %s\n", strings.Join(moves, ", "))
	}
}

func (a *app) printRoom(r *plan.Room, target string) {
	tier := "its tier is not known"
	switch {
	case r.Learnt:
		tier = "tier " + string(r.Tier) + ", by what it holds, takes " + ui.Grouped(r.Limits.Projects)
	case r.Tier != "":
		tier = "tier " + string(r.Tier) + " takes " + ui.Grouped(r.Limits.Projects)
	}
	a.out.Printf("  room     %s has %s and will have %s; %s\n", ui.Clean(target), ui.Count(r.Projects, "project"), ui.Grouped(r.After), tier)
	for _, w := range r.Warnings {
		a.out.Printf("           %s %s\n", a.out.Paint(ui.Yellow, "!"), ui.Sentence(w))
	}
}
