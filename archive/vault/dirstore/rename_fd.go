//go:build linux || darwin

package dirstore

import (
	"errors"
	"os"
	"path"
	"path/filepath"
)

// inDir calls rename with the folder that both names are in, opened beneath
// the root, and their last elements.
func inDir(root *os.Root, from, to string, rename func(dir int, from, to string) error) error {
	d, err := root.Open(filepath.FromSlash(path.Dir(to)))
	if err != nil {
		return err
	}
	if err = rename(int(d.Fd()), path.Base(from), path.Base(to)); err != nil {
		err = &os.LinkError{Op: "rename", Old: from, New: to, Err: err}
	}
	return errors.Join(err, d.Close())
}
