package dirstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path"
	"path/filepath"
	"sync"
	"time"

	"cvarchive/archive/vault"
	"cvarchive/manifest/store"
)

const (
	fileMode = 0o600
	dirMode  = 0o700
)

// Store is a folder as a [vault.Store].
type Store struct {
	path string           // absolute
	now  func() time.Time // tells how old a temporary file is

	syncAll func(*os.Root) (bool, error)

	mu   sync.Mutex
	root *folder           // nil until the folder exists
	dirs map[string]*named // folders that this store knows to be there

	folders    map[string]*folder // some folders, open
	later      map[string]waiting // by the names that they will have
	laterBytes int64

	flushing sync.Mutex      // held while files get their names; taken before mu
	renamed  map[string]bool // folders with names that are not durable yet; guarded by flushing
}

var _ vault.Store = (*Store)(nil)

// New returns the store in a folder. The folder need not exist yet: the first
// Create makes it, and until then nothing is in it.
func New(path string) (*Store, error) {
	if path == "" {
		return nil, errors.New("the folder of a vault has no name")
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("find the folder %s: %w", path, err)
	}
	if info, err := os.Stat(abs); err == nil && !info.IsDir() {
		return nil, fmt.Errorf("%s cannot hold a vault: it is a file, not a folder", abs)
	}
	return &Store{path: abs, now: time.Now, syncAll: syncAll, dirs: map[string]*named{}, folders: map[string]*folder{}, later: map[string]waiting{}, renamed: map[string]bool{}}, nil
}

// String returns the folder's absolute path.
func (s *Store) String() string { return s.path }

// Missing reports whether the folder is not there (yet).
func (s *Store) Missing() bool {
	_, err := os.Stat(s.path)
	return errors.Is(err, fs.ErrNotExist)
}

// Close gives what waits for a Flush its names and releases the folder.
func (s *Store) Close() error {
	err := s.Flush(context.Background())
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, dir := range s.folders {
		err = errors.Join(err, dir.Close())
	}
	if s.root != nil {
		err = errors.Join(err, s.root.Close())
	}
	s.root, s.dirs, s.folders = nil, map[string]*named{}, map[string]*folder{}
	return err
}

// open returns the folder, which may be missing ([fs.ErrNotExist]).
func (s *Store) open() (*folder, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.root != nil {
		return s.root, nil
	}
	root, err := os.OpenRoot(s.path)
	if err != nil {
		return nil, err
	}
	s.root = &folder{Root: root}
	return s.root, nil
}

// Open implements [vault.Store].
func (s *Store) Open(ctx context.Context, name string, offset, length int64) (io.ReadCloser, error) {
	f, err := s.openFile(ctx, name, offset)
	if err != nil {
		return nil, s.explain("read", name, err)
	}
	r := &reader{content: f, ctx: ctx, at: offset, end: math.MaxInt64}
	if length >= 0 && length < math.MaxInt64-offset {
		r.end = offset + length
	}
	return r, nil
}

func (s *Store) openFile(ctx context.Context, name string, offset int64) (content, error) {
	if offset < 0 {
		return nil, fmt.Errorf("negative offset %d", offset)
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := store.CheckName(name); err != nil {
		return nil, err
	}
	f, err := s.openHere(name)
	if errors.Is(err, fs.ErrNotExist) && s.reopen(path.Dir(name)) {
		f, err = s.openHere(name)
	}
	if isNotDir(err) {
		err = fs.ErrNotExist
	}
	return f, err
}

// openHere opens a name in its folder as that was opened.
func (s *Store) openHere(name string) (content, error) {
	dir, err := s.folder(path.Dir(name))
	if err != nil {
		return nil, err
	}
	base := s.base(name)
	f, err := dir.read(base)
	if errors.Is(err, fs.ErrNotExist) && base != path.Base(name) { // it got its name meanwhile
		f, err = dir.read(path.Base(name))
	}
	return f, err
}

// reader reads a part of a file, and ends with its context.
type reader struct {
	content
	ctx     context.Context
	at, end int64
}

func (r *reader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	if r.at >= r.end {
		return 0, io.EOF
	}
	n, err := r.ReadAt(p[:min(int64(len(p)), r.end-r.at)], r.at)
	r.at += int64(n)
	return n, err
}

// Stat implements [vault.Store].
func (s *Store) Stat(ctx context.Context, name string) (vault.Info, error) {
	_, info, err := s.stat(ctx, name)
	if err != nil {
		return vault.Info{}, s.explain("look for", name, err)
	}
	return vault.Info{Name: name, Size: info.size, Modified: info.modified.UTC()}, nil
}

// stat looks for a name, and returns its folder, and the file with the name
// that it has there now.
func (s *Store) stat(ctx context.Context, name string) (*folder, fileInfo, error) {
	if err := ctx.Err(); err != nil {
		return nil, fileInfo{}, err
	}
	if err := store.CheckName(name); err != nil {
		return nil, fileInfo{}, err
	}
	dir, info, err := s.lookUp(name)
	if errors.Is(err, fs.ErrNotExist) && s.reopen(path.Dir(name)) {
		dir, info, err = s.lookUp(name)
	}
	if isNotDir(err) {
		err = fs.ErrNotExist
	}
	return dir, info, err
}

func (s *Store) lookUp(name string) (*folder, fileInfo, error) {
	dir, err := s.folder(path.Dir(name))
	if err != nil {
		return nil, fileInfo{}, err
	}
	base := s.base(name)
	info, err := dir.stat(base)
	if errors.Is(err, fs.ErrNotExist) && base != path.Base(name) { // it got its name meanwhile
		info, err = dir.stat(path.Base(name))
	}
	return dir, info, err
}

// Delete implements [vault.Store]. Folders that become empty go too.
func (s *Store) Delete(ctx context.Context, name string) error {
	dir, err := s.named(ctx, name)
	if err == nil {
		err = dir.Remove(path.Base(name))
	}
	if err != nil {
		return s.explain("delete", name, err)
	}
	return s.cleanUp(name)
}

// removeEmpty removes a folder and those above it as far as they are empty,
// and returns the one that stays.
func (s *Store) removeEmpty(dir string) string {
	root, err := s.open()
	if err != nil {
		return dir
	}
	for ; dir != "."; dir = path.Dir(dir) {
		s.forget(dir)
		if root.Remove(filepath.FromSlash(dir)) != nil { // not empty
			break
		}
	}
	return dir
}

// explain wraps an error once, as a sentence about what was being done.
func (s *Store) explain(verb, name string, err error) error {
	switch {
	case errors.Is(err, store.ErrChanged):
		return fmt.Errorf("%s %s in %s: %w", verb, name, s.path, store.ErrChanged)
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%s %s in %s: it is not there: %w", verb, name, s.path, fs.ErrNotExist)
	case errors.Is(err, fs.ErrExist):
		return fmt.Errorf("%s %s in %s: the name is taken: %w", verb, name, s.path, fs.ErrExist)
	case isFull(err):
		return fmt.Errorf("%s %s in %s: %w; free some and run again: %w", verb, name, s.path, store.ErrFull, err)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%s %s in %s: this user may not; check the owner and mode of the folder: %w", verb, name, s.path, err)
	}
	return fmt.Errorf("%s %s in %s: %w", verb, name, s.path, err)
}
