//go:build !linux

package dirstore

import "os"

// syncAll is not possible here.
func syncAll(*os.Root) (bool, error) { return false, nil }

// mayBeRemoved cannot tell here.
func mayBeRemoved(*folder) bool { return true }
