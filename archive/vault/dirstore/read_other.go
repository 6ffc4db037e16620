//go:build !linux && !darwin

package dirstore

import (
	"io/fs"
	"os"
)

// readFolders are folders that files are read from; here there is nothing to
// keep of them.
type readFolders struct{}

// file opens a regular file by its base name in a folder. Whatever else has the
// name is [fs.ErrNotExist].
func (*readFolders) file(_ string, root *os.Root, base string) (content, error) {
	info, err := root.Lstat(base)
	if err == nil && !info.Mode().IsRegular() {
		err = fs.ErrNotExist
	}
	if err != nil {
		return nil, err
	}
	return root.Open(base)
}

func (*readFolders) close() error { return nil }
