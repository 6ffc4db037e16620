//go:build !linux

package torture

import "errors"

func inNamespace() (status int, done bool) { return 0, false }

func mountDisk(string, int) error { return errors.ErrUnsupported }

func unmountDisk(string) error { return errors.ErrUnsupported }
