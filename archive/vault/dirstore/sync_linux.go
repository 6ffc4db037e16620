package dirstore

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// syncAll makes all that was written to the store's file system durable, which
// for many files takes a fraction of syncing each. It reports false where the
// system cannot. That writing failed is told since Linux 5.8.
func syncAll(root *os.Root) (bool, error) {
	d, err := root.Open(".")
	if err != nil {
		return false, err
	}
	err = unix.Syncfs(int(d.Fd()))
	if errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EOPNOTSUPP) {
		return false, d.Close()
	}
	return err == nil, errors.Join(err, d.Close())
}

// mayBeRemoved reports whether an open folder is none that has a name.
func mayBeRemoved(dir *folder) bool {
	fd, err := dir.hold()
	if err != nil {
		return true
	}
	defer dir.release()
	var is unix.Stat_t
	return unix.Fstat(fd, &is) != nil || is.Nlink == 0
}
