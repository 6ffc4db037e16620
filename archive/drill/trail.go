package drill

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"cvarchive/archive/journal"
	"cvarchive/manifest"
)

const (
	trailFormat  = "cvarchive-drill"
	trailVersion = 1

	// skew is how far the clocks of the service and of this machine may be
	// apart.
	skew = 15 * time.Minute
	// inFlight is how long the service may take to carry out a call whose
	// caller has gone.
	inFlight = 30 * time.Second
)

// note is one file of a drill's journal.
type note struct {
	Format  string    `json:"format"`
	Version int       `json:"version"`
	Time    time.Time `json:"time"`

	// Begin is in the first one.
	Begin *begin `json:"begin,omitempty"`
	// Intent is the name of a project that is about to be created.
	Intent string `json:"intent,omitempty"`
	// Made is a project that was.
	Made *Project `json:"made,omitempty"`
	// Settled is an intent that the service has answered.
	Settled string `json:"settled,omitempty"`
	// Beat says that the drill still runs, Ended that it does not, and Done
	// that nothing is left of it.
	Beat  bool `json:"beat,omitempty"`
	Ended bool `json:"ended,omitempty"`
	Done  bool `json:"done,omitempty"`
}

// begin says what is rehearsed, and by whom.
type begin struct {
	Drill    string  `json:"drill"`
	Archive  string  `json:"archive"` // name
	Endpoint string  `json:"endpoint"`
	Process  Process `json:"process"`
}

// Project is a project of the target.
type Project struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// trail is the journal of one drill: what it was about to create, and what it
// created.
type trail struct {
	*journal.Folder
	id  string
	now func() time.Time
	log *slog.Logger

	mu      sync.Mutex
	begin   begin
	started time.Time
	intents map[string]time.Time // not settled yet, by name
	made    []Project
	ended   bool
	done    bool
}

func newTrail(f *journal.Folder, id string, opt Options) *trail {
	return &trail{Folder: f, id: id, now: opt.Restore.Now, log: opt.Restore.Logger, intents: map[string]time.Time{}}
}

const folderPrefix = "drill-"

// beginTrail starts the journal of a drill.
func beginTrail(ctx context.Context, opt Options, id, archiveID string) (*trail, error) {
	dir := journal.Root + archiveID + "/" + folderPrefix + journal.Key(opt.Restore.Target.Endpoint) + "/" + id + "/"
	t := newTrail(journal.New(opt.Journal, dir), id, opt)
	return t, t.write(ctx, note{Begin: &begin{
		Drill: id, Archive: opt.Restore.ArchiveName, Endpoint: opt.Restore.Target.Endpoint, Process: opt.Process,
	}})
}

// trails reads the journals of all drills into a target, of whatever archive.
func trails(ctx context.Context, opt Options) ([]*trail, error) {
	key := folderPrefix + journal.Key(opt.Restore.Target.Endpoint)
	folders, err := journal.Find(ctx, opt.Journal, journal.Root, func(dir string) bool {
		parts := strings.Split(dir, "/") // archive, target, drill, ""
		return len(parts) == 4 && parts[1] == key
	})
	if err != nil {
		return nil, fmt.Errorf("read the journals of earlier drills: %w", err)
	}
	var all []*trail
	for _, f := range folders {
		parts := strings.Split(strings.TrimSuffix(f.Dir(), "/"), "/")
		t := newTrail(f, parts[len(parts)-1], opt)
		if err := f.Read(ctx, t.read); err != nil {
			return nil, fmt.Errorf("read the journal of an earlier drill: %w", err)
		}
		all = append(all, t)
	}
	return all, nil
}

// read takes in the text of a note.
func (t *trail) read(name string, text []byte) error {
	var n note
	if json.Unmarshal(text, &n) != nil || n.Format != trailFormat {
		return fmt.Errorf("%s is damaged; delete its folder, and in the target the projects whose names begin with %q", name, t.prefix())
	}
	if n.Version > trailVersion {
		return fmt.Errorf("%s was written by a newer cvarchive; use that", name)
	}
	t.take(&n)
	return nil
}

func (t *trail) take(n *note) {
	if n.Begin != nil {
		t.begin, t.started = *n.Begin, n.Time
	}
	if n.Intent != "" {
		t.intents[n.Intent] = n.Time
	}
	if n.Made != nil {
		t.made = append(t.made, *n.Made)
	}
	delete(t.intents, n.Settled)
	t.ended, t.done = t.ended || n.Ended, t.done || n.Done
}

// write makes a note durable.
func (t *trail) write(ctx context.Context, n note) error {
	n.Format, n.Version, n.Time = trailFormat, trailVersion, t.now().UTC()
	text, err := json.Marshal(n)
	if err == nil {
		_, err = t.Write(ctx, append(text, '\n'))
	}
	if err != nil {
		return fmt.Errorf("note in the vault what the drill creates: %w", err)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.take(&n)
	return nil
}

// close notes that nothing is left of the drill, and removes the journal. Where
// that is not possible, as in a vault in which nothing can be deleted, the last
// note says enough.
func (t *trail) close(ctx context.Context) error {
	if !t.done {
		if err := t.write(ctx, note{Done: true}); err != nil {
			return err
		}
	}
	if err := t.Remove(ctx, t.Names()...); err != nil {
		t.log.Warn("the journal of a drill stays", "drill", t.id, "error", err)
	}
	return nil
}

// running reports whether the drill may still run. now is the time of the
// store.
func (t *trail) running(self Process, now time.Time, beat time.Duration) bool {
	return !t.ended && !t.done && !t.begin.Process.ended(self) && now.Sub(t.Modified()) < silence*beat
}

// beats notes, until ctx ends, that the drill still runs. Of these notes only
// the last one is kept.
func (t *trail) beats(ctx context.Context, every time.Duration) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for last := ""; ; {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		// One that cannot be written costs nothing but, after several,
		// the belief of others that the drill runs.
		text, err := json.Marshal(note{Format: trailFormat, Version: trailVersion, Time: t.now().UTC(), Beat: true})
		if err != nil {
			continue
		}
		name, err := t.Write(ctx, text)
		if err == nil && last != "" {
			_ = t.Remove(ctx, last) // a note too many
		}
		if err == nil {
			last = name
		}
	}
}

// prefix begins the names of the drill's projects, and of no others.
func (t *trail) prefix() string { return namePrefix(t.id) }

// find returns those of the target's projects that the drill created. Some
// that it did were renamed: they are somebody's by now.
func (t *trail) find(live []manifest.Project) (own, renamed []Project) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, p := range live {
		known := slices.ContainsFunc(t.made, func(m Project) bool { return m.ID == p.ID })
		meant, intended := t.intents[p.Name]
		created, err := p.Created.Time()
		since := err != nil || !created.Before(meant.Add(-skew))
		switch {
		case known && !strings.HasPrefix(p.Name, t.prefix()):
			renamed = append(renamed, Project{p.ID, p.Name})
		case known, intended && since:
			own = append(own, Project{p.ID, p.Name})
		}
	}
	return own, renamed
}

// knows reports whether the drill is known to have created a project.
func (t *trail) knows(id string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.ContainsFunc(t.made, func(p Project) bool { return p.ID == id })
}

// unsettled reports whether a call that creates something may still be carried
// out, though nobody waits for its answer.
func (t *trail) unsettled() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, meant := range t.intents {
		if t.now().Sub(meant) < inFlight {
			return true
		}
	}
	return false
}

// sweep deletes what the drill created, and closes its journal when nothing
// can be left. What was not deleted is in the failures.
func (t *trail) sweep(ctx context.Context, target Target) (removed []Project, failures []manifest.Failure) {
	if t.done { // and only its notes are left
		_ = t.close(ctx)
		return nil, nil
	}
	live, err := target.Projects(ctx)
	if err != nil {
		return nil, []manifest.Failure{manifest.FailureOf("clean-up of drill "+t.id, err)}
	}
	own, renamed := t.find(live)
	for _, p := range renamed {
		failures = append(failures, manifest.FailureOf(fmt.Sprintf("project %q (%s)", p.Name, p.ID),
			fmt.Errorf("drill %s created it, and somebody has renamed it since, so that it was left alone; remove it if it is not needed", t.id)))
	}
	left := false
	for _, p := range own {
		// Somebody else may have been faster.
		if err := target.DeleteProject(ctx, p.ID); err != nil && !manifest.IsNotFound(err) {
			left = true
			failures = append(failures, manifest.FailureOf(fmt.Sprintf("removal of project %q (%s)", p.Name, p.ID), err))
			continue
		}
		removed = append(removed, p)
	}
	switch {
	case !left && !t.unsettled():
		err = t.close(ctx)
	case !t.ended:
		err = t.write(ctx, note{Ended: true})
	}
	if err != nil {
		failures = append(failures, manifest.FailureOf("journal of drill "+t.id, err))
	}
	return removed, failures
}
