package main

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// syncTree makes all that was written to a folder's file system durable.
func syncTree(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(unix.Syncfs(int(f.Fd())), f.Close())
}
