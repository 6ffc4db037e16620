package dirstore

import (
	"errors"

	"golang.org/x/sys/unix"
)

func renameNew(dir int, from, to string) error {
	err := unix.Renameat2(dir, from, dir, to, unix.RENAME_NOREPLACE)
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOSYS) {
		return errors.Join(errors.ErrUnsupported, err)
	}
	return err
}

func fsync(fd int) error { return unix.Fsync(fd) }
