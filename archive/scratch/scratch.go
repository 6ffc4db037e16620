// Package scratch has temporary files that leave nothing behind, shared by
// whoever holds more than fits into memory.
package scratch

import (
	"errors"
	"os"
)

// File is a temporary file. It has no name where the system allows that, so
// that nothing remains after a crash. Close must be called all the same.
type File struct {
	*os.File
	path string // to remove on close; empty: removed already
}

// Create makes a file in dir, or in the system's folder for such if that is
// empty; the pattern is that of [os.CreateTemp].
func Create(dir, pattern string) (*File, error) {
	f, err := os.CreateTemp(dir, pattern)
	if err != nil {
		return nil, err
	}
	if os.Remove(f.Name()) != nil {
		return &File{f, f.Name()}, nil // Windows does not remove an open file
	}
	return &File{File: f}, nil
}

// Close drops the file.
func (f *File) Close() error {
	err := f.File.Close()
	if f.path != "" {
		err = errors.Join(err, os.Remove(f.path))
	}
	return err
}
