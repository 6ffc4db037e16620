//go:build !linux && !darwin

package dirstore

import (
	"errors"
	"os"
)

// renameNew is not possible here: the system's rename replaces.
func renameNew(*os.Root, string, string) error { return errors.ErrUnsupported }
