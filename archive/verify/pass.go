package verify

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"sync"

	"golang.org/x/sync/errgroup"

	"cvarchive/archive"
	"cvarchive/archive/inventory"
	"cvarchive/archive/objectset"
	"cvarchive/archive/progress"
	"cvarchive/archive/vault"
	"cvarchive/manifest"
	"cvarchive/manifest/store"
)

// Pass verifies archives of one vault, one after the other. An object that
// several of them name is looked at once, and reported for each.
type Pass struct {
	vault     *vault.Vault
	inventory *inventory.Inventory // nil until an archive is verified
	opt       Options
	batch     int // objects that one goroutine looks at before it takes the next

	archives map[string]vault.Archive   // by name; nil until they are needed
	digests  map[string]manifest.Digest // of archive files, by name
	compared map[string]bool            // archives whose parent was looked at, by name

	mu      sync.Mutex
	looks   objectset.Table // what came of each object, as a look
	bad     map[key]error   // what is wrong with the first of those that are bad
	totals  Totals
	buffers sync.Pool // of *[]byte, to read objects through
}

// look says how an object was looked at, and what came of it.
type look uint8

const (
	read    look = 1 << iota // to its end, not only looked up
	earlier                  // before this run
	counted                  // in the totals
	sound                    // nothing is wrong with it
	absent                   // Missing, as the others are the kinds of that name
	damaged
	offline
	unreadable
)

// maxBad bounds the errors that are kept. Of a vault that lost more, all
// objects are still told, those beyond without the words of the storage.
const maxBad = 10_000

// readBuffer is what an object is read through.
const readBuffer = 128 << 10

// Totals sum up a pass. An object that several archives name counts once.
type Totals struct {
	Objects, Bytes int64 // looked at
	Read           int64 // and not only looked up, whatever was wrong with them
	Earlier        int64 // of Read: before this run, as the journal tells
	BytesRead      int64 // in this run
}

// NewPass begins a pass. What the journal in the options remembers counts as
// done.
func NewPass(v *vault.Vault, opt Options) *Pass {
	if opt.Concurrency <= 0 {
		opt.Concurrency = defaultConcurrency
	}
	p := &Pass{vault: v, opt: opt, digests: map[string]manifest.Digest{}, compared: map[string]bool{}, bad: map[key]error{}}
	p.batch = batchOf(v.Store())
	p.buffers.New = func() any { return new(make([]byte, readBuffer)) }
	if opt.Journal != nil {
		p.looks, opt.Journal.known = opt.Journal.known, objectset.Table{}
	}
	return p
}

// key stands for an object as a record describes it.
type key = objectset.Key

func keyOf(o manifest.Object) key { return objectset.OfLine(o) }

// Archive verifies one archive. The error says that it could not be done: the
// archive is gone, the vault does not answer, ctx ended.
func (p *Pass) Archive(ctx context.Context, a vault.Archive) (*Report, error) {
	if p.inventory == nil {
		p.inventory = inventory.New(ctx, p.vault)
	}
	report := &Report{Archive: a.Name, Size: a.Size, ReadData: p.opt.ReadData, Sample: p.opt.Sample}
	c := newCollector(report, p.opt)
	f, known, err := p.open(ctx, c, a)
	if err == nil && f != nil {
		defer f.Close()
		err = p.archive(ctx, c, a, f, known)
	}
	if err != nil {
		return nil, fmt.Errorf("verify archive %s: %w", a.Name, err)
	}
	return report, nil
}

// archive checks what was opened of an archive; known is its digest where that
// is told by an index.
func (p *Pass) archive(ctx context.Context, c *collector, a vault.Archive, f *vault.ArchiveFile, known manifest.Digest) error {
	p.opt.Progress.Send(progress.Event{Kind: progress.PhaseStarted, Message: "structure of " + a.Name})
	r, err := openArchive(c, f, f.Size())
	if err != nil {
		return err
	}
	if r == nil {
		return p.itself(ctx, c, a, nil, known)
	}
	// Objects are read meanwhile, since the structure keeps one processor
	// busy at most; what is wrong with them is told after what is wrong with
	// the archive. To look them up takes less than the file twice at once.
	g, gctx := errgroup.WithContext(ctx)
	told := make(chan struct{})
	g.Go(func() error {
		err := p.itself(gctx, c, a, r, known)
		if err == nil {
			close(told)
		}
		return err
	})
	g.Go(func() error {
		check := &objects{pass: p, reader: r, collector: c, told: told}
		if !p.opt.ReadData {
			if err := check.afterArchive(gctx); err != nil {
				return err
			}
		}
		err := check.run(gctx)
		if err != nil { // all that is wrong with the archive is told, too
			_ = check.afterArchive(gctx)
		}
		return err
	})
	return g.Wait()
}

// itself checks an archive without its objects; r is nil when it could not be
// opened.
func (p *Pass) itself(ctx context.Context, c *collector, a vault.Archive, r *archive.Reader, known manifest.Digest) error {
	if r != nil {
		if err := structure(ctx, c, r); err != nil {
			return err
		}
	}
	if p.vault.Encrypted() {
		c.compare(known, p.vault.CanRead() == nil)
	}
	made := a.Created
	if r != nil {
		made = r.Manifest().Finished
	}
	if err := p.storedSignature(ctx, c, a, made); err != nil {
		return err
	}
	if r == nil {
		c.report.Unchecked = append(c.report.Unchecked, "the objects in the vault: the archive does not tell which it names")
		return nil
	}
	p.digests[a.Name] = c.report.SHA256
	m := r.Manifest()
	if m.ID != a.ID || m.Source.Name != a.Source {
		c.problem(Problem{
			Kind: Identity, Item: "archive",
			Reason: fmt.Sprintf("it calls itself %s of source %s, so another archive lies under this name", m.ID, m.Source.Name),
			Hint:   "put the right file in its place, from a replicated vault",
		})
	}
	return p.parent(ctx, c, m.Parent)
}

// parent compares the parent that an archive names with the file in the
// vault.
func (p *Pass) parent(ctx context.Context, c *collector, named *manifest.Parent) error {
	if named == nil {
		return nil
	}
	p.compared[c.report.Archive] = true
	a, there, err := p.find(ctx, named.Name)
	if err != nil {
		return err
	}
	var digest manifest.Digest
	if there {
		digest, err = p.digest(ctx, a)
	}
	problem := Problem{Kind: Ancestry, Item: fmt.Sprintf("parent %s", named.Name)}
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case !there, errors.Is(err, fs.ErrNotExist):
		c.note("its parent %s is not in the vault: it was pruned, or never copied here; this archive is complete without it", named.Name)
		return nil
	case err != nil:
		problem.Kind, problem.Reason = Unreadable, fmt.Sprintf("it cannot be read: %v", err)
		problem.Hint = "check that the vault can be read, and verify again"
	case digest != named.SHA256:
		problem.Reason, problem.Hint = alteredParent(digest, named.SHA256), hintAltered(named.Name)
	default:
		return nil
	}
	c.problem(problem)
	return nil
}

func alteredParent(is, was manifest.Digest) string {
	return fmt.Sprintf("its SHA-256 is %s, and was %s when this archive was made: one of the two was altered since", is, was)
}

func hintAltered(name string) string {
	return fmt.Sprintf("compare both with a replicated vault; `cvarchive verify %s` tells whether it is damaged", name)
}

// find looks an archive up by its name, which may be anything.
func (p *Pass) find(ctx context.Context, name string) (a vault.Archive, ok bool, err error) {
	if p.archives == nil {
		all, err := p.vault.Archives(ctx)
		if err != nil {
			return a, false, err
		}
		p.archives = make(map[string]vault.Archive, len(all))
		for _, a := range all {
			p.archives[a.Name] = a
		}
	}
	a, ok = p.archives[name]
	return a, ok, nil
}

// digest returns the digest of an archive file, reading it unless the pass
// has done so.
func (p *Pass) digest(ctx context.Context, a vault.Archive) (manifest.Digest, error) {
	if d, ok := p.digests[a.Name]; ok {
		return d, nil
	}
	digest, err := p.vault.Digest(ctx, a)
	if err != nil {
		return manifest.Digest{}, err
	}
	p.digests[a.Name] = digest
	return p.digests[a.Name], nil
}

// Totals returns what the pass came to so far.
func (p *Pass) Totals() Totals {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.totals
}

// state returns what the pass knows of an object: nothing, that it is sound,
// or what is wrong with it.
func (p *Pass) state(k key) (how look, seen bool, bad error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	how = look(p.looks.Get(k))
	const more = ", as are many others"
	switch err := p.bad[k]; {
	case err != nil:
		bad = err
	case how&absent != 0:
		bad = &vault.ObjectError{Reason: "is missing from " + p.vault.String() + more, Err: fs.ErrNotExist}
	case how&damaged != 0:
		bad = &vault.ObjectError{Reason: "is damaged" + more}
	case how&offline != 0:
		bad = fmt.Errorf("%w%s", store.ErrOffline, more)
	case how&unreadable != 0:
		bad = errors.New("cannot be read" + more)
	}
	return how, how&sound != 0, bad
}

// reuse counts an object that the journal tells of, when an archive names it
// for the first time.
func (p *Pass) reuse(k key, size int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if how := look(p.looks.Get(k)); how&sound != 0 && how&counted == 0 {
		p.looks.Put(k, byte(how|counted))
		p.totals.Objects++
		p.totals.Bytes += size
		p.totals.Read++
		p.totals.Earlier++
	}
}

// settle notes the outcome for one object, and in the journal that it was
// read.
func (p *Pass) settle(k key, size int64, toItsEnd bool, err error) {
	p.count(k, size, toItsEnd, err)
	if err != nil || !toItsEnd || p.opt.Journal == nil {
		return
	}
	if failed := p.opt.Journal.add(k); failed != nil {
		p.opt.Progress.Send(progress.Event{Kind: progress.Warning,
			Message: fmt.Sprintf("what was read is not remembered any more, so that a later run begins from the start: %v", failed)})
	}
}

func (p *Pass) count(k key, size int64, toItsEnd bool, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if look(p.looks.Get(k))&counted == 0 {
		p.totals.Objects++
		p.totals.Bytes += size
	}
	how := counted
	if toItsEnd {
		how |= read
		p.totals.Read++
	}
	how |= lookOf(kindOf(err))
	p.looks.Put(k, byte(how))
	if err != nil && len(p.bad) < maxBad {
		p.bad[k] = err
	}
	if err == nil && toItsEnd {
		p.totals.BytesRead += size
	}
}

// lookOf is what came of an object of which kind is wrong.
func lookOf(kind Kind) look {
	switch kind {
	case Missing:
		return absent
	case Damaged:
		return damaged
	case Offline:
		return offline
	case Unreadable:
		return unreadable
	}
	return sound
}
