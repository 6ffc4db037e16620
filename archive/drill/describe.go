package drill

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"cvarchive/archive/restore"
)

// Document tells the report in full, for a compliance file.
func (r *Report) Document() *restore.Document {
	d := &restore.Document{
		Title: "Restore drill of " + cmp.Or(r.Archive.Name, r.Archive.ID), Good: r.Passed,
		Verdict: "Passed: everything was restored, read back and found equal to the archive, and deleted again.",
		Facts: append(restore.About(r.Archive, r.Target, r.Started, r.Finished),
			restore.Fact{Name: "Drill", Value: r.Drill},
			restore.Fact{Name: "Tool", Value: strings.TrimSpace(r.Tool.Name + " " + r.Tool.Version)},
			restore.Fact{Name: "Time to recovery (RTO)", Value: seconds(r.Recovery.Seconds)},
			restore.Fact{Name: "Age of the data (RPO)", Value: seconds(r.Data.AgeSeconds)},
		),
	}
	if !r.Passed {
		d.Verdict = "Not passed: not everything was restored and proven, or not everything that was created is deleted."
	}
	d.Sections = append(d.Sections, r.times())
	for i := range r.Projects {
		d.Sections = append(d.Sections, r.Projects[i].Section())
	}
	d.Sections = append(d.Sections, r.cleanUp())
	return d
}

func (r *Report) times() restore.Section {
	c := &r.Recovery
	phases := restore.Table{Caption: "Time to recovery, by phase", Head: []string{"Phase", "Took"}, Rows: [][]string{
		{"Plan", seconds(c.PlanSeconds)}, {"Restore", seconds(c.RestoreSeconds)}, {"Read back and compare", seconds(c.ProofSeconds)},
		{"Train", seconds(c.TrainingSeconds)}, {"All", seconds(c.Seconds)}, {"Clean-up, not part of it", seconds(c.CleanUpSeconds)},
	}}
	projects := restore.Table{Caption: "By project", Head: []string{"Project", "By", "Outcome", "Images", "Took"}}
	for i := range r.Projects {
		p := &r.Projects[i]
		projects.Rows = append(projects.Rows, []string{p.Name, string(cmp.Or(p.By, p.Action)), string(p.Outcome), fmt.Sprint(p.Created.Images), seconds(p.Seconds)})
	}
	return restore.Section{
		Title: "Recovery", Good: r.proven(), Tables: []restore.Table{phases, projects},
		Verdict: fmt.Sprintf("Recovered in %s, with data of %s, %s old.", seconds(c.Seconds), r.Data.Captured.UTC().Format(time.RFC3339), seconds(r.Data.AgeSeconds)),
	}
}

func (r *Report) cleanUp() restore.Section {
	s := restore.Section{Title: "Clean-up", Good: len(r.Kept)+len(r.Failures) == 0, Verdict: fmt.Sprintf("%d projects that the drill created were deleted.", len(r.Removed))}
	add := func(what string, projects []Project) {
		for _, p := range projects {
			s.Lines = append(s.Lines, fmt.Sprintf("%s: %q (%s)", what, p.Name, p.ID))
		}
	}
	add("deleted", r.Removed)
	add("kept, as asked for, until the next drill", r.Kept)
	add("deleted, left by an earlier drill", r.Earlier)
	for _, id := range r.Running {
		s.Lines = append(s.Lines, fmt.Sprintf("drill %s was under way too, and was left alone", id))
	}
	s.Lines = append(s.Lines, restore.FailureLines("failed", r.Failures)...)
	s.Lines = append(s.Lines, fmt.Sprintf("other projects of the target: %d before, %d afterwards", r.Others.Before, r.Others.After))
	for _, name := range r.Others.Changed {
		s.Lines = append(s.Lines, fmt.Sprintf("changed meanwhile, not by the drill: %q", name))
	}
	return s
}

// seconds is a duration for people.
func seconds(s float64) string {
	d := time.Duration(s * float64(time.Second))
	if d >= time.Minute {
		return d.Round(time.Second).String()
	}
	return d.Round(time.Millisecond).String()
}
