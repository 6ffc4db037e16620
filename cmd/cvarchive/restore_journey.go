package main

import (
	"fmt"

	"cvarchive/archive/restore"
	"cvarchive/cmd/internal/ui"
	"cvarchive/manifest/plan"
)

// printJourney tells what else happened on the way: an earlier run that was
// gone on with, bytes that did not pass through here, training, publication.
func (a *app) printJourney(p *restore.ProjectReport) {
	say := func(format string, args ...any) { a.out.Printf("    %s\n", ui.Sentence(fmt.Sprintf(format, args...))) }
	if r := p.Resumed; r != nil && r.By == plan.Rebuild {
		say("gone on with what was begun at %s: %s were there already, %s repeated", ui.Time(r.Since), ui.Count(r.Images, "image"), ui.Count(p.Repeated, "call"))
	} else if r != nil {
		say("gone on with an import begun at %s", ui.Time(r.Since))
	}
	if p.BytesByURL > 0 {
		say("fetched by the service from the vault: %s", ui.Bytes(p.BytesByURL))
	}
	if p.FellBack > 0 {
		say("uploaded, because the service could not fetch them: %s", ui.Count(p.FellBack, "image"))
	}
	if t := p.Training; t != nil && t.Overall != nil {
		then, now := t.Overall.Archived, t.Overall.Now
		say("trained as %s (%s): precision %s, archived %s; recall %s, archived %s; AP %s, archived %s",
			t.Name, t.Status, figure(now.Precision), figure(then.Precision), figure(now.Recall), figure(then.Recall),
			figure(now.AveragePrecision), figure(then.AveragePrecision))
	}
	for _, pub := range p.Published {
		say("published as %q", pub.Name)
	}
}

// figure is a number of the service, or a dash.
func figure(n interface{ String() string }) string {
	if s := n.String(); s != "" {
		return s
	}
	return "–"
}

// printRemoved tells what was cleaned up.
func (a *app) printRemoved(r *restore.Report) {
	for _, l := range r.Removed {
		a.out.Printf("- removed %s, which a failed import had left\n", ui.Sentence(fmt.Sprintf("project %q (%s)", l.Name, l.ID)))
	}
	for _, f := range r.Failures {
		a.out.Printf("%s\n", a.out.Paint(ui.Red, "failed: "+failureText(f)))
	}
}
