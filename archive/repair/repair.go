package repair

import (
	"context"
	"fmt"
	"os"
	"sync/atomic"
	"time"

	"cvarchive/archive/progress"
	"cvarchive/archive/vault"
	"cvarchive/manifest"
)

// Options say where bytes come from and how. Source is required.
type Options struct {
	// Source returns the resource that archives of this source name were
	// made of. Its error is the reason why their objects are not repaired.
	Source func(name string) (Source, error)
	// DryRun asks the source what it still has, and changes nothing.
	DryRun bool

	Downloads  int           // at once; 0: 8
	TempDir    string        // for large bodies; empty: the system's
	RetryDelay time.Duration // as of a backup; 0: half a second
	Now        func() time.Time
	Progress   progress.Func
}

const defaultDownloads = 8

// Item is a record that names an object with which something is wrong.
type Item struct {
	Archive            string // name
	Source             string // of the archive
	Name               string // what the record is, for people
	ProjectID, Project string // id and name
	ImageID            string // empty: a model
	IterationID        string // of a model
	Platform, Flavor   string // of a model
	Object             manifest.Object
}

// State is what became of an object.
type State string

// States.
const (
	Repaired  State = "repaired"  // the vault has it again
	Available State = "available" // the source still lists it (dry run)
	Sound     State = "sound"     // nothing was wrong with it any more
	Lost      State = "lost"      // it could not be had again
)

// Outcome is what became of one object.
type Outcome struct {
	Object manifest.Object
	Name   string // in the vault; empty when it cannot have one
	Items  []Item // the records that name it
	State  State
	From   *Item  // the record whose bytes were taken, or would be; nil: the storage had deleted it and keeps it for a while
	Reason string // why it is lost
}

// Report is what became of all objects, in the order of the items.
type Report struct{ Objects []Outcome }

// Count returns how many objects are in a state.
func (r *Report) Count(s State) (n int) {
	for _, o := range r.Objects {
		if o.State == s {
			n++
		}
	}
	return n
}

// Run repairs the objects that the items name. What fails of one does not
// stop the others. The error is that of the context; the report then tells
// what was done by then.
func Run(ctx context.Context, v *vault.Vault, items []Item, opt Options) (*Report, error) {
	if opt.Downloads <= 0 {
		opt.Downloads = defaultDownloads
	}
	if opt.TempDir == "" {
		opt.TempDir = os.TempDir()
	}
	r := &run{vault: v, opt: opt}
	r.collect(items)
	opt.Progress.Send(progress.Event{Kind: progress.PhaseStarted, Message: "repair", Total: int64(len(r.works))})
	err := r.examine(ctx)
	for _, name := range distinct(r.works, func(it *Item) string { return it.Source }) {
		if err == nil {
			err = r.ask(ctx, name)
		}
	}
	return r.report(), err
}

// run is one repair.
type run struct {
	vault *vault.Vault
	opt   Options
	works []*work
	done  atomic.Int64
}

// notTried is the reason while nothing was tried.
const notTried = "the repair was stopped before it came to this"

// work is one object.
type work struct {
	object manifest.Object
	items  []Item
	tried  []bool // by item
	closed bool   // nothing more is tried
	state  State
	from   *Item
	reason string // of the last attempt, while the state is Lost
}

// fail notes why an attempt came to nothing.
func (w *work) fail(format string, args ...any) { w.reason = fmt.Sprintf(format, args...) }

// settle ends the work on an object.
func (r *run) settle(w *work, s State, from *Item) {
	w.closed, w.state, w.from = true, s, from
	r.opt.Progress.Send(progress.Event{
		Kind: progress.ItemDone, Project: w.items[0].Project, ID: w.items[0].ProjectID, Item: w.items[0].Name,
		Bytes: w.object.Size, Done: r.done.Add(1), Total: int64(len(r.works)),
	})
}

// collect groups items by their object.
func (r *run) collect(items []Item) {
	of := map[manifest.Object]*work{}
	for _, it := range items {
		w := of[it.Object]
		if w == nil {
			w = &work{object: it.Object, state: Lost, reason: notTried}
			of[it.Object] = w
			r.works = append(r.works, w)
		}
		w.items, w.tried = append(w.items, it), append(w.tried, false)
	}
}

// distinct returns the different values that items of the works have, in
// order of appearance.
func distinct(works []*work, of func(*Item) string) (values []string) {
	seen := map[string]bool{}
	for _, w := range works {
		for i := range w.items {
			if v := of(&w.items[i]); !seen[v] {
				seen[v] = true
				values = append(values, v)
			}
		}
	}
	return values
}

func (r *run) report() *Report {
	report := &Report{}
	for _, w := range r.works {
		o := Outcome{Object: w.object, Items: w.items, State: w.state, From: w.from}
		if o.State == Lost {
			o.Reason = w.reason
		}
		if vault.CheckObject(w.object) == nil {
			o.Name = r.vault.ObjectName(w.object)
		}
		report.Objects = append(report.Objects, o)
	}
	return report
}
