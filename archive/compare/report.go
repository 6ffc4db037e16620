package compare

import (
	"time"

	"cvarchive/manifest"
	"cvarchive/manifest/diff"
)

// ReportVersion of the JSON form of a [Report].
const ReportVersion = 1

// By says how the things of both sides were matched.
type By string

// Ways of matching.
const (
	ByID   By = "id"
	ByName By = "name"
)

// Report says what differs. It holds no secret.
type Report struct {
	FormatVersion int  `json:"formatVersion"`
	Old           Side `json:"old"`
	New           Side `json:"new"`
	By            By   `json:"by"`
	// ImagesCounted says that images were counted and not looked at one by
	// one.
	ImagesCounted bool `json:"imagesCounted,omitempty"`
	// Equal says that nothing differs in what was compared.
	Equal bool `json:"equal"`
	// Whole says that everything could be compared.
	Whole    bool      `json:"whole"`
	Totals   Totals    `json:"totals"`
	Projects []Project `json:"projects"` // by name
}

// Side is one side of a comparison.
type Side struct {
	Kind     Kind   `json:"kind"`
	Name     string `json:"name"` // of the archive, or of the resource
	Resource string `json:"resource"`
	Endpoint string `json:"endpoint"`
	// Time is when the capture started, or when the resource was read.
	Time time.Time `json:"time"`
}

// Kind tells archives from resources.
type Kind string

// Kinds of sides.
const (
	Archived Kind = "archive"
	Resource Kind = "resource"
)

// Status says what happened to a project.
type Status string

// What can happen to a project.
const (
	Equal       Status = "equal"
	Added       Status = "added"
	Removed     Status = "removed"
	Changed     Status = "changed"
	NotCompared Status = "not-compared" // it could not be read on one side
	LeftOut     Status = "left-out"     // one archive is of chosen projects, without this one
)

// Project is the comparison of one project.
type Project struct {
	Status Status `json:"status"`
	ID     string `json:"id"`   // on the old side; of an added project, on the new
	Name   string `json:"name"` // as ID
	// NewName is the name on the new side, where it is another.
	NewName string `json:"newName,omitempty"`
	Type    string `json:"type,omitempty"`
	// Reason says why it was not compared.
	Reason string `json:"reason,omitempty"`
	diff.History
	// Unread lists images of the resource whose bytes could not be read;
	// they were compared without.
	Unread []manifest.Failure `json:"unread,omitempty"`
}

// Totals sums a report up.
type Totals struct {
	Equal       int             `json:"equal"`
	Added       int             `json:"added"`
	Removed     int             `json:"removed"`
	Changed     int             `json:"changed"`
	NotCompared int             `json:"notCompared"`
	LeftOut     int             `json:"leftOut"`
	Images      diff.ImageTally `json:"images"`
}

// sum fills in what follows from the projects.
func (r *Report) sum() {
	r.Whole = true
	for i := range r.Projects {
		p := &r.Projects[i]
		switch p.Status {
		case Equal:
			r.Totals.Equal++
		case Added:
			r.Totals.Added++
		case Removed:
			r.Totals.Removed++
		case Changed:
			r.Totals.Changed++
		case NotCompared:
			r.Totals.NotCompared++
			r.Whole = false
		case LeftOut:
			r.Totals.LeftOut++
		}
		if len(p.Unread) > 0 {
			r.Whole = false
		}
		r.Totals.Images.Add(p.Images)
	}
	r.Equal = r.Totals.Added+r.Totals.Removed+r.Totals.Changed == 0
}
