//go:build !linux

package dirstore

import "os"

// syncAll is not possible here.
func syncAll(*os.Root) (bool, error) { return false, nil }

// mayBeRemoved cannot tell here.
func mayBeRemoved(*os.Root) bool { return true }
