package drill

import (
	"slices"
	"time"

	"cvarchive/archive/restore"
	"cvarchive/manifest"
	"cvarchive/manifest/plan"
)

// ReportVersion of the JSON forms of a [Report] and of [Cleaned].
const ReportVersion = 1

// Report says what a drill came to. It holds no secret.
type Report struct {
	FormatVersion int           `json:"formatVersion"`
	Drill         string        `json:"drill"` // id
	Tool          manifest.Tool `json:"tool"`
	Archive       plan.Archive  `json:"archive"`
	Target        plan.Target   `json:"target"`
	Started       time.Time     `json:"started"`
	Finished      time.Time     `json:"finished"`
	// Passed says that every project was restored and found equal to the
	// archive, and that all that was created is deleted again.
	Passed   bool     `json:"passed"`
	Recovery Recovery `json:"recovery"`
	Data     Data     `json:"data"`
	// Projects are as of a restore, with temporary names.
	Projects []restore.ProjectReport `json:"projects"`
	// Removed is what the drill had created, and has deleted; Kept what it
	// was asked to keep.
	Removed []Project `json:"removed"`
	Kept    []Project `json:"kept,omitempty"`
	// Earlier is what drills that were killed had left.
	Earlier []Project `json:"earlier,omitempty"`
	// Running are other drills that were under way.
	Running  []string           `json:"running,omitempty"`
	Others   Others             `json:"others"`
	Failures []manifest.Failure `json:"failures,omitempty"`
}

// Recovery is the time to recovery (RTO), and what it was spent on. The
// clean-up is not part of it.
type Recovery struct {
	Seconds         float64 `json:"seconds"`
	PlanSeconds     float64 `json:"planSeconds"`
	RestoreSeconds  float64 `json:"restoreSeconds"`
	ProofSeconds    float64 `json:"proofSeconds"`
	TrainingSeconds float64 `json:"trainingSeconds"`
	CleanUpSeconds  float64 `json:"cleanUpSeconds"`
}

// Data is the age of the data (RPO): what was changed after the capture began
// may be lost.
type Data struct {
	Captured   time.Time `json:"captured"`   // when the capture began
	Completed  time.Time `json:"completed"`  // and when it ended
	AgeSeconds float64   `json:"ageSeconds"` // from Captured to the start of the drill
}

// Others are the projects of the target that the drill has nothing to do
// with.
type Others struct {
	Before int `json:"before"`
	After  int `json:"after"`
	// Changed names those that came, went or were renamed meanwhile, by
	// somebody else.
	Changed []string `json:"changed,omitempty"`
}

// Cleaned is what a clean-up came to.
type Cleaned struct {
	FormatVersion int                `json:"formatVersion"`
	Target        plan.Target        `json:"target"`
	Drills        []string           `json:"drills"` // ids of those that were cleaned up
	Removed       []Project          `json:"removed"`
	Running       []string           `json:"running,omitempty"` // ids of those that were left alone
	Failures      []manifest.Failure `json:"failures,omitempty"`
}

func (d *Drill) newReport() *Report {
	m, now := d.archive.Manifest(), d.opt.Restore.Now().UTC()
	return &Report{
		FormatVersion: ReportVersion, Drill: d.ID, Tool: d.opt.Tool, Archive: d.Plan.Archive, Target: d.Plan.Target, Started: now,
		Recovery: Recovery{PlanSeconds: d.planned.Seconds()},
		Data:     Data{Captured: m.Started, Completed: m.Finished, AgeSeconds: max(0, now.Sub(m.Started).Seconds())},
		Projects: []restore.ProjectReport{}, Removed: []Project{}, Running: d.Running,
	}
}

// measure takes in what the restore came to, and how long it took.
func (r *Report) measure(restored *restore.Report, took time.Duration) {
	c := &r.Recovery
	if restored != nil {
		r.Projects, r.Failures = restored.Projects, append(r.Failures, restored.Failures...)
	}
	for i := range r.Projects {
		p := &r.Projects[i]
		p.Next, p.NoJournal = "", "" // a restore's advice
		c.ProofSeconds += p.ProofSeconds
		if p.Training != nil {
			c.TrainingSeconds += p.Training.Seconds
		}
	}
	c.RestoreSeconds = max(0, took.Seconds()-c.ProofSeconds-c.TrainingSeconds)
	c.Seconds = c.PlanSeconds + took.Seconds()
}

// proven reports whether everything is there and equal. A project that the
// drill did not even try to restore has no proof.
func (r *Report) proven() bool {
	for i := range r.Projects {
		p := &r.Projects[i]
		if p.Outcome != manifest.Complete || p.Proof == nil || !p.Proof.Equal() {
			return false
		}
	}
	return len(r.Failures) == 0
}

// cleanedUp takes in what was deleted.
func (r *Report) cleanedUp(removed []Project, failures []manifest.Failure) {
	r.Removed = append(r.Removed, removed...)
	r.Failures = append(r.Failures, failures...)
	for i := range r.Projects {
		if left := r.Projects[i].Abandoned; left != nil {
			left.Removed = slices.ContainsFunc(removed, func(p Project) bool { return p.ID == left.ID })
		}
	}
}

// othersOf compares two listings of the target, without what a drill created.
func othersOf(before, after []manifest.Project, own *trail) Others {
	o := Others{}
	names := map[string]string{}
	for _, p := range before {
		names[p.ID] = p.Name
	}
	o.Before = len(names)
	for _, p := range after {
		if own.knows(p.ID) {
			continue
		}
		o.After++
		if name, there := names[p.ID]; !there || name != p.Name {
			o.Changed = append(o.Changed, p.Name)
		}
		delete(names, p.ID)
	}
	for _, p := range before {
		if _, gone := names[p.ID]; gone {
			o.Changed = append(o.Changed, p.Name)
		}
	}
	return o
}
