//go:build linux || darwin

package dirstore

import (
	"errors"
	"io/fs"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// handle is the descriptor of a folder. An [os.Root] looks at each part of a
// name and asks what it opened whether it can be waited for: ten system calls
// to read a file, and eight to write one. Relative to a descriptor, a
// name that has no parts takes one to open, and no link is followed.
type handle struct {
	mu  sync.RWMutex // held while the number is used, so that close cannot give it away
	dir *os.File     // nil until it is needed
	fd  int
}

func (h *handle) close() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.dir == nil {
		return nil
	}
	defer func() { h.dir = nil }()
	return h.dir.Close()
}

// hold returns the descriptor of the folder. Unless that fails, release must
// follow.
func (f *folder) hold() (int, error) {
	h := &f.handle
	for {
		h.mu.RLock()
		if h.dir != nil {
			return h.fd, nil
		}
		h.mu.RUnlock()
		if err := f.openHandle(); err != nil {
			return -1, err
		}
	}
}

func (f *folder) release() { f.handle.mu.RUnlock() }

func (f *folder) openHandle() error {
	f.handle.mu.Lock()
	defer f.handle.mu.Unlock()
	if f.handle.dir != nil {
		return nil
	}
	dir, err := f.Open(".") // fails when the folder was closed
	if err != nil {
		return err
	}
	f.handle.dir, f.handle.fd = dir, int(dir.Fd())
	return nil
}

// stat looks at a regular file by its base name. Whatever else has the name is
// [fs.ErrNotExist].
func (f *folder) stat(base string) (fileInfo, error) {
	dir, err := f.hold()
	if err != nil {
		return fileInfo{}, err
	}
	defer f.release()
	var is unix.Stat_t
	_, err = retried(func() (int, error) { return 0, unix.Fstatat(dir, base, &is, unix.AT_SYMLINK_NOFOLLOW) })
	switch {
	case err == nil && is.Mode&unix.S_IFMT == unix.S_IFREG:
		return fileInfo{base, is.Size, time.Unix(is.Mtim.Unix())}, nil
	case err == nil || errors.Is(err, unix.ENOENT):
		return fileInfo{}, fs.ErrNotExist
	}
	return fileInfo{}, failed("lstatat", base, err)
}

// read opens a regular file by its base name. Whatever else has the name is
// [fs.ErrNotExist].
func (f *folder) read(base string) (content, error) {
	dir, err := f.hold()
	if err != nil {
		return nil, err
	}
	defer f.release()
	return openRaw(dir, base)
}

// create makes a file of a base name that is not there.
func (f *folder) create(base string) (newFile, error) {
	dir, err := f.hold()
	if err != nil {
		return nil, err
	}
	defer f.release()
	return createRaw(dir, base)
}

// renameNew renames within the folder and refuses to replace.
func (f *folder) renameNew(from, to string) error {
	dir, err := f.hold()
	if err != nil {
		return err
	}
	defer f.release()
	if err := renameNew(dir, from, to); err != nil {
		return &os.LinkError{Op: "rename", Old: from, New: to, Err: err}
	}
	return nil
}

func failed(operation, name string, err error) error {
	if err == nil {
		return nil
	}
	return &fs.PathError{Op: operation, Path: name, Err: err}
}

// retried repeats a system call that a signal interrupted.
func retried(call func() (int, error)) (int, error) {
	for {
		n, err := call()
		if !errors.Is(err, syscall.EINTR) {
			return n, err
		}
	}
}
