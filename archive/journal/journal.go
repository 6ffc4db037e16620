package journal

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
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

	"cvarchive/manifest/store"
)

// Store is where notes are kept; the store of a vault is one. Names are
// created once and not changed.
type Store interface {
	Create(ctx context.Context, name string, body io.ReadSeeker) error
	Open(ctx context.Context, name string, offset, length int64) (io.ReadCloser, error)
	List(ctx context.Context, prefix string) iter.Seq2[store.Info, error]
	Delete(ctx context.Context, name string) error
}

const (
	maxNote  = 1 << 20 // bytes of a note
	maxNotes = 100_000 // notes of a folder
	atOnce   = 8       // notes read or deleted at a time
)

// Root is the place of journals in a vault. The first element below it is
// the id of an archive, which retention then leaves alone for a while.
const Root = "restores/"

// Key stands for an endpoint in the name of a folder.
func Key(endpoint string) string {
	sum := sha256.Sum256([]byte(strings.ToLower(strings.TrimRight(endpoint, "/"))))
	return hex.EncodeToString(sum[:8])
}

// NewID draws a name for a folder: eight hexadecimal digits.
func NewID() string {
	id := make([]byte, 4)
	rand.Read(id) // never fails
	return hex.EncodeToString(id)
}

// Folder is the journal of one piece of work. It is safe for concurrent use.
type Folder struct {
	store Store
	dir   string // ends in a slash

	mu       sync.Mutex
	next     int      // number of the next note
	names    []string // of the notes, as far as known
	modified time.Time
}

// New prepares a folder; its first note makes it.
func New(s Store, dir string) *Folder { return &Folder{store: s, dir: dir} }

// Find lists the folders below a prefix whose path below it, with a slash at
// its end, is wanted.
func Find(ctx context.Context, s Store, prefix string, want func(path string) bool) ([]*Folder, error) {
	byDir := map[string]*Folder{}
	var all []*Folder
	for info, err := range s.List(ctx, prefix) {
		if err != nil {
			return nil, err
		}
		dir, file := path.Split(info.Name)
		var n int
		if _, err := fmt.Sscanf(file, "%06d.json", &n); err != nil || !want(strings.TrimPrefix(dir, prefix)) {
			continue // not ours
		}
		f := byDir[dir]
		if f == nil {
			f = New(s, dir)
			byDir[dir] = f
			all = append(all, f)
		}
		if len(f.names) == maxNotes {
			return nil, fmt.Errorf("the journal %s has more than %d files; delete it, and the projects that it is about", dir, maxNotes)
		}
		f.names = append(f.names, info.Name)
		f.next = max(f.next, n+1)
		if info.Modified.After(f.modified) {
			f.modified = info.Modified
		}
	}
	return all, nil
}

// Dir is the folder's path in the store; it ends in a slash.
func (f *Folder) Dir() string { return f.dir }

// Names are those of the notes that were found or written, the oldest first;
// some may have been removed since.
func (f *Folder) Names() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.names)
}

// Modified is when the last note was written, by the clock of the store, as
// listed by [Find].
func (f *Folder) Modified() time.Time { return f.modified }

// Read reads the notes and hands them to take, in their order. What has gone
// meanwhile is passed over. An error of take ends it.
func (f *Folder) Read(ctx context.Context, take func(name string, text []byte) error) error {
	names := f.Names()
	texts := make([][]byte, len(names))
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(atOnce)
	for i, name := range names {
		g.Go(func() (err error) {
			texts[i], err = f.read(gctx, name)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	for i, text := range texts {
		if text == nil {
			continue
		}
		if err := take(names[i], text); err != nil {
			return err
		}
	}
	return nil
}

// read reads one note; nil when it has gone.
func (f *Folder) read(ctx context.Context, name string) ([]byte, error) {
	r, err := f.store.Open(ctx, name, 0, maxNote+1)
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
	if len(text) > maxNote {
		return nil, fmt.Errorf("%s is larger than a note can be", name)
	}
	return text, nil
}

// Write makes a note durable, and returns its name.
func (f *Folder) Write(ctx context.Context, text []byte) (string, error) {
	for {
		f.mu.Lock()
		name := fmt.Sprintf("%s%06d.json", f.dir, f.next)
		f.next++
		f.mu.Unlock()
		err := f.store.Create(ctx, name, bytes.NewReader(text))
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil {
			return "", err
		}
		f.mu.Lock()
		defer f.mu.Unlock()
		f.names = append(f.names, name)
		return name, nil
	}
}

// Remove deletes notes, the one that comes last at the end: it may say that
// the rest does not matter.
func (f *Folder) Remove(ctx context.Context, names ...string) error {
	if len(names) == 0 {
		return nil
	}
	last := len(names) - 1
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(atOnce)
	for _, name := range names[:last] {
		g.Go(func() error { return f.drop(gctx, name) })
	}
	if err := g.Wait(); err != nil {
		return err
	}
	return f.drop(ctx, names[last])
}

// drop deletes a note; one that is gone is fine.
func (f *Folder) drop(ctx context.Context, name string) error {
	if err := f.store.Delete(ctx, name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
