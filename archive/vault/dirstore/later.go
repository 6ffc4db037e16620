package dirstore

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"iter"
	"maps"
	"os"
	"path"

	"golang.org/x/sync/errgroup"

	"cvarchive/archive/vault"
)

var _ vault.Batcher = (*Store)(nil)

const (
	// maxLater and maxLaterBytes bound what waits for a Flush: CreateLater
	// flushes by itself then.
	maxLater      = 2048
	maxLaterBytes = 256 << 20
	// syncAllFrom is the number of files from which the whole file system is
	// synced once instead of each of them.
	syncAllFrom = 16
	// syncsAtOnce files are synced, where it is done one by one.
	syncsAtOnce = 8
)

// waiting is a file that has its content and not yet its name.
type waiting struct {
	temp string // its base name, in the folder of the name
	size int64
}

// CreateLater implements [vault.Batcher]. The file stays a temporary one until
// Flush: a name is never given before the content is durable.
func (s *Store) CreateLater(ctx context.Context, name string, body io.ReadSeeker) error {
	full, err := s.createLater(ctx, name, body)
	if err != nil {
		return s.explain("store", name, err)
	}
	if full {
		return s.Flush(ctx)
	}
	return nil
}

func (s *Store) createLater(ctx context.Context, name string, body io.ReadSeeker) (full bool, err error) {
	if err := s.isFree(ctx, name); err != nil {
		return false, err // without reading the body
	}
	dir := path.Dir(name)
	f, err := s.createTemp(dir, false)
	if err != nil {
		return false, err
	}
	size, err := fill(ctx, f.newFile, body)
	if err = errors.Join(err, f.Close()); err == nil {
		full, err = s.wait(name, waiting{f.temp, size})
	}
	if err != nil {
		err = errors.Join(err, f.dir.Remove(f.temp))
		s.removeEmpty(dir)
	}
	return full, err
}

// wait takes a file among those that wait, unless one of that name is there. It
// reports whether they are as many as may wait.
func (s *Store) wait(name string, w waiting) (full bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, taken := s.later[name]; taken {
		return false, fs.ErrExist
	}
	s.later[name] = w
	s.laterBytes += w.size
	return len(s.later) >= maxLater || s.laterBytes >= maxLaterBytes, nil
}

// Flush implements [vault.Batcher]: contents first, then names, then what
// holds the names.
func (s *Store) Flush(ctx context.Context) error {
	s.flushing.Lock()
	defer s.flushing.Unlock()
	s.mu.Lock()
	batch := maps.Clone(s.later)
	s.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	if len(batch) == 0 && len(s.renamed) == 0 {
		return nil
	}
	if err := s.flush(batch); err != nil {
		return s.explain("store", "objects", err)
	}
	return nil
}

func (s *Store) flush(batch map[string]waiting) error {
	root, err := s.open()
	if err != nil {
		return err
	}
	made := s.madeFolders()
	whole := len(batch) >= syncAllFrom
	if whole {
		if whole, err = s.syncAll(root.Root); err != nil {
			return err
		}
	}
	if !whole {
		if err := syncEach(maps.Keys(batch), func(name string) error { return s.syncFile(name, batch[name].temp) }); err != nil {
			return err
		}
	}
	for name, w := range batch {
		if err := s.giveName(name, w); err != nil {
			return err
		}
	}
	if whole {
		_, err = s.syncAll(root.Root)
	} else {
		for dir := range made {
			s.renamed[path.Dir(dir)] = true
		}
		err = syncEach(maps.Keys(s.renamed), func(dir string) error { return syncNames(root, dir) })
	}
	if err == nil {
		clear(s.renamed)
		s.areDurable(made)
	}
	return err
}

// madeFolders are those whose names a flush is to make durable.
func (s *Store) madeFolders() map[string]*named {
	s.mu.Lock()
	defer s.mu.Unlock()
	made := maps.Clone(s.dirs)
	maps.DeleteFunc(made, func(_ string, n *named) bool { return n.durable })
	return made
}

// areDurable notes that the names of folders are durable. One that was removed
// and made again meanwhile is another.
func (s *Store) areDurable(made map[string]*named) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, n := range made {
		n.durable = true
	}
}

// giveName publishes one file that waits. Whoever was faster has the name.
func (s *Store) giveName(name string, w waiting) error {
	dir, err := s.folder(path.Dir(name))
	if err != nil {
		return err
	}
	s.renamed[path.Dir(name)] = true
	renamed, err := publish(dir, w.temp, path.Base(name))
	if errors.Is(err, fs.ErrExist) {
		err = nil
	}
	if err == nil && !renamed {
		err = dir.Remove(w.temp)
	}
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.later, name)
	s.laterBytes -= w.size
	return nil
}

// base is what the file of a name is called in its folder now.
func (s *Store) base(name string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if w, waits := s.later[name]; waits {
		return w.temp
	}
	return path.Base(name)
}

// named returns the folder of a file that is there and has its name.
func (s *Store) named(ctx context.Context, name string) (*folder, error) {
	if s.base(name) != path.Base(name) {
		if err := s.Flush(ctx); err != nil {
			return nil, err
		}
	}
	dir, _, err := s.stat(ctx, name)
	return dir, err
}

// syncNames makes the names in a folder durable, if there is one: a deletion
// elsewhere may have removed it.
func syncNames(root *folder, dir string) error {
	err := syncDir(root.Root, dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

func (s *Store) syncFile(name, temp string) error {
	dir, err := s.folder(path.Dir(name))
	if err != nil {
		return err
	}
	// Some systems sync only what is open for writing.
	f, err := dir.OpenFile(temp, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

func syncEach(names iter.Seq[string], sync func(string) error) error {
	var g errgroup.Group
	g.SetLimit(syncsAtOnce)
	for name := range names {
		g.Go(func() error { return sync(name) })
	}
	return g.Wait()
}

// folder returns a folder as a root of its own, so that what is done in it
// need not walk there. It fails with [fs.ErrNotExist] for one that is missing.
func (s *Store) folder(dir string) (*folder, error) {
	s.mu.Lock()
	at := s.folders[dir]
	s.mu.Unlock()
	if at != nil {
		return at, nil
	}
	root, err := s.open()
	if err != nil || dir == "." {
		return root, err
	}
	if at, err = root.below(dir); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.folders) < maxFolders {
		// Somebody may be using one that is dropped again; the garbage
		// collector closes it.
		s.folders[dir] = at
	}
	return at, nil
}

// reopen has a folder opened again that was removed since it was opened, and
// maybe made again. It reports whether that is so.
func (s *Store) reopen(dir string) bool {
	s.mu.Lock()
	at := s.folders[dir]
	s.mu.Unlock()
	if at == nil || !mayBeRemoved(at) {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.folders[dir] == at {
		delete(s.folders, dir)
	}
	return true
}

// maxFolders bounds the folders that are kept open: those of all objects,
// and some more.
const maxFolders = 320

// tempFile is a temporary file and where it is.
type tempFile struct {
	newFile
	dir  *folder
	temp string
}

// fill writes a body to a file. It ends with its context.
func fill(ctx context.Context, f io.Writer, body io.ReadSeeker) (int64, error) {
	if _, err := body.Seek(0, io.SeekStart); err != nil {
		return 0, err
	}
	return io.Copy(&contextWriter{ctx, f}, body)
}

// contextWriter ends with its context.
type contextWriter struct {
	ctx context.Context
	f   io.Writer
}

func (w *contextWriter) Write(p []byte) (int, error) {
	if err := w.ctx.Err(); err != nil {
		return 0, err
	}
	return w.f.Write(p)
}
