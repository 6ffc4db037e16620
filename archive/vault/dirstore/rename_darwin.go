package dirstore

import (
	"os"

	"golang.org/x/sys/unix"
)

// renameNew renames within one folder and refuses to replace.
func renameNew(dir *os.Root, from, to string) error {
	return inDir(dir, from, to, func(dir int, from, to string) error {
		return unix.RenameatxNp(dir, from, dir, to, unix.RENAME_EXCL)
	})
}
