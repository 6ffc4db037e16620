package retain

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"cvarchive/archive"
	"cvarchive/archive/progress"
	"cvarchive/archive/vault"
	"cvarchive/manifest"
)

// DefaultGrace is longer than a backup or a restore should take.
const DefaultGrace = 24 * time.Hour

// Options say how to prune.
type Options struct {
	Policy Policy
	Source string        // only archives of this source; empty: of all
	Grace  time.Duration // see the package; 0: none
	DryRun bool          // change nothing

	Concurrency int // objects deleted at once; 0: 16
	Progress    progress.Func

	room int // mentions of objects that are remembered at once; 0: 11,000,000
}

const defaultConcurrency = 16

// Report is what a prune did, or would do.
type Report struct {
	DryRun   bool
	Grace    time.Duration
	Archives []Outcome
	Objects  Objects
	// Journals counts those of unfinished backups that went because they
	// are older than the grace period, and Expired what had been kept aside
	// for it.
	Journals, Expired int64
	// Blocked says why no object was deleted, a sentence each.
	Blocked []string
	// Failures are files that could not be deleted, the first [MaxFailures].
	Failures []Failure
	Failed   int64 // all of them
}

// Outcome is a [Decision] and what came of it.
type Outcome struct {
	Decision
	Done bool // it was deleted
}

// Objects counts the objects of the vault.
type Objects struct {
	Count, Bytes              int64 // all
	Named, NamedBytes         int64 // by an archive or a journal that stays
	Waiting, WaitingBytes     int64 // by none that stays, but by one that goes and is kept aside
	Young, YoungBytes         int64 // by none, and stored within the grace period
	Deletable, DeletableBytes int64
	// Protected ones would go but for a policy, or a hold (Held), on them; the
	// last of these policies ends at ProtectedUntil. A dry run counts those
	// that the store's listing tells.
	Protected, ProtectedBytes int64
	ProtectedUntil            time.Time
	Held                      bool
	// Reused ones were to go, and a writer relied on them before they went.
	Reused, ReusedBytes   int64
	Deleted, DeletedBytes int64
}

// Failure is a file that could not be deleted.
type Failure struct {
	Name string // in the vault
	Err  error
}

// MaxFailures bounds [Report.Failures].
const MaxFailures = 1000

// Deletes counts the archives that go.
func (r *Report) Deletes() (n int) {
	for _, o := range r.Archives {
		if !o.Keep {
			n++
		}
	}
	return n
}

// Pending reports whether there was anything to delete.
func (r *Report) Pending() bool {
	return r.Deletes() > 0 || r.Objects.Deletable > 0 || r.Journals > 0 || r.Expired > 0
}

// Whole reports whether everything that was to go went.
func (r *Report) Whole() bool { return r.Failed == 0 && len(r.Blocked) == 0 }

// ErrNoPolicy means that a policy has no rule: everything would go.
var ErrNoPolicy = errors.New("no rule says what to keep, and without one nothing is deleted")

// Run deletes the archives that the policy does not keep, and then the objects
// that nothing names. The error says that it could not be done or was stopped;
// files that cannot be deleted are in the report. Run again goes on.
func Run(ctx context.Context, v *vault.Vault, opt Options) (*Report, error) {
	if opt.Policy.IsEmpty() {
		return nil, ErrNoPolicy
	}
	if opt.Concurrency <= 0 {
		opt.Concurrency = defaultConcurrency
	}
	p := &pruner{vault: v, opt: opt, report: &Report{DryRun: opt.DryRun, Grace: opt.Grace}, doomed: map[string]bool{}, read: map[string]bool{}, bad: map[string]bool{}, window: newWindow(cmp.Or(opt.room, defaultRoom))}
	for _, step := range []func(context.Context) error{p.clock, p.decide, p.archives, p.journals, p.expired, p.indexes, p.notes, p.objects, p.unfinished} {
		if err := step(ctx); err != nil {
			return p.report, err
		}
	}
	return p.report, nil
}

// unfinished deletes what killed writers left, where a store knows such.
func (p *pruner) unfinished(ctx context.Context) error {
	s, ok := p.vault.Store().(vault.Sweeper)
	if !ok || p.opt.DryRun {
		return nil
	}
	return s.Sweep(ctx)
}

// pruner is the state of one Run.
type pruner struct {
	vault  *vault.Vault
	opt    Options
	report *Report
	now    time.Time       // of this machine or the store, the earlier one
	cutoff time.Time       // what is older is past the grace period
	doomed map[string]bool // paths of files that go
	read   map[string]bool // paths of archives and segments whose mentions are in the window
	bad    map[string]bool // paths of archives that could not be read
	window *window
}

// clock takes the earlier of this machine's time and the store's.
func (p *pruner) clock(ctx context.Context) error {
	now := time.Now()
	if !p.opt.DryRun {
		stored, err := p.vault.Clock(ctx)
		if err != nil {
			return err
		}
		if stored.Before(now) {
			now = stored
		}
	}
	p.now = now
	p.cutoff = now.Add(-p.opt.Grace)
	return nil
}

// old reports whether something is past the grace period.
func (p *pruner) old(t time.Time) bool { return p.opt.Grace == 0 || t.Before(p.cutoff) }

func (p *pruner) failed(name string, err error) {
	p.report.Failed++
	if len(p.report.Failures) < MaxFailures {
		p.report.Failures = append(p.report.Failures, Failure{Name: name, Err: err})
	}
	p.opt.Progress.Send(progress.Event{Kind: progress.ItemFailed, Item: name, Err: err})
}

// decide applies the policy.
func (p *pruner) decide(ctx context.Context) error {
	archives, err := p.vault.Archives(ctx)
	if err != nil {
		return err
	}
	restores, err := p.vault.RestoresBegun(ctx)
	if err != nil {
		return err
	}
	p.opt.Progress.Send(progress.Event{Kind: progress.PhaseStarted, Message: "archives", Total: int64(len(archives))})
	var candidates []Candidate
	for _, a := range archives {
		if p.opt.Source != "" && a.Source != p.opt.Source {
			continue
		}
		c := Candidate{Archive: a}
		if c.Whole, err = p.whole(ctx, a); err != nil {
			return err
		}
		if begun, ok := restores[a.ID]; ok && !p.old(begun) {
			c.Hold = "a restore of it is under way since " + begun.UTC().Format("2006-01-02 15:04 UTC")
		}
		candidates = append(candidates, c)
	}
	decisions, err := p.unprotected(ctx, candidates)
	if err != nil {
		return err
	}
	for _, d := range decisions {
		p.report.Archives = append(p.report.Archives, Outcome{Decision: d})
		p.doomed[d.Archive.Path] = !d.Keep
	}
	return nil
}

// unprotected applies the policy, and has those archives stay that something
// protects: they could not be deleted.
func (p *pruner) unprotected(ctx context.Context, candidates []Candidate) ([]Decision, error) {
	decisions := Decide(candidates, p.opt.Policy)
	if _, guards := p.vault.Guards(); !guards {
		return decisions, nil
	}
	holds := map[string]string{}
	for _, d := range decisions {
		if d.Keep {
			continue
		}
		info, err := p.vault.Store().Stat(ctx, d.Archive.Path)
		switch {
		case errors.Is(err, fs.ErrNotExist): // another prune was faster
		case err != nil:
			return nil, fmt.Errorf("look for %s: %w", d.Archive.Name, err)
		case info.Held:
			holds[d.Archive.Path] = "a legal hold protects it"
		case info.Protected(p.now):
			holds[d.Archive.Path] = "it is immutable until " + info.ImmutableUntil.UTC().Format("2006-01-02 15:04 UTC")
		}
	}
	for i := range candidates {
		if hold := holds[candidates[i].Path]; hold != "" {
			candidates[i].Hold = hold
		}
	}
	return Decide(candidates, p.opt.Policy), nil
}

// whole reports whether an archive has all that was asked for. One that cannot
// be read has not.
func (p *pruner) whole(ctx context.Context, a vault.Archive) (bool, error) {
	f, err := p.vault.OpenIndex(ctx, a)
	if err == nil {
		defer f.Close()
		var r *archive.Reader
		if r, err = archive.NewReader(f, f.Size()); err == nil {
			return !a.Incomplete && isWhole(r.Manifest()), nil
		}
	}
	if ctx.Err() != nil {
		return false, ctx.Err()
	}
	return false, nil
}

func isWhole(m *manifest.Manifest) bool {
	for _, e := range m.Projects {
		if e.Outcome != manifest.Complete {
			return false
		}
	}
	return len(m.Failures) == 0
}

// archives deletes those that go, the oldest of a source first, so that what
// is left when it is stopped is what a milder policy leaves.
func (p *pruner) archives(ctx context.Context) error {
	for i := len(p.report.Archives) - 1; i >= 0 && !p.opt.DryRun; i-- {
		o := &p.report.Archives[i]
		if o.Keep {
			continue
		}
		if err := p.remove(ctx, o.Archive.Path, o.Archive.Size); err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			p.failed(o.Archive.Path, err)
			p.doomed[o.Archive.Path] = false
			continue
		}
		// After the archive, which is never without its signature.
		if err := p.vault.RetireSignature(ctx, o.Archive, p.opt.Grace == 0); err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			p.failed(o.Archive.SignaturePath(), err)
		}
		o.Done = true
		p.opt.Progress.Send(progress.Event{Kind: progress.ItemDone, Item: "archive " + o.Archive.Name})
	}
	return nil
}

// remove takes an archive or a segment out of use.
func (p *pruner) remove(ctx context.Context, path string, size int64) error {
	if p.opt.Grace == 0 {
		return p.vault.Discard(ctx, path)
	}
	err := p.vault.Retire(ctx, path, size)
	if errors.Is(err, fs.ErrNotExist) { // another prune was faster
		return nil
	}
	return err
}

// journals deletes those of backups that are over, one way or another.
func (p *pruner) journals(ctx context.Context) error {
	for s, err := range p.vault.AllSegments(ctx) {
		if err != nil {
			return err
		}
		if !p.old(s.Modified) {
			continue
		}
		p.report.Journals++
		p.doomed[s.Path] = true
		if p.opt.DryRun {
			continue
		}
		if err := p.remove(ctx, s.Path, s.Size); err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			p.doomed[s.Path] = false
			p.failed(s.Path, err)
		}
	}
	return nil
}

// indexes deletes those that encrypted archives have left behind. A backup
// writes the index some moments before its archive.
func (p *pruner) indexes(ctx context.Context) error {
	if p.opt.DryRun {
		return nil
	}
	_, err := p.vault.SweepIndexes(ctx, p.cutoff.Add(min(0, p.opt.Grace-orphanAge)))
	return err
}

// expired deletes what was kept aside for long enough.
func (p *pruner) expired(ctx context.Context) error {
	list, err := p.vault.Retired(ctx)
	if err != nil {
		return err
	}
	orphans, err := p.orphans(ctx)
	if err != nil {
		return err
	}
	for _, r := range append(list, orphans...) {
		if !p.old(r.When) {
			continue
		}
		p.report.Expired++
		p.doomed[r.Path] = true
		if p.opt.DryRun {
			continue
		}
		if err := p.expire(ctx, r); err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			p.doomed[r.Path] = false
			p.failed(r.Path, fmt.Errorf("delete: %w", err))
		}
	}
	return nil
}

// expire deletes what was kept aside, unless another prune has just made it
// young: it retires the same file again.
func (p *pruner) expire(ctx context.Context, r vault.Retired) error {
	info, err := p.vault.Store().Stat(ctx, r.Path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case !p.old(info.Modified):
		p.doomed[r.Path] = false
		return nil
	}
	return p.vault.Discard(ctx, r.Path)
}

// orphanAge is how old a signature or an index without an archive is at least
// when it goes: it is stored just before its archive is.
const orphanAge = time.Hour

// orphans returns the signatures that have no archive, as far as none is
// being stored.
func (p *pruner) orphans(ctx context.Context) ([]vault.Retired, error) {
	list, err := p.vault.OrphanSignatures(ctx)
	if err != nil {
		return nil, err
	}
	var old []vault.Retired
	for _, s := range list {
		if s.Modified.Before(p.cutoff.Add(p.opt.Grace - orphanAge)) {
			old = append(old, vault.Retired{Name: s.Name, Path: s.Name, When: s.Modified})
		}
	}
	return old, nil
}

// notes deletes what restores left of archives that are gone, and what writers
// noted so long ago that it does not count any more.
func (p *pruner) notes(ctx context.Context) error {
	archives, err := p.vault.Archives(ctx)
	if err != nil {
		return err
	}
	there := map[string]bool{}
	for _, a := range archives {
		there[a.ID] = there[a.ID] || !p.doomed[a.Path]
	}
	var names []string
	for n, err := range p.vault.RestoreNotes(ctx) {
		if err != nil {
			return err
		}
		if !there[n.ArchiveID] && p.old(n.Modified) {
			names = append(names, n.Name)
		}
	}
	for w, err := range p.vault.Wanted(ctx) {
		if err != nil {
			return err
		}
		if p.old(w.Modified) {
			names = append(names, w.Name)
		}
	}
	for _, name := range names {
		p.report.Expired++
		if p.opt.DryRun {
			continue
		}
		if err := p.vault.Discard(ctx, name); err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			p.failed(name, fmt.Errorf("delete: %w", err))
		}
	}
	return nil
}
