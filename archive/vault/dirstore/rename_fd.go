//go:build linux || darwin

package dirstore

import (
	"errors"
	"os"
)

// inDir calls rename with a folder, opened.
func inDir(dir *os.Root, from, to string, rename func(dir int, from, to string) error) error {
	d, err := dir.Open(".")
	if err != nil {
		return err
	}
	if err = rename(int(d.Fd()), from, to); err != nil {
		err = &os.LinkError{Op: "rename", Old: from, New: to, Err: err}
	}
	return errors.Join(err, d.Close())
}
