package dirstore

import (
	"errors"
	"os"
	"syscall"
)

// Error numbers of Windows that package syscall does not name.
const (
	errorInvalidFunction = syscall.Errno(1)
	errorHandleDiskFull  = syscall.Errno(39)
	errorNotSupported    = syscall.Errno(50)
	errorDiskFull        = syscall.Errno(112)
	errorDirectory       = syscall.Errno(267)
)

// syncDir has nothing to do: NTFS journals names, and a folder cannot be
// flushed.
func syncDir(*os.Root, string) error { return nil }

// isFull reports whether the disk is used up.
func isFull(err error) bool {
	return errors.Is(err, errorDiskFull) || errors.Is(err, errorHandleDiskFull)
}

func isNotDir(err error) bool {
	return errors.Is(err, syscall.ENOTDIR) || errors.Is(err, errorDirectory)
}

// linkUnsupported reports whether the file system has no hard links.
func linkUnsupported(err error) bool {
	return errors.Is(err, errors.ErrUnsupported) || errors.Is(err, errorInvalidFunction) || errors.Is(err, errorNotSupported)
}
