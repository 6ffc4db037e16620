package replicate

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"cvarchive/archive"
	"cvarchive/archive/download"
	"cvarchive/archive/objectset"
	"cvarchive/archive/progress"
	"cvarchive/archive/vault"
	"cvarchive/manifest"
)

// Options say how to copy.
type Options struct {
	DryRun      bool // count what is missing, and change nothing
	ReadData    bool // objects pass through this machine, and their digests are checked, though the stores could copy by themselves
	Concurrency int  // objects copied at once; 0: 16
	TempDir     string
	Progress    progress.Func
}

const defaultConcurrency = 16

// Status says what became of an archive.
type Status string

// What becomes of an archive.
const (
	Copied  Status = "copied"
	Present Status = "present" // it was there
	Missing Status = "missing" // it is not there, and was not to be copied (a dry run)
	Failed  Status = "failed"
)

// Report is what came of one archive.
type Report struct {
	Archive vault.Archive // in the source
	Status  Status
	Reason  string          // why it failed
	SHA256  manifest.Digest // of the file; zero when it was not read
	Objects int64           // distinct ones that it names, as far as no archive before it in the pass did
	// Copied are the objects that the target did not have; in a dry run
	// those that it lacks.
	Copied, CopiedBytes int64
	ByStore             int64 // of them, those that did not pass through this machine
	// Failures are objects that could not be copied, the first
	// [MaxFailures] of them. Then the archive is not committed.
	Failures []Failure
	Failed   int64
}

// Failure is an object that could not be copied.
type Failure struct {
	Object manifest.Object
	Err    error
}

// MaxFailures bounds [Report.Failures].
const MaxFailures = 100

// Whole reports whether the target has the archive and all its objects.
func (r *Report) Whole() bool { return r.Status != Failed && r.Failed == 0 }

// What a pass knows of an object.
const (
	there   = 1 << iota // the target was listed with it
	settled             // it was looked at: the target has it, and will keep it, or it is bad
)

// Pass copies archives from one vault to another.
type Pass struct {
	from, to *vault.Vault
	opt      Options

	known   objectset.Table         // what is known of each, as there and settled
	bad     map[objectset.Key]error // of those that are settled
	targets map[string]vault.Archive
	byStore byStore
	memory  *download.Memory
}

// SameVaultError means that both vaults are the same one.
type SameVaultError struct{ Vault string }

// Error says so.
func (e *SameVaultError) Error() string {
	return fmt.Sprintf("%s is the vault that is copied from; give another one", e.Vault)
}

// NewPass begins a pass: it lists the target. A target that does not exist
// yet, in a dry run, is nil.
func NewPass(ctx context.Context, from, to *vault.Vault, opt Options) (*Pass, error) {
	if opt.Concurrency <= 0 {
		opt.Concurrency = defaultConcurrency
	}
	if err := from.CanRead(); err != nil {
		return nil, err
	}
	p := &Pass{from: from, to: to, opt: opt, targets: map[string]vault.Archive{}, bad: map[objectset.Key]error{}, memory: download.NewMemory()}
	if to == nil {
		return p, nil
	}
	p.byStore.off = opt.ReadData || !to.Copies(from)
	if from.ID() == to.ID() && from.String() == to.String() {
		return nil, &SameVaultError{Vault: to.String()}
	}
	archives, err := to.Archives(ctx)
	if err != nil {
		return nil, err
	}
	for _, a := range archives {
		p.targets[a.Name] = a
	}
	for o, err := range to.ListObjects(ctx) {
		if err != nil {
			return nil, err
		}
		p.known.Put(objectset.OfLine(o.Object), there)
	}
	return p, nil
}

// All copies archives, the oldest first. The error says that copying itself is
// not possible or was stopped; what is wrong with single archives is in their
// reports.
func (p *Pass) All(ctx context.Context, archives []vault.Archive, done func(*Report)) error {
	archives = slices.Clone(archives)
	slices.SortStableFunc(archives, func(a, b vault.Archive) int { return a.Created.Compare(b.Created) })
	for _, a := range archives {
		r, err := p.Archive(ctx, a)
		if err != nil {
			return err
		}
		done(r)
	}
	return nil
}

// Archive copies one archive and its objects.
func (p *Pass) Archive(ctx context.Context, a vault.Archive) (*Report, error) {
	report := &Report{Archive: a, Status: Failed}
	err := p.archive(ctx, a, report)
	if p.to != nil {
		// An archive that was there already commits nothing, and one that
		// failed neither: the next copy goes on from what is there.
		if flushed := p.to.Flush(context.WithoutCancel(ctx)); flushed != nil {
			report.Status = Failed
			err = errors.Join(err, flushed)
		}
	}
	if ctx.Err() != nil {
		return report, ctx.Err()
	}
	if stop, ok := errors.AsType[*stopError](err); ok {
		return report, stop.err
	}
	if err != nil {
		report.Reason = err.Error()
	}
	return report, nil
}

// stopError ends the whole pass.
type stopError struct{ err error }

func (e *stopError) Error() string { return e.err.Error() }

func (p *Pass) archive(ctx context.Context, a vault.Archive, report *Report) error {
	f, err := p.from.OpenArchive(ctx, a)
	if err != nil {
		return err
	}
	defer f.Close()
	p.opt.Progress.Send(progress.Event{Kind: progress.PhaseStarted, Message: "copy " + a.Name})
	r, err := p.check(ctx, a, f, report)
	if err != nil {
		return err
	}
	copied, exists := p.targets[a.Name]
	if exists {
		if err := same(ctx, p.to, copied, report.SHA256); err != nil {
			return err
		}
		report.Status = Present
	} else if err := p.parent(ctx, r.Manifest().Parent); err != nil {
		return err
	}
	if err := p.objects(ctx, r, exists, report); err != nil || report.Failed > 0 {
		report.Status = Failed
		return err
	}
	switch {
	case exists && a.Signed && !copied.Signed && !p.opt.DryRun: // it was signed later
		return p.signature(ctx, a)
	case exists:
	case p.opt.DryRun:
		report.Status = Missing
	default:
		return p.commit(ctx, a, f, report)
	}
	return nil
}

// check proves that the archive is as it was written, before any of it is
// copied.
func (p *Pass) check(ctx context.Context, a vault.Archive, f *vault.ArchiveFile, report *Report) (*archive.Reader, error) {
	r, err := archive.NewReader(f, f.Size())
	if err != nil {
		return nil, err
	}
	bad := ""
	done, err := r.Verify(ctx, func(problem archive.Problem) {
		if bad == "" {
			bad = fmt.Sprintf("%s %s", problem.Member, problem.Reason)
		}
	})
	switch {
	case err != nil:
		return nil, err
	case bad != "":
		return nil, fmt.Errorf("it is damaged (%s) and is not copied; cvarchive verify %s tells all", bad, a.Name)
	}
	report.SHA256 = done.SHA256
	return r, nil
}

// same compares an archive of the target with the digest that it must have.
func same(ctx context.Context, v *vault.Vault, a vault.Archive, want manifest.Digest) error {
	got, err := v.Digest(ctx, a)
	if err != nil {
		return err
	}
	if got != want {
		return fmt.Errorf("%s has another file of this name, with the SHA-256 %s instead of %s; find out which is right with cvarchive verify, and delete the other", v, got, want)
	}
	return nil
}

// signature stores the signature of an archive, which is the same in both
// vaults since the archive is.
func (p *Pass) signature(ctx context.Context, a vault.Archive) error {
	sig, err := p.from.Signature(ctx, a)
	if err != nil {
		return err
	}
	return p.to.PutSignature(ctx, a, sig)
}

// commit stores the archive, after its signature if there is one, and reads it
// back.
func (p *Pass) commit(ctx context.Context, a vault.Archive, f *vault.ArchiveFile, report *Report) error {
	if a.Signed {
		if err := p.signature(ctx, a); err != nil {
			return err
		}
	}
	store := p.to.CommitArchive
	if a.Incomplete {
		store = p.to.CommitIncomplete
	}
	stored, err := store(ctx, a.Source, a.Created, a.ID, io.NewSectionReader(f, 0, f.Size()))
	if err != nil {
		return err
	}
	if err := same(ctx, p.to, stored, report.SHA256); err != nil {
		return fmt.Errorf("read the copy back: %w", err)
	}
	p.targets[a.Name] = stored
	report.Status = Copied
	p.opt.Progress.Send(progress.Event{Kind: progress.ItemDone, Item: "archive " + a.Name, Bytes: a.Size})
	return nil
}
