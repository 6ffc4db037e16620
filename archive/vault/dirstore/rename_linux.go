package dirstore

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// renameNew renames within one folder and refuses to replace.
func renameNew(dir *os.Root, from, to string) error {
	return inDir(dir, from, to, func(dir int, from, to string) error {
		err := unix.Renameat2(dir, from, dir, to, unix.RENAME_NOREPLACE)
		if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOSYS) {
			return errors.Join(errors.ErrUnsupported, err)
		}
		return err
	})
}
