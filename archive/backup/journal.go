package backup

import (
	"context"
	"errors"
	"io/fs"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"cvarchive/archive/vault"
	"cvarchive/manifest"
)

const (
	// flushImages is how many stored images make a segment of the journal.
	// Storing one takes two requests to the vault, so that writing and
	// deleting a segment for every 64 adds less than 2 %.
	flushImages = 64
	// flushWait is how long an image may wait for its segment to fill.
	flushWait = 5 * time.Second
	// flushShare is how many times longer than it took a flush the next one
	// waits at least.
	flushShare = 10
	// flushMost is how many stored images may wait for that. Beyond, storing
	// waits: so many, and those in flight, are downloaded again after a kill.
	flushMost = 2 * flushImages
	// flushLast is how long a run that ends before its archive is written
	// may take to write down what it stored.
	flushLast = 3 * time.Second
	// segmentGrace is the age from which segments go that no archive came
	// to cover: of projects that are not backed up any more.
	segmentGrace = 30 * 24 * time.Hour
	// segmentsAtOnce are read or deleted.
	segmentsAtOnce = 16
)

// journal remembers in the vault which images and models a run has stored, so that a
// run after it goes on where it was killed; and it knows what the journals of
// runs before it remember.
type journal struct {
	vault    *vault.Vault
	source   manifest.Source
	started  time.Time // with id, the name of the archive to be
	id       string
	every    time.Duration
	warn     func(format string, args ...any)
	full     chan struct{} // enough is pending for a segment
	urgent   chan struct{} // as much is pending as may be
	stopped  chan struct{} // closed to end the flushing
	finished chan struct{} // closed when the flushing has ended

	mu      sync.Mutex
	pending []vault.JournalEntry // stored, and in no segment
	flushed chan struct{}        // closed when the next attempt to write one has ended
	number  int                  // of the last segment that was begun
	failing bool                 // and said so

	own       []vault.Segment
	ownNeeded bool // the archive may lack what they name

	before []*segment             // of earlier runs, or of one at the same time
	known  map[string][]journaled // by project
}

// segment is one that was read.
type segment struct {
	vault.Segment
	endpoint string
	unread   bool                // it could not be read
	projects map[string]struct{} // ids, in lower case
	needed   bool                // the archive does not have all that it names; guarded by journal.mu
}

// journaled is one entry and the segment that it came from.
type journaled struct {
	vault.JournalEntry
	segment *segment
}

func newJournal(v *vault.Vault, source manifest.Source, started time.Time, id string, every time.Duration, warn func(string, ...any)) *journal {
	return &journal{
		vault: v, source: source, started: started, id: id, every: every, warn: warn,
		full: make(chan struct{}, 1), urgent: make(chan struct{}, 1), flushed: make(chan struct{}), stopped: make(chan struct{}), finished: make(chan struct{}),
		known: map[string][]journaled{},
	}
}

// read reads what earlier runs left. It must come before the archives are
// listed: a segment that vanishes meanwhile is covered by an archive that is
// then in the list. It fails with the context only.
func (j *journal) read(ctx context.Context) error {
	list, err := j.vault.Segments(ctx, j.source.Name)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		j.warn("what interrupted backups have stored cannot be told, and may be downloaded again: %v", err)
		return nil
	}
	contents := make([]vault.Journal, len(list))
	j.before = make([]*segment, len(list))
	var g errgroup.Group
	g.SetLimit(segmentsAtOnce)
	for i, s := range list {
		g.Go(func() error {
			var err error
			contents[i], err = j.vault.ReadSegment(ctx, s)
			seg := &segment{Segment: s, endpoint: contents[i].Endpoint, unread: err != nil, projects: map[string]struct{}{}}
			if err != nil && ctx.Err() == nil && !errors.Is(err, fs.ErrNotExist) {
				j.warn("%v", err)
			}
			j.before[i] = seg
			return ctx.Err()
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	total := 0
	for i, seg := range j.before {
		if !seg.unread && !sameEndpoint(seg.endpoint, j.source.Endpoint) {
			j.warn("the journal %s is of another resource (%s) and is not used to save downloads", seg.Path, seg.endpoint)
			seg.unread = true
		}
		if seg.unread {
			continue
		}
		for _, e := range contents[i].Entries {
			if total == manifest.MaxImages {
				seg.needed = true // it is not used up
				break
			}
			total++
			project := strings.ToLower(e.Project)
			seg.projects[project] = struct{}{}
			j.known[project] = append(j.known[project], journaled{e, seg})
		}
	}
	return nil
}

// addTo adds what earlier runs stored of a project to what is known of it.
func (j *journal) addTo(known catalog, projectID string) {
	for _, e := range j.known[strings.ToLower(projectID)] {
		if e.Model != nil {
			continue
		}
		if at := known.at(e.Image); at.object == nil {
			at.object, at.blob = new(e.Object), e.Blob
		}
	}
}

// addModels adds the exported models that earlier runs stored of a project.
func (j *journal) addModels(known map[modelKey]manifest.Object, projectID string) {
	for _, e := range j.known[strings.ToLower(projectID)] {
		if e.Model != nil {
			known[*e.Model] = e.Object
		}
	}
}

// settle notes which segments are still needed after a project was not
// captured whole: those with an image that has no record with its object, or
// with a model that is not among those that have one. Pass is the last
// listing of the workspace.
func (j *journal) settle(known catalog, projectID string, pass int, models map[modelKey]bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, e := range j.known[strings.ToLower(projectID)] {
		if e.Model != nil {
			e.segment.needed = e.segment.needed || !models[*e.Model]
			continue
		}
		if at := known.at(e.Image); !at.checked || at.lost(pass) {
			e.segment.needed = true
		}
	}
	j.ownNeeded = j.ownNeeded || len(known.lost(pass)) > 0
}

// add notes that the bytes of an image are in the vault. It waits when too
// many are not yet in a segment.
func (j *journal) add(ctx context.Context, e vault.JournalEntry) {
	j.mu.Lock()
	j.pending = append(j.pending, e)
	enough, most := len(j.pending) >= flushImages, len(j.pending) >= flushMost && !j.failing
	flushed := j.flushed
	j.mu.Unlock()
	if enough {
		signal(j.full)
	}
	if most {
		signal(j.urgent)
		select {
		case <-flushed:
		case <-j.stopped:
		case <-ctx.Done():
		}
	}
}

// signal makes sure that the reader of a channel wakes up once more.
func signal(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default: // it is known already
	}
}

// keep writes segments until stop. A journal that cannot be written costs
// downloads after an interruption, and is no reason to give up before.
func (j *journal) keep(ctx context.Context) {
	defer close(j.finished)
	tick := time.NewTicker(j.every)
	defer tick.Stop()
	for {
		select {
		case <-j.stopped:
			return
		case <-j.full:
		case <-tick.C:
		}
		began := time.Now()
		j.flush(ctx, flushImages)
		// A flush has all objects made durable first, which may take far
		// longer than storing 64 of them.
		select {
		case <-j.stopped:
			return
		case <-j.urgent:
			signal(j.full)
		case <-time.After(min(flushShare*time.Since(began), j.every)):
		}
	}
}

// flush writes what is pending, and goes on as long as there is enough more: what
// is stored meanwhile is no segment of its own.
func (j *journal) flush(ctx context.Context, enough int) {
	for least := 1; ; least = enough {
		j.mu.Lock()
		entries := slices.Clone(j.pending[:min(len(j.pending), vault.MaxSegmentEntries)])
		if len(entries) < least {
			j.mu.Unlock()
			return
		}
		// Each attempt has a name of its own: a failed one may have had
		// its effect.
		j.number++
		number := j.number
		j.mu.Unlock()
		s, err := j.vault.WriteSegment(ctx, j.source.Name, j.started, j.id, number, vault.Journal{Endpoint: j.source.Endpoint, Entries: entries})
		j.mu.Lock()
		if err == nil {
			j.pending = append(j.pending[:0], j.pending[len(entries):]...)
			j.own, j.failing = append(j.own, s), false
		}
		say := err != nil && ctx.Err() == nil && !j.failing
		j.failing = err != nil
		close(j.flushed)
		j.flushed = make(chan struct{})
		j.mu.Unlock()
		if say {
			j.warn("what was stored could not be noted, and may be downloaded again if this backup is interrupted: %v", err)
		}
		if err != nil {
			return
		}
	}
}

// stop ends the flushing. A run that comes to no archive leaves all it has
// stored in the journal, also when its context has ended.
func (j *journal) stop(ctx context.Context, committed bool) {
	close(j.stopped)
	<-j.finished
	if committed {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushLast)
	defer cancel()
	j.flush(ctx, 1)
}

// clear deletes the segments that the archive just written makes useless,
// and those that are too old to matter. It deletes only what this run wrote
// or read: another run's newer segments stay. What cannot be deleted waits
// for the next run.
func (j *journal) clear(ctx context.Context, account map[string]bool, now time.Time) {
	var done []vault.Segment
	if !j.ownNeeded {
		done = append(done, j.own...)
	}
	for _, seg := range j.before {
		if j.covered(seg, account) || now.Sub(seg.Started) > segmentGrace {
			done = append(done, seg.Segment)
		}
	}
	var g errgroup.Group
	g.SetLimit(segmentsAtOnce)
	for _, s := range done {
		g.Go(func() error {
			if err := j.vault.DeleteSegment(ctx, s); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil && ctx.Err() == nil {
		j.warn("the archive is written, but the journal that led to it could not be deleted; the next backup will: %v", err)
	}
}

// covered reports whether the archive has everything that a segment names.
// The account holds the ids of its projects, in lower case, and whether each
// was captured; the images of a project that is gone are not needed.
func (j *journal) covered(seg *segment, account map[string]bool) bool {
	if seg.unread || seg.needed {
		return false
	}
	for id := range seg.projects {
		if captured, there := account[id]; there && !captured {
			return false
		}
	}
	return true
}
