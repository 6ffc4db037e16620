package restore

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"cvarchive/archive/journal"
	"cvarchive/manifest"
	"cvarchive/manifest/plan"
)

// Journal is where a restore notes what it has done, so that it can be gone
// on with after it was stopped, from another machine too. The store of a
// vault is one.
//
// The journal of an attempt to restore one project is the folder
// restores/<archive>/<target>/<attempt>. It is deleted when the project is
// there; a last file says so until the others are gone. One that carries out a
// saved plan keeps its last file until the whole plan is carried out, to tell
// what the plan has made.
type Journal = journal.Store

const (
	journalFormat  = "cvarchive-restore"
	journalVersion = 1
)

// note is one file of a journal.
type note struct {
	Format  string    `json:"format"`
	Version int       `json:"version"`
	Time    time.Time `json:"time"`

	// Plan is the digest of the saved plan that is carried out, from here
	// on.
	Plan manifest.Digest `json:"plan,omitzero"`
	// Intent is written before the call that makes the project; a later
	// one replaces what came before it.
	Intent *intent `json:"intent,omitempty"`
	// Project is what the call made.
	Project *made `json:"project,omitempty"`
	// Images are in the target.
	Images []placed `json:"images,omitempty"`
	// Left is a project that a failed import left.
	Left *made `json:"left,omitempty"`
	// Training is about to be asked for, and then has an iteration.
	Training *training `json:"training,omitempty"`
	// Done says that nothing is left to do.
	Done bool `json:"done,omitempty"`
}

// intent says which project is to be made, and how.
type intent struct {
	SHA256   manifest.Digest `json:"sha256,omitzero"` // of the archive
	Endpoint string          `json:"endpoint"`
	Project  string          `json:"project"` // archived id
	Title    string          `json:"title"`   // archived name
	Wanted   string          `json:"wanted"`  // name in the target, conflicts aside
	Name     string          `json:"name"`    // name in the target
	By       plan.Action     `json:"by"`      // import or rebuild
	DomainID string          `json:"domainId,omitempty"`
}

type made struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// placed says which image of the target stands for an archived record.
type placed struct {
	Record int    `json:"record"`
	ID     string `json:"id"`
}

type training struct {
	Iteration string `json:"iteration,omitempty"` // empty: about to be made
}

// attempt is one attempt to restore one project, as its journal tells.
type attempt struct {
	*journal.Folder
	now func() time.Time

	plan     manifest.Digest // that it carries out; zero: none that was saved
	intent   intent
	begun    time.Time // the first intent
	meant    time.Time // the last one
	project  *made
	images   map[string]int // target's image id → record
	left     []made
	training *training
	trainAt  time.Time
	done     bool

	mu sync.Mutex // guards what is noted
}

// journalOf is where the attempts to restore an archive to a target are.
func journalOf(archiveID, endpoint string) string {
	return journal.Root + archiveID + "/" + journal.Key(endpoint) + "/"
}

// attempts reads the journals of an archive's restores to a target.
func attempts(ctx context.Context, j Journal, archiveID, endpoint string, now func() time.Time) ([]*attempt, error) {
	if j == nil {
		return nil, nil
	}
	folders, err := journal.Find(ctx, j, journalOf(archiveID, endpoint), func(dir string) bool { return strings.Count(dir, "/") == 1 })
	if err != nil {
		return nil, fmt.Errorf("read the journal of earlier restores: %w", err)
	}
	var all []*attempt
	for _, f := range folders {
		a := &attempt{Folder: f, now: now}
		if err := f.Read(ctx, a.read); err != nil {
			return nil, fmt.Errorf("read the journal of an earlier restore: %w", err)
		}
		if a.intent.Project != "" {
			all = append(all, a)
		}
	}
	slices.SortStableFunc(all, func(a, b *attempt) int { return a.begun.Compare(b.begun) })
	return all, nil
}

// byProject sorts attempts by the archived project that they are about, in
// their order.
func byProject(all []*attempt) map[string][]*attempt {
	m := map[string][]*attempt{}
	for _, a := range all {
		m[a.intent.Project] = append(m[a.intent.Project], a)
	}
	return m
}

// read takes in the text of a note.
func (a *attempt) read(name string, text []byte) error {
	var n note
	if json.Unmarshal(text, &n) != nil || n.Format != journalFormat {
		return fmt.Errorf("%s is damaged; delete its folder, and the project in the target that was being restored", name)
	}
	if n.Version > journalVersion {
		return fmt.Errorf("%s was written by a newer cvarchive; use that", name)
	}
	a.take(&n)
	return nil
}

func (a *attempt) take(n *note) {
	if !n.Plan.IsZero() {
		a.plan = n.Plan
	}
	if n.Intent != nil {
		if a.begun.IsZero() {
			a.begun = n.Time
		}
		a.intent, a.meant, a.project, a.images, a.training = *n.Intent, n.Time, nil, nil, nil
	}
	if n.Project != nil {
		a.project = n.Project
	}
	for _, p := range n.Images {
		if a.images == nil {
			a.images = map[string]int{}
		}
		a.images[p.ID] = p.Record
	}
	if n.Left != nil {
		a.left = append(a.left, *n.Left)
	}
	if n.Training != nil {
		a.training = n.Training
		if n.Training.Iteration == "" {
			a.trainAt = n.Time
		}
	}
	a.done = a.done || n.Done
}

// newAttempt prepares a journal; its first note makes it.
func newAttempt(j Journal, archiveID, endpoint string, now func() time.Time) *attempt {
	return &attempt{Folder: journal.New(j, journalOf(archiveID, endpoint)+journal.NewID()+"/"), now: now}
}

// write makes a note durable.
func (a *attempt) write(ctx context.Context, n note) error {
	n.Format, n.Version, n.Time = journalFormat, journalVersion, a.now().UTC()
	text, err := json.Marshal(n)
	if err == nil {
		_, err = a.Write(ctx, append(text, '\n'))
	}
	if err != nil {
		return fmt.Errorf("note the restore's progress: %w", err)
	}
	n.Images = nil // whoever goes on reads them; they would fill memory here
	a.mu.Lock()
	defer a.mu.Unlock()
	a.take(&n)
	return nil
}

// close ends the attempt. What a failed import left stays on record unless
// it was removed, and what a saved plan made until all of that is made.
func (a *attempt) close(ctx context.Context, keepLeft bool) error {
	before := a.Names()
	last := note{Plan: a.plan, Intent: &a.intent, Project: a.project, Done: true}
	if err := a.write(ctx, last); err != nil {
		return err
	}
	keep := keepLeft && len(a.left) > 0
	for _, l := range slices.Clone(a.left) {
		if keep {
			if err := a.write(ctx, note{Left: &l, Done: true}); err != nil {
				return err
			}
		}
	}
	if !keep && a.plan.IsZero() {
		before = a.Names()
	}
	return a.drop(ctx, before)
}

// drop deletes files of the journal, the last one at the end: it says that
// the rest does not matter.
func (a *attempt) drop(ctx context.Context, files []string) error {
	if err := a.Remove(ctx, files...); err != nil {
		return fmt.Errorf("remove the journal of a restore that is done: %w", err)
	}
	return nil
}
