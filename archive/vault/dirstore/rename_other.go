//go:build !linux && !darwin

package dirstore

import (
	"errors"
	"os"
)

// renameNew is not possible here: the system's rename replaces.
func renameNew(*os.File, string, string) error { return errors.ErrUnsupported }
