package drill

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"cvarchive/archive/journal"
	"cvarchive/archive/restore"
	"cvarchive/manifest"
)

// Options say how to rehearse.
type Options struct {
	// Restore says how to restore. Of its Plan, Mode, Projects, Limits,
	// Tier and Train count; names are the drill's own. Its Journal is not
	// used.
	Restore restore.Options
	// Journal is where the drill notes what it creates: the store of the
	// vault. It is needed.
	Journal journal.Store
	// Clock is the time of that store, which dates notes; nil: Restore.Now.
	Clock func(context.Context) (time.Time, error)
	// Tool is named in the report.
	Tool manifest.Tool
	// KeepFailed keeps what was created when the drill does not pass, to
	// look at. The next drill removes it.
	KeepFailed bool

	// Process is who drills; zero: this process.
	Process Process
	// Beat is how often a running drill says so in its journal; 0: a
	// minute.
	Beat time.Duration
}

// silence is after how many beats that did not come a drill of another
// machine is taken for dead.
const silence = 5

// cleanUpTime bounds the clean-up after a drill that was interrupted.
const cleanUpTime = 2 * time.Minute

var errNoJournal = errors.New("a drill needs a vault, for the journal of what it creates")

func (o Options) withDefaults() (Options, error) {
	if o.Journal == nil {
		return o, errNoJournal
	}
	if o.Restore.Now == nil {
		o.Restore.Now = time.Now
	}
	if o.Restore.Logger == nil {
		o.Restore.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Clock == nil {
		now := o.Restore.Now
		o.Clock = func(context.Context) (time.Time, error) { return now(), nil }
	}
	if o.Process == (Process{}) {
		o.Process = thisProcess()
	}
	if o.Beat <= 0 {
		o.Beat = time.Minute
	}
	o.Restore.Journal, o.Restore.Saved = nil, manifest.Digest{}
	o.Restore.Plan.CleanUp, o.Restore.Plan.Publish, o.Restore.Plan.PublishAsBefore = false, nil, ""
	return o, nil
}
