package repair

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"slices"
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
	// Done receives what became of each object, those that the report has no
	// room for too, as they are done with. Calls do not overlap.
	Done func(Outcome)
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

// MaxObjects bounds [Report.Objects].
const MaxObjects = 10_000

// Report is what became of all objects. They are in the order of the items;
// more than can be worked on at once, in the order of their digests.
type Report struct {
	Objects []Outcome // the first MaxObjects
	counts  map[State]int
}

// Count returns how many objects are in a state.
func (r *Report) Count(s State) int { return r.counts[s] }

// Total returns how many objects there are.
func (r *Report) Total() (n int) {
	for _, of := range r.counts {
		n += of
	}
	return n
}

func (r *Report) add(o Outcome) {
	r.counts[o.State]++
	if len(r.Objects) < MaxObjects {
		r.Objects = append(r.Objects, o)
	}
}

// Run repairs the objects that the items name. What fails of one does not
// stop the others. The error is that of the context, or says that the items
// could not be kept; the report then tells what was done by then.
func Run(ctx context.Context, v *vault.Vault, items *Items, opt Options) (*Report, error) {
	if opt.Downloads <= 0 {
		opt.Downloads = defaultDownloads
	}
	if opt.TempDir == "" {
		opt.TempDir = os.TempDir()
	}
	r := &run{vault: v, opt: opt, sources: map[string]*asked{}, total: int64(items.Len())}
	defer r.close()
	report := &Report{counts: map[State]int{}}
	for i, w := range items.windows() {
		if err := r.collect(items, w); err != nil {
			return report, err
		}
		if i == 0 {
			opt.Progress.Send(progress.Event{Kind: progress.PhaseStarted, Message: "repair", Total: r.total})
		}
		err := r.repair(ctx)
		r.tell(report, err == nil)
		if err != nil {
			return report, err
		}
	}
	return report, nil
}

// run is one repair.
type run struct {
	vault   *vault.Vault
	opt     Options
	sources map[string]*asked // by name
	works   []*work           // of one window
	total   int64             // objects; while there are windows to come, each of their items counts
	done    atomic.Int64
}

func (r *run) close() {
	for _, a := range r.sources {
		a.close()
	}
}

// repair works on the objects of one window.
func (r *run) repair(ctx context.Context) error {
	err := r.examine(ctx)
	for _, name := range sourceNames(r.works) {
		if err == nil {
			err = r.ask(ctx, name)
		}
	}
	return err
}

// notTried is the reason while nothing was tried.
const notTried = "the repair was stopped before it came to this"

// work is one object.
type work struct {
	number uint64 // of the first item
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
		Bytes: w.object.Size, Done: r.done.Add(1), Total: r.total,
	})
}

// collect groups the items of a window by their object.
func (r *run) collect(items *Items, of window) error {
	r.works = nil
	works := map[manifest.Object]*work{}
	err := items.each(of, func(number uint64, it Item) {
		w := works[it.Object]
		if w == nil {
			w = &work{number: number, object: it.Object, state: Lost, reason: notTried}
			works[it.Object] = w
			r.works = append(r.works, w)
		} else {
			r.total--
		}
		w.items, w.tried = append(w.items, it), append(w.tried, false)
	})
	slices.SortFunc(r.works, func(a, b *work) int { return cmp.Compare(a.number, b.number) })
	return err
}

// sourceNames returns the names of the sources of the works, in order of
// appearance.
func sourceNames(works []*work) (names []string) {
	seen := map[string]bool{}
	for _, w := range works {
		for i := range w.items {
			if name := w.items[i].Source; !seen[name] {
				seen[name] = true
				names = append(names, name)
			}
		}
	}
	return names
}

// tell reports on the objects of a window; whole: it was gone through.
func (r *run) tell(report *Report, whole bool) {
	for _, w := range r.works {
		o := Outcome{Object: w.object, Items: w.items, State: w.state, From: w.from}
		if o.State == Lost {
			o.Reason = w.reason
		}
		if vault.CheckObject(w.object) == nil {
			o.Name = r.vault.ObjectName(w.object)
		}
		report.add(o)
		if whole && r.opt.Done != nil {
			r.opt.Done(o)
		}
	}
}
