package dirstore

import (
	"errors"

	"golang.org/x/sys/unix"
)

func renameNew(dir int, from, to string) error {
	return unix.RenameatxNp(dir, from, dir, to, unix.RENAME_EXCL)
}

// fsync has the disk write what it was given, too, if it can.
func fsync(fd int) error {
	_, err := unix.FcntlInt(uintptr(fd), unix.F_FULLFSYNC, 0)
	if errors.Is(err, unix.ENOTSUP) {
		err = unix.Fsync(fd)
	}
	return err
}
