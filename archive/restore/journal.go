package restore

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"cvarchive/manifest"
	"cvarchive/manifest/plan"
	"cvarchive/manifest/store"
)

// Journal is where a restore notes what it has done, so that it can be gone
// on with after it was stopped, from another machine too. The store of a
// vault is one: names are created once and not changed.
//
// The journal of an attempt to restore one project is a folder of small
// numbered files, restores/<archive>/<target>/<attempt>/<number>.json. It is
// deleted when the project is there; a last file says so until the others are
// gone.
type Journal interface {
	Create(ctx context.Context, name string, body io.ReadSeeker) error
	Open(ctx context.Context, name string, offset, length int64) (io.ReadCloser, error)
	List(ctx context.Context, prefix string) iter.Seq2[store.Info, error]
	Delete(ctx context.Context, name string) error
}

const (
	journalFolder  = "restores"
	journalFormat  = "cvarchive-restore"
	journalVersion = 1
	maxNote        = 1 << 20 // bytes of a file
	maxNotes       = 100_000 // files of an attempt
)

// note is one file of a journal.
type note struct {
	Format  string    `json:"format"`
	Version int       `json:"version"`
	Time    time.Time `json:"time"`

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
	journal Journal
	dir     string
	now     func() time.Time

	intent   intent
	begun    time.Time // the first intent
	meant    time.Time // the last one
	project  *made
	images   map[string]int // target's image id → record
	left     []made
	training *training
	trainAt  time.Time
	done     bool

	mu    sync.Mutex
	next  int      // number of the next file
	files []string // names, as far as known
}

// journalOf is where the attempts to restore an archive to a target are.
func journalOf(archiveID, endpoint string) string {
	sum := sha256.Sum256([]byte(strings.ToLower(strings.TrimRight(endpoint, "/"))))
	return path.Join(journalFolder, archiveID, hex.EncodeToString(sum[:8])) + "/"
}

// attempts reads the journals of an archive's restores to a target.
func attempts(ctx context.Context, j Journal, archiveID, endpoint string, now func() time.Time) ([]*attempt, error) {
	if j == nil {
		return nil, nil
	}
	prefix := journalOf(archiveID, endpoint)
	byDir := map[string]*attempt{}
	var all []*attempt
	for info, err := range j.List(ctx, prefix) {
		if err != nil {
			return nil, fmt.Errorf("read the journal of earlier restores: %w", err)
		}
		dir, file := path.Split(info.Name)
		var n int
		if _, err := fmt.Sscanf(file, "%06d.json", &n); err != nil || strings.Count(dir[len(prefix):], "/") != 1 {
			continue // not ours
		}
		a := byDir[dir]
		if a == nil {
			a = &attempt{journal: j, dir: dir, now: now}
			byDir[dir] = a
			all = append(all, a)
		}
		if len(a.files) == maxNotes {
			return nil, fmt.Errorf("the journal %s has more than %d files; delete it, and the project that it is about", dir, maxNotes)
		}
		a.files = append(a.files, info.Name)
		a.next = max(a.next, n+1)
	}
	for _, a := range all {
		if err := a.read(ctx); err != nil {
			return nil, err
		}
	}
	all = slices.DeleteFunc(all, func(a *attempt) bool { return a.intent.Project == "" })
	slices.SortStableFunc(all, func(a, b *attempt) int { return a.begun.Compare(b.begun) })
	return all, nil
}

// read reads the files of an attempt and takes them in, in their order.
func (a *attempt) read(ctx context.Context) error {
	notes := make([]*note, len(a.files))
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(readers)
	for i, name := range a.files {
		g.Go(func() (err error) {
			notes[i], err = readNote(gctx, a.journal, name)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return fmt.Errorf("read the journal of an earlier restore: %w", err)
	}
	for _, n := range notes {
		if n != nil {
			a.take(n)
		}
	}
	return nil
}

// readNote reads one file; nil when it has gone meanwhile.
func readNote(ctx context.Context, j Journal, name string) (*note, error) {
	r, err := j.Open(ctx, name, 0, maxNote+1)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer r.Close()
	text, err := io.ReadAll(io.LimitReader(r, maxNote+1))
	if err != nil {
		return nil, err
	}
	var n note
	if len(text) > maxNote || json.Unmarshal(text, &n) != nil || n.Format != journalFormat {
		return nil, fmt.Errorf("%s is damaged; delete its folder, and the project in the target that was being restored", name)
	}
	if n.Version > journalVersion {
		return nil, fmt.Errorf("%s was written by a newer cvarchive; use that", name)
	}
	return &n, nil
}

func (a *attempt) take(n *note) {
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
	id := make([]byte, 4)
	rand.Read(id) // never fails
	return &attempt{journal: j, dir: journalOf(archiveID, endpoint) + hex.EncodeToString(id) + "/", now: now}
}

// write makes a note durable.
func (a *attempt) write(ctx context.Context, n note) error {
	n.Format, n.Version, n.Time = journalFormat, journalVersion, a.now().UTC()
	text, err := json.Marshal(n)
	if err != nil {
		return fmt.Errorf("note the restore's progress: %w", err)
	}
	for {
		a.mu.Lock()
		name := fmt.Sprintf("%s%06d.json", a.dir, a.next)
		a.next++
		a.mu.Unlock()
		err := a.journal.Create(ctx, name, bytes.NewReader(append(text, '\n')))
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil {
			return fmt.Errorf("note the restore's progress: %w", err)
		}
		a.mu.Lock()
		defer a.mu.Unlock()
		a.files = append(a.files, name)
		a.take(&n)
		return nil
	}
}

// close ends the attempt. What a failed import left stays on record unless
// it was removed.
func (a *attempt) close(ctx context.Context, keepLeft bool) error {
	before := slices.Clone(a.files)
	last := note{Intent: &a.intent, Done: true}
	if err := a.write(ctx, last); err != nil {
		return err
	}
	keep := keepLeft && len(a.left) > 0
	for _, l := range a.left {
		if keep {
			if err := a.write(ctx, note{Left: &l, Done: true}); err != nil {
				return err
			}
		}
	}
	if !keep {
		before = append(before, a.files[len(before):]...)
	}
	return a.remove(ctx, before)
}

// remove deletes files, the one that was written last at the end: it says
// that the rest does not matter.
func (a *attempt) remove(ctx context.Context, files []string) error {
	if len(files) == 0 {
		return nil
	}
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(readers)
	for _, name := range files[:len(files)-1] {
		g.Go(func() error { return a.drop(gctx, name) })
	}
	if err := g.Wait(); err != nil {
		return err
	}
	return a.drop(ctx, files[len(files)-1])
}

func (a *attempt) drop(ctx context.Context, name string) error {
	if err := a.journal.Delete(ctx, name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove the journal of a restore that is done: %w", err)
	}
	return nil
}
