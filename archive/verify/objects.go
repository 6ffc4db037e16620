package verify

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"cvarchive/archive"
	"cvarchive/archive/progress"
	"cvarchive/archive/vault"
	"cvarchive/manifest"
	"cvarchive/manifest/store"
)

// maxUnreadable is how many objects in a row may fail to be read, for reasons
// that are not theirs, before the vault as a whole is given up.
const maxUnreadable = 100

// objects checks what the records of one archive name against the vault.
type objects struct {
	pass   *Pass
	reader *archive.Reader
	told   <-chan struct{} // closed when what is wrong with the archive itself was reported
	*collector

	tally      sync.Mutex // of what follows, and of the report's counts
	mentions   int64      // records gone through that name an object
	unreadable int        // objects in a row
	lowest     *mention   // the sample's nearest miss

	askedDeleted int // missing objects that the storage was asked about
	lowestRank   uint64
}

// mention is one place of the records that names an object.
type mention struct {
	object  manifest.Object
	key     key
	project *manifest.ProjectEntry
	image   string                // id; empty: a model
	model   *manifest.ModelExport // nil: an image
	it      *manifest.Iteration   // of the model
	wanted  bool                  // to be read, and not only looked up
}

// item names a mention for people, within its project.
func (m *mention) item() string {
	if m.model != nil {
		return fmt.Sprintf("model %s of iteration %q", strings.TrimSpace(m.model.Platform+" "+m.model.Flavor), m.it.Name)
	}
	return "image " + m.image
}

// run checks project by project.
func (o *objects) run(ctx context.Context) error {
	m := o.reader.Manifest()
	o.pass.opt.Progress.Send(progress.Event{Kind: progress.PhaseStarted, Message: "objects of " + o.report.Archive, Total: m.Objects.Count})
	if !o.pass.opt.ReadData {
		o.pass.inventory.Expect(m.Objects.Count)
	}
	o.lowestRank = math.MaxUint64
	for i := range m.Projects {
		if err := o.project(ctx, &m.Projects[i]); err != nil {
			return err
		}
	}
	if o.lowest == nil || o.report.Read > 0 || !o.sampling() {
		return nil
	}
	return o.readOne(ctx, o.lowest)
}

// readOne reads an object that was looked up and not chosen: a small share of
// few objects may be none, and a sample is one at least.
func (o *objects) readOne(ctx context.Context, m *mention) error {
	if _, _, bad := o.pass.state(m.key); bad != nil {
		return nil // and reported
	}
	err := o.read(ctx, []manifest.Object{m.object})[0]
	if ctx.Err() != nil {
		return ctx.Err()
	}
	o.pass.settle(m.key, m.object.Size, true, err)
	o.report.Read++
	if err != nil {
		return o.blame(ctx, m.project, func(k key) bool { return k == m.key })
	}
	o.report.BytesRead += m.object.Size
	return nil
}

// sampling reports whether some objects are read and some are not.
func (o *objects) sampling() bool { return o.pass.opt.Sample != nil && !o.pass.opt.ReadData }

// project looks at the objects of one project, and then reports every record
// that names one with which something is wrong.
func (o *objects) project(ctx context.Context, e *manifest.ProjectEntry) error {
	g, gctx := errgroup.WithContext(ctx)
	todo := &queue{group: g, check: o.check, ctx: gctx, batch: o.pass.batch, workers: o.pass.opt.Concurrency}
	marked := map[key]struct{}{}
	err := o.named(gctx, e, func(m mention) {
		if _, again := marked[m.key]; again {
			o.count(func() { o.mentions++ })
			return
		}
		marked[m.key] = struct{}{}
		wanted := o.wants(&m)
		how, seen, bad := o.pass.state(m.key)
		switch {
		case bad != nil, seen && (how&read != 0 || !wanted):
			o.passOver(&m, how&read != 0 || bad != nil && wanted)
		default:
			m.wanted = wanted
			todo.add(m)
		}
	})
	todo.end()
	if stopped := g.Wait(); stopped != nil {
		return stopped
	}
	if err != nil {
		return err
	}
	isBad := func(k key) bool { _, _, bad := o.pass.state(k); return bad != nil }
	for k := range marked {
		if isBad(k) {
			return o.blame(ctx, e, isBad)
		}
	}
	return nil
}

func (o *objects) count(add func()) {
	o.tally.Lock()
	defer o.tally.Unlock()
	add()
}

// wants reports whether an object is to be read, and not only looked up.
func (o *objects) wants(m *mention) bool {
	if !o.sampling() {
		return o.pass.opt.ReadData
	}
	rank := o.pass.opt.Sample.rank(m.key)
	if o.pass.opt.Sample.picks(rank) {
		return true
	}
	if rank < o.lowestRank {
		nearest := *m
		o.lowest, o.lowestRank = &nearest, rank
	}
	return false
}

// passOver counts an object that the pass has done with.
func (o *objects) passOver(m *mention, wasRead bool) {
	o.pass.reuse(m.key, m.object.Size)
	o.count(func() {
		o.mentions++
		o.report.Objects++
		o.report.Bytes += m.object.Size
		if wasRead {
			o.report.Read++
			o.report.Earlier++
		}
	})
}

// named calls each for every place where the records of a project name an
// object. Damage of the records is not reported again.
func (o *objects) named(ctx context.Context, e *manifest.ProjectEntry, each func(mention)) error {
	p, err := o.reader.Project(ctx, e.ID)
	if err != nil && !isDamage(err) {
		return err
	}
	for i := range p.Iterations {
		it := &p.Iterations[i]
		for j := range it.Models {
			if m := &it.Models[j]; m.Object != nil {
				each(mention{object: *m.Object, key: keyOf(*m.Object), project: e, model: m, it: it})
			}
		}
	}
	for rec, err := range o.reader.Images(ctx, e.ID) {
		if err != nil {
			if isDamage(err) {
				return nil
			}
			return err
		}
		if rec.Object != nil {
			each(mention{object: *rec.Object, key: keyOf(*rec.Object), project: e, image: rec.ID})
		}
	}
	return nil
}

// isDamage reports whether an error is one of the archive's content, which
// the check of the structure has named.
func isDamage(err error) bool {
	_, corrupt := errors.AsType[*archive.CorruptError](err)
	_, missing := errors.AsType[*archive.NotFoundError](err)
	return corrupt || missing
}

// check checks some objects. Its error ends the verification.
func (o *objects) check(ctx context.Context, some []mention) error {
	var objects []manifest.Object
	for i := range some {
		if some[i].wanted {
			objects = append(objects, some[i].object)
		}
	}
	var told []error // of the next ones that are wanted
	for i := range some {
		m, err := &some[i], error(nil)
		switch {
		case !m.wanted:
			err = o.lookUp(ctx, m.object)
		case len(told) == 0:
			told = o.read(ctx, objects)
			objects = objects[len(told):]
			fallthrough
		default:
			err, told = told[0], told[1:]
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err := o.checked(m, err); err != nil {
			return err
		}
	}
	return nil
}

// checked notes what came of one object. Its error ends the verification.
func (o *objects) checked(m *mention, err error) error {
	toItsEnd := m.wanted
	o.pass.settle(m.key, m.object.Size, toItsEnd, err)
	event := progress.Event{Kind: progress.ItemDone, Project: m.project.Name, ID: m.project.ID, Item: m.item(), Bytes: m.object.Size, Err: err}
	if err != nil {
		event.Kind, event.Bytes = progress.ItemFailed, 0
	}
	var giveUp bool
	o.count(func() {
		o.mentions++
		event.Done, event.Total = o.mentions, o.reader.Manifest().Objects.Count
		o.report.Objects++
		o.report.Bytes += m.object.Size
		if toItsEnd {
			o.report.Read++
		}
		if toItsEnd && err == nil {
			o.report.BytesRead += m.object.Size
		}
		if kindOf(err) == Unreadable {
			o.unreadable++
		} else {
			o.unreadable = 0
		}
		giveUp = o.unreadable >= maxUnreadable
	})
	o.pass.opt.Progress.Send(event)
	if giveUp {
		return fmt.Errorf("the last %d objects could not be read; check that the vault can be read, and run again: %w", maxUnreadable, err)
	}
	return nil
}

// lookUp looks an object up.
func (o *objects) lookUp(ctx context.Context, obj manifest.Object) error {
	has, err := o.pass.inventory.HasObject(ctx, obj)
	if err == nil && !has {
		err = &vault.ObjectError{Object: obj, Reason: "is missing from " + o.pass.vault.String(), Err: fs.ErrNotExist}
	}
	return err
}

// read reads objects, one at least, and returns what is wrong with them.
func (o *objects) read(ctx context.Context, some []manifest.Object) []error {
	buf := o.pass.buffers.Get().(*[]byte)
	defer o.pass.buffers.Put(buf)
	return o.pass.vault.ReadObjects(ctx, some, *buf)
}

// blame reports every place of a project that names one of the objects with
// which something is wrong, in the order of the records.
func (o *objects) blame(ctx context.Context, e *manifest.ProjectEntry, guilty func(key) bool) error {
	if err := o.afterArchive(ctx); err != nil {
		return err
	}
	return o.named(ctx, e, func(m mention) {
		if !guilty(m.key) {
			return
		}
		_, _, bad := o.pass.state(m.key)
		p := Problem{
			Kind: kindOf(bad), Item: fmt.Sprintf("%s of project %q", m.item(), e.Name), Reason: bad.Error(), Hint: o.hint(ctx, m.object, bad),
			ProjectID: e.ID, Project: e.Name, ImageID: m.image, Object: &m.object,
		}
		if m.model != nil {
			p.IterationID, p.Platform, p.Flavor = m.it.ID, m.model.Platform, m.model.Flavor
		}
		if vault.CheckObject(m.object) == nil {
			p.ObjectName = o.pass.vault.ObjectName(m.object)
		}
		o.problem(p)
	})
}

// afterArchive waits until what is wrong with the archive itself was reported.
func (o *objects) afterArchive(ctx context.Context) error {
	select {
	case <-o.told:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// kindOf tells what the error of an object means; "" for none.
func kindOf(err error) Kind {
	_, wrong := errors.AsType[*vault.ObjectError](err)
	switch {
	case err == nil:
		return ""
	case errors.Is(err, store.ErrOffline):
		return Offline
	case !wrong:
		return Unreadable
	case errors.Is(err, fs.ErrNotExist):
		return Missing
	}
	return Damaged
}

// hint says what to do about an object.
func (o *objects) hint(ctx context.Context, obj manifest.Object, err error) string {
	kind := kindOf(err)
	deep := ""
	if o.pass.opt.ReadData || o.sampling() {
		deep = " --read-data"
	}
	repair := fmt.Sprintf("`cvarchive repair %s%s`", o.report.Archive, deep)
	switch {
	case kind == Offline:
		return fmt.Sprintf("`cvarchive rehydrate %s --wait` brings it back; then verify again", o.report.Archive)
	case kind == Unreadable:
		return "check that the vault can be read, and verify again"
	case vault.CheckObject(obj) != nil:
		return hintOtherCopy
	case kind == Missing:
		if days, deleted := o.softDeleted(ctx, obj); deleted {
			return fmt.Sprintf("it was deleted, and the storage keeps it for %d more days: %s brings it back", days, repair)
		}
	}
	return repair + " gets it again while the source still has it; else copy it from a replicated vault"
}

// maxSoftDeleted is how many missing objects the storage is asked about.
const maxSoftDeleted = 100

// softDeleted asks whether a missing object can be brought back. It only makes
// a hint better, so that an error is no matter.
func (o *objects) softDeleted(ctx context.Context, obj manifest.Object) (days int, deleted bool) {
	if o.askedDeleted >= maxSoftDeleted {
		return 0, false
	}
	o.askedDeleted++
	days, deleted, err := o.pass.vault.SoftDeleted(ctx, obj)
	return days, deleted && err == nil
}
