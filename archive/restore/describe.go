package restore

import (
	"cmp"
	"fmt"
	"time"

	"cvarchive/manifest"
	"cvarchive/manifest/diff"
	"cvarchive/manifest/plan"
)

// Document tells the report in full, for a file.
func (r *Report) Document() *Document {
	good := r.Whole() && r.Equal()
	d := &Document{
		Title: "Restore of " + cmp.Or(r.Archive.Name, r.Archive.ID), Good: good,
		Verdict: "Everything was restored, read back and found equal to the archive.",
		Facts:   About(r.Archive, r.Target, r.Started, r.Finished),
	}
	if !good {
		d.Verdict = "Not everything was restored, or not everything was proven equal to the archive."
	}
	for i := range r.Projects {
		d.Sections = append(d.Sections, r.Projects[i].Section())
	}
	if len(r.Removed)+len(r.Failures) > 0 {
		s := Section{Title: "What earlier restores had left", Good: len(r.Failures) == 0, Verdict: fmt.Sprintf("%d projects were removed.", len(r.Removed))}
		for _, l := range r.Removed {
			s.Lines = append(s.Lines, fmt.Sprintf("removed: %q (%s)", l.Name, l.ID))
		}
		s.Lines = append(s.Lines, FailureLines("not restored", r.Failures)...)
		d.Sections = append(d.Sections, s)
	}
	return d
}

// About says what a document is about: which archive, which target, and when.
func About(a plan.Archive, t plan.Target, started, finished time.Time) []Fact {
	facts := []Fact{
		{"Archive", cmp.Or(a.Name, a.ID)},
		{"Captured from", fmt.Sprintf("%s at %s", a.Source, a.Created.UTC().Format(time.RFC3339))},
	}
	if !a.SHA256.IsZero() {
		facts = append(facts, Fact{"SHA-256 of the archive", a.SHA256.String()})
	}
	return append(facts,
		Fact{"Target", fmt.Sprintf("%s (%s)", t.Name, t.Endpoint)},
		Fact{"Started", started.Format(time.RFC3339)},
		Fact{"Finished", finished.Format(time.RFC3339)},
		Fact{"Took", finished.Sub(started).Round(time.Second).String()},
	)
}

// Document tells the comparison in full, for a file.
func (r *ProofReport) Document() *Document {
	d := &Document{
		Title: "Comparison of " + cmp.Or(r.Archive.Name, r.Archive.ID) + " with " + r.Target.Name, Good: r.Equal(),
		Verdict: "Everything was read back and found equal to the archive.",
		Facts:   About(r.Archive, r.Target, r.Started, r.Finished),
	}
	switch {
	case !r.Whole():
		d.Verdict = "Not everything could be compared with the archive."
	case !d.Good:
		d.Verdict = "The target differs from the archive."
	}
	for i := range r.Projects {
		d.Sections = append(d.Sections, r.Projects[i].section())
	}
	return d
}

func (p *ProjectProof) section() Section {
	s := Section{Title: "Project " + p.Name, Good: p.Verdict() == "equal", Verdict: p.Verdict() + "."}
	if p.Reason != "" {
		s.Lines = append(s.Lines, "why: "+p.Reason)
	}
	if p.TargetID != "" {
		s.Lines = append(s.Lines, fmt.Sprintf("in the target: %q (%s)", p.TargetName, p.TargetID))
	}
	s.Lines = append(s.Lines, proofLines(p.Proof)...)
	s.Lines = append(s.Lines, FailureLines("not compared", p.Failures)...)
	return s
}

// proofLines tell what was read back and what differs.
func proofLines(r *diff.Result) []string {
	if r == nil {
		return nil
	}
	lines := []string{fmt.Sprintf("read back: %d images, %d of them equal, %d by their bytes; %d differences", r.Images, r.Matched, r.ByContent, len(r.Changes)+r.Omitted)}
	for _, c := range r.Changes {
		lines = append(lines, "differs: "+c.Text)
	}
	return lines
}

// Section tells what became of one project.
func (p *ProjectReport) Section() Section {
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
	s.Lines = append(s.Lines, proofLines(p.Proof)...)
	s.Lines = append(s.Lines, FailureLines("not restored", p.Failures)...)
	for _, m := range p.Merged {
		add("merged: image %s has the bytes of %s, and the service keeps one", m.ID, cmp.Or(m.Into, "another"))
	}
	if p.Nudged > 0 {
		add("%d regions were moved inside the image, by less than a millionth", p.Nudged)
	}
	if p.Abandoned != nil {
		add("left behind%s: project %q (%s), %s", map[bool]string{true: " and removed"}[p.Abandoned.Removed], p.Abandoned.Name, p.Abandoned.ID, p.Abandoned.Reason)
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

// FailureLines has a line for each failure; what says in which way it is one.
func FailureLines(what string, failures []manifest.Failure) (lines []string) {
	for _, f := range failures {
		line := fmt.Sprintf("%s: %s: %s", what, f.Item, f.Message)
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
