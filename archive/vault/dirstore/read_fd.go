//go:build linux || darwin

package dirstore

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// readFolders are folders that files are read from. An [os.Root] opens a file
// with ten system calls, most of them to find out whether it can be waited for;
// a regular file takes three.
type readFolders struct {
	mu   sync.Mutex
	open map[string]readFolder
}

// readFolder is a folder and what it was opened in, which is replaced when the
// folder was.
type readFolder struct {
	root *os.Root
	dir  *os.File
}

// file opens a regular file by its base name in a folder, without following a
// link. Whatever else has the name is [fs.ErrNotExist].
func (r *readFolders) file(name string, root *os.Root, base string) (content, error) {
	dir, err := r.folder(name, root)
	if err != nil {
		return nil, err
	}
	conn, err := dir.SyscallConn()
	if err != nil {
		return nil, err
	}
	f := &rawFile{name: base, fd: -1}
	// The folder is not closed meanwhile.
	if closed := conn.Control(func(dir uintptr) { err = f.open(int(dir)) }); closed != nil {
		return nil, closed
	}
	if err != nil {
		return nil, err
	}
	return f, nil
}

func (r *readFolders) folder(name string, root *os.Root) (*os.File, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	at := r.open[name]
	if at.root == root {
		return at.dir, nil
	}
	dir, err := root.Open(".")
	if err != nil {
		return nil, err
	}
	if r.open == nil {
		r.open = map[string]readFolder{}
	}
	if at.root != nil || len(r.open) < maxFolders {
		// As in [Store.folder], what is dropped may be in use.
		r.open[name] = readFolder{root, dir}
	}
	return dir, nil
}

func (r *readFolders) close() (err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, at := range r.open {
		err = errors.Join(err, at.dir.Close())
	}
	r.open = nil
	return err
}

// rawFile reads with system calls that the runtime does not know of; none of
// them waits for anybody but the file system.
type rawFile struct {
	name string
	size int64

	mu sync.RWMutex // held while reading, so that Close cannot give the number away
	fd int          // -1: closed
}

func (f *rawFile) open(dir int) error {
	// Opening a pipe does not wait for its other end.
	const flags = unix.O_RDONLY | unix.O_CLOEXEC | unix.O_NOFOLLOW | unix.O_NONBLOCK | unix.O_NOCTTY
	fd, err := retried(func() (int, error) { return unix.Openat(dir, f.name, flags, 0) })
	if errors.Is(err, unix.ELOOP) || errors.Is(err, unix.ENXIO) || errors.Is(err, unix.EOPNOTSUPP) { // a link, a socket
		return fs.ErrNotExist
	}
	if err != nil {
		return &fs.PathError{Op: "open", Path: f.name, Err: err}
	}
	var is unix.Stat_t
	if err := unix.Fstat(fd, &is); err != nil {
		return errors.Join(&fs.PathError{Op: "stat", Path: f.name, Err: err}, unix.Close(fd))
	}
	if is.Mode&unix.S_IFMT != unix.S_IFREG {
		return errors.Join(fs.ErrNotExist, unix.Close(fd))
	}
	f.fd, f.size = fd, is.Size
	return nil
}

// ReadAt implements content.
func (f *rawFile) ReadAt(p []byte, offset int64) (int, error) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	if f.fd < 0 {
		return 0, &fs.PathError{Op: "read", Path: f.name, Err: os.ErrClosed}
	}
	if offset >= f.size { // without asking
		return 0, io.EOF
	}
	n, err := retried(func() (int, error) { return unix.Pread(f.fd, p, offset) })
	switch {
	case err != nil:
		return 0, &fs.PathError{Op: "read", Path: f.name, Err: err}
	case n == 0 && len(p) > 0:
		return 0, io.EOF
	}
	return n, nil
}

func (f *rawFile) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.fd < 0 {
		return &fs.PathError{Op: "close", Path: f.name, Err: os.ErrClosed}
	}
	fd := f.fd
	f.fd = -1
	return unix.Close(fd)
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
