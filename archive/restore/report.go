package restore

import (
	"time"

	"cvarchive/manifest"
	"cvarchive/manifest/diff"
	"cvarchive/manifest/plan"
)

// ReportVersion of the JSON form of a [Report].
const ReportVersion = 1

// Report says what a restore came to. It holds no secret.
type Report struct {
	FormatVersion int             `json:"formatVersion"`
	Archive       plan.Archive    `json:"archive"`
	Target        plan.Target     `json:"target"`
	Started       time.Time       `json:"started"`
	Finished      time.Time       `json:"finished"`
	Projects      []ProjectReport `json:"projects"`
	// Removed are projects that failed imports of earlier restores had
	// left.
	Removed []plan.Leftover `json:"removed,omitempty"`
	// Failures are of what belongs to no project.
	Failures []manifest.Failure `json:"failures,omitempty"`
}

// ProjectReport is what became of one project of the plan.
type ProjectReport struct {
	ID         string      `json:"id"`   // archived
	Name       string      `json:"name"` // archived
	TargetID   string      `json:"targetId,omitempty"`
	TargetName string      `json:"targetName,omitempty"`
	Action     plan.Action `json:"action"` // as planned
	// By is the way that was taken in the end: import or rebuild.
	By      plan.Action      `json:"by,omitempty"`
	Outcome manifest.Outcome `json:"outcome"`
	Reason  string           `json:"reason,omitempty"` // a clause for people
	Next    string           `json:"next,omitempty"`   // what the user can do
	Created Created          `json:"created"`
	// Failures lists what was not restored, each thing once, by archived
	// id.
	Failures []manifest.Failure `json:"failures,omitempty"`
	// Merged lists archived images that the target holds as one with
	// another, because the bytes are the same.
	Merged []Merged `json:"merged,omitempty"`
	// Nudged counts regions with an edge that was moved inside the image,
	// by less than [diff.Tolerance].
	Nudged     int         `json:"nudged,omitempty"`
	NotCarried []plan.Note `json:"notCarried,omitempty"`
	// Abandoned is the project that a failed import left behind.
	Abandoned *Abandoned `json:"abandoned,omitempty"`
	// Resumed is what was there already of an interrupted restore.
	Resumed *plan.Resume `json:"resumed,omitempty"`
	// Repeated counts create calls that had been made before, by a restore
	// that was stopped before it could note so.
	Repeated int `json:"repeated,omitempty"`
	// NoJournal says why the restore could not be gone on with, had it
	// been stopped.
	NoJournal string `json:"noJournal,omitempty"`
	// Training is what became of the training, if one was asked for.
	Training *Training `json:"training,omitempty"`
	// Published lists what was published.
	Published []plan.Publication `json:"published,omitempty"`
	// Proof is the comparison with the archive after the restore; absent
	// when there was nothing to compare.
	Proof *diff.Result `json:"proof,omitempty"`
	// Calls counts the calls that this project took, by operation, the
	// proof included; a call repeated after a dropped connection counts
	// once.
	Calls plan.Calls `json:"calls,omitempty"`
	Bytes int64      `json:"bytes"` // of images sent, before base64
	// BytesByURL of them were fetched by the service and did not pass
	// through this process.
	BytesByURL int64 `json:"bytesByUrl,omitempty"`
	// FellBack counts images that were uploaded because the service could
	// not fetch them.
	FellBack int     `json:"fellBack,omitempty"`
	Seconds  float64 `json:"seconds"` // the project took
	// ProofSeconds of them took the proof.
	ProofSeconds float64 `json:"proofSeconds,omitempty"`
}

// Created counts what was created by a rebuild, or found after an import.
type Created struct {
	Tags       int `json:"tags"`
	Images     int `json:"images"`
	Regions    int `json:"regions"`
	Iterations int `json:"iterations,omitempty"` // trained ones, by import
}

// Merged says that two archived images are one in the target.
type Merged struct {
	ID   string `json:"id"`             // the image merged away
	Into string `json:"into,omitempty"` // the archived image that stands for both
	// TargetID is the one image in the target, where it is known.
	TargetID string `json:"targetId,omitempty"`
}

// Abandoned is a project that an import left unfinished in the target.
type Abandoned struct {
	ID     string `json:"id"`
	Name   string `json:"name"`
	Reason string `json:"reason"`
	// Removed says that it was deleted, as asked for.
	Removed bool `json:"removed,omitempty"`
}

// Whole reports whether everything that the plan set out to restore, or was
// asked to, is there.
func (r *Report) Whole() bool {
	if len(r.Failures) > 0 {
		return false
	}
	for i := range r.Projects {
		if r.Projects[i].Outcome != manifest.Complete {
			return false
		}
	}
	return true
}

// Equal reports whether each restored project was proven to equal the
// archive.
func (r *Report) Equal() bool {
	for i := range r.Projects {
		p := &r.Projects[i]
		if p.Action.Writes() && (p.Proof == nil || !p.Proof.Equal()) {
			return false
		}
	}
	return true
}
