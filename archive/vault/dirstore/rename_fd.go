//go:build linux || darwin

package dirstore

import "os"

// inDir calls rename with the descriptor of an open folder.
func inDir(dir *os.File, from, to string, rename func(dir int, from, to string) error) error {
	if err := rename(int(dir.Fd()), from, to); err != nil {
		return &os.LinkError{Op: "rename", Old: from, New: to, Err: err}
	}
	return nil
}
