package main

import (
	"os"
	"syscall"
)

// canMount reports whether this process may mount a file system.
func canMount() bool {
	dir, err := os.MkdirTemp("", "cvarchive-mount")
	if err != nil {
		return false
	}
	defer os.Remove(dir)
	if mountSmall(dir, "64") != nil {
		return false
	}
	return unmount(dir) == nil
}

func mountSmall(dir, kib string) error {
	return syscall.Mount("cvarchive-test", dir, "tmpfs", 0, "size="+kib+"k,mode=0755")
}

func unmount(dir string) error { return syscall.Unmount(dir, syscall.MNT_DETACH) }
