package dirstore

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// folder is a folder that is open. What is done often in it goes through its
// descriptor, where the system has such a thing: see handle.
type folder struct {
	*os.Root
	handle handle
}

// fileInfo is what is known of a regular file.
type fileInfo struct {
	base     string // its name in its folder
	size     int64
	modified time.Time
}

// content is a regular file that is open for reading.
type content interface {
	// ReadAt may read less than there is; at the end it is [io.EOF].
	ReadAt(p []byte, offset int64) (int, error)
	io.Closer
}

// newFile is a file that was created.
type newFile interface {
	io.WriteCloser
	Sync() error
}

// Close implements [io.Closer].
func (f *folder) Close() error { return errors.Join(f.handle.close(), f.Root.Close()) }

// below opens a folder in this one. It fails with [fs.ErrNotExist] for one
// that is missing.
func (f *folder) below(dir string) (*folder, error) {
	at, err := f.OpenRoot(filepath.FromSlash(dir))
	if err == nil {
		return &folder{Root: at}, nil
	}
	if info, other := f.Stat(filepath.FromSlash(dir)); other == nil && !info.IsDir() {
		err = &fs.PathError{Op: "open", Path: dir, Err: syscall.ENOTDIR} // it has an error of its own for that
	}
	return nil, err
}
