//go:build linux || darwin

package dirstore

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// rawFile reads with system calls that the runtime does not know of; none of
// them waits for anybody but the file system.
type rawFile struct {
	name string
	size int64

	mu sync.RWMutex // held while reading, so that Close cannot give the number away
	fd int          // -1: closed
}

func openRaw(dir int, name string) (content, error) {
	// Opening a pipe does not wait for its other end.
	const flags = unix.O_RDONLY | unix.O_CLOEXEC | unix.O_NOFOLLOW | unix.O_NONBLOCK | unix.O_NOCTTY
	fd, err := retried(func() (int, error) { return unix.Openat(dir, name, flags, 0) })
	if errors.Is(err, unix.ELOOP) || errors.Is(err, unix.ENXIO) || errors.Is(err, unix.EOPNOTSUPP) { // a link, a socket
		return nil, fs.ErrNotExist
	}
	if err != nil {
		return nil, failed("open", name, err)
	}
	var is unix.Stat_t
	if err := unix.Fstat(fd, &is); err != nil {
		return nil, errors.Join(failed("stat", name, err), unix.Close(fd))
	}
	if is.Mode&unix.S_IFMT != unix.S_IFREG {
		return nil, errors.Join(fs.ErrNotExist, unix.Close(fd))
	}
	return &rawFile{name: name, size: is.Size, fd: fd}, nil
}

// ReadAt implements content.
func (f *rawFile) ReadAt(p []byte, offset int64) (int, error) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	if f.fd < 0 {
		return 0, failed("read", f.name, os.ErrClosed)
	}
	if offset >= f.size { // without asking
		return 0, io.EOF
	}
	n, err := retried(func() (int, error) { return unix.Pread(f.fd, p, offset) })
	switch {
	case err != nil:
		return 0, failed("read", f.name, err)
	case n == 0 && len(p) > 0:
		return 0, io.EOF
	}
	return n, nil
}

// Close implements content.
func (f *rawFile) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return closeRaw(&f.fd, f.name)
}

// rawWriter writes as rawFile reads. It is used by one goroutine.
type rawWriter struct {
	name string
	fd   int // -1: closed
}

func createRaw(dir int, name string) (newFile, error) {
	const flags = unix.O_WRONLY | unix.O_CREAT | unix.O_EXCL | unix.O_CLOEXEC | unix.O_NOFOLLOW
	fd, err := retried(func() (int, error) { return unix.Openat(dir, name, flags, fileMode) })
	if err != nil {
		return nil, failed("openat", name, err)
	}
	return &rawWriter{name, fd}, nil
}

// maxRawWrite is how many bytes are written at once: macOS takes less than 2 GiB.
const maxRawWrite = 1 << 30

// Write implements newFile.
func (w *rawWriter) Write(p []byte) (written int, err error) {
	if w.fd < 0 {
		return 0, failed("write", w.name, os.ErrClosed)
	}
	for len(p) > 0 {
		n, err := retried(func() (int, error) { return unix.Write(w.fd, p[:min(len(p), maxRawWrite)]) })
		if err == nil && n == 0 {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return written, failed("write", w.name, err)
		}
		written, p = written+n, p[n:]
	}
	return written, nil
}

// Sync implements newFile.
func (w *rawWriter) Sync() error {
	if w.fd < 0 {
		return failed("sync", w.name, os.ErrClosed)
	}
	_, err := retried(func() (int, error) { return 0, fsync(w.fd) })
	return failed("sync", w.name, err)
}

// Close implements newFile.
func (w *rawWriter) Close() error { return closeRaw(&w.fd, w.name) }

// closeRaw closes a descriptor and forgets it.
func closeRaw(fd *int, name string) error {
	if *fd < 0 {
		return failed("close", name, os.ErrClosed)
	}
	open := *fd
	*fd = -1
	return failed("close", name, unix.Close(open))
}
