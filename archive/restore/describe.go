package restore

import (
	"cmp"
	"fmt"
	"time"

	"cvarchive/manifest"
)

// Document tells the report in full, for a file.
func (r *Report) Document() *Document {
	good := r.Whole() && r.Equal()
	d := &Document{
		Title: "Restore of " + cmp.Or(r.Archive.Name, r.Archive.ID), Good: good,
		Verdict: "Everything was restored, read back and found equal to the archive.",
		Facts: []Fact{
			{"Archive", cmp.Or(r.Archive.Name, r.Archive.ID)},
			{"Captured from", fmt.Sprintf("%s at %s", r.Archive.Source, r.Archive.Created.UTC().Format(time.RFC3339))},
		},
	}
	if !good {
		d.Verdict = "Not everything was restored, or not everything was proven equal to the archive."
	}
	if !r.Archive.SHA256.IsZero() {
		d.Facts = append(d.Facts, Fact{"SHA-256 of the archive", r.Archive.SHA256.String()})
	}
	d.Facts = append(d.Facts,
		Fact{"Target", fmt.Sprintf("%s (%s)", r.Target.Name, r.Target.Endpoint)},
		Fact{"Started", r.Started.Format(time.RFC3339)},
		Fact{"Finished", r.Finished.Format(time.RFC3339)},
		Fact{"Took", r.Finished.Sub(r.Started).Round(time.Second).String()},
	)
	for i := range r.Projects {
		d.Sections = append(d.Sections, r.Projects[i].section())
	}
	if len(r.Removed)+len(r.Failures) > 0 {
		s := Section{Title: "What earlier restores had left", Good: len(r.Failures) == 0, Verdict: fmt.Sprintf("%d projects were removed.", len(r.Removed))}
		for _, l := range r.Removed {
			s.Lines = append(s.Lines, fmt.Sprintf("removed: %q (%s)", l.Name, l.ID))
		}
		s.Lines = append(s.Lines, failureLines(r.Failures)...)
		d.Sections = append(d.Sections, s)
	}
	return d
}

func (p *ProjectReport) section() Section {
	s := Section{Title: "Project " + p.Name, Good: p.Outcome == manifest.Complete && (!p.Action.Writes() || p.Proof != nil && p.Proof.Equal())}
	s.Verdict = fmt.Sprintf("%s: %s.", p.Action, p.Outcome)
	add := func(format string, args ...any) { s.Lines = append(s.Lines, fmt.Sprintf(format, args...)) }
	if p.Reason != "" {
		add("why: %s", p.Reason)
	}
	if p.TargetID != "" {
		add("in the target: %q (%s)", p.TargetName, p.TargetID)
	}
	if p.By != "" {
		add("by %s: %d tags, %d images, %d regions, %d iterations", p.By, p.Created.Tags, p.Created.Images, p.Created.Regions, p.Created.Iterations)
		add("took %d calls, %d bytes of images (%d fetched by the service), %s", p.Calls.Total(), p.Bytes, p.BytesByURL, time.Duration(p.Seconds*float64(time.Second)).Round(time.Millisecond))
	}
	if p.Resumed != nil {
		add("gone on with a restore begun at %s: %d tags and %d images were there; %d calls were repeated", p.Resumed.Since.Format(time.RFC3339), p.Resumed.Tags, p.Resumed.Images, p.Repeated)
	}
	if pr := p.Proof; pr != nil {
		add("read back: %d images, %d of them equal, %d by their bytes; %d differences", pr.Images, pr.Matched, pr.ByContent, len(pr.Changes)+pr.Omitted)
		for _, c := range pr.Changes {
			add("differs: %s", c.Text)
		}
	}
	s.Lines = append(s.Lines, failureLines(p.Failures)...)
	for _, m := range p.Merged {
		add("merged: image %s has the bytes of %s, and the service keeps one", m.ID, cmp.Or(m.Into, "another"))
	}
	if p.Nudged > 0 {
		add("%d regions were moved inside the image, by less than a millionth", p.Nudged)
	}
	if p.Abandoned != nil {
		add("left behind: project %q (%s), %s", p.Abandoned.Name, p.Abandoned.ID, p.Abandoned.Reason)
	}
	for _, n := range p.NotCarried {
		add("not carried over: %s", n)
	}
	for _, pub := range p.Published {
		add("published as %q on %s", pub.Name, pub.Resource)
	}
	if p.Next != "" {
		add("what to do: %s", p.Next)
	}
	if p.Training != nil && p.Training.Overall != nil {
		s.Tables = append(s.Tables, p.Training.table())
	}
	return s
}

func failureLines(failures []manifest.Failure) (lines []string) {
	for _, f := range failures {
		line := fmt.Sprintf("not restored: %s: %s", f.Item, f.Message)
		if f.Code != "" {
			line += fmt.Sprintf(" (%s %s)", f.Operation, f.Code)
		}
		lines = append(lines, line)
	}
	return lines
}

func (t *Training) table() Table {
	out := Table{
		Caption: fmt.Sprintf("Training %s (%s): archived figures and new ones", t.Name, cmp.Or(t.Type, "Regular")),
		Head:    []string{"", "precision", "now", "recall", "now", "AP", "now"},
	}
	row := func(name string, c *Comparison) {
		out.Rows = append(out.Rows, []string{name,
			c.Archived.Precision.String(), c.Now.Precision.String(), c.Archived.Recall.String(), c.Now.Recall.String(),
			c.Archived.AveragePrecision.String(), c.Now.AveragePrecision.String(),
		})
	}
	row("overall", t.Overall)
	for i := range t.PerTag {
		row(t.PerTag[i].Tag, &t.PerTag[i])
	}
	return out
}
