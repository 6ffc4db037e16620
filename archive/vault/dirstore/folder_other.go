//go:build !linux && !darwin

package dirstore

import (
	"errors"
	"io/fs"
	"os"
)

// handle is nothing here.
type handle struct{}

func (handle) close() error { return nil }

// stat looks at a regular file by its base name. Whatever else has the name is
// [fs.ErrNotExist].
func (f *folder) stat(base string) (fileInfo, error) {
	info, err := f.Lstat(base)
	if err == nil && !info.Mode().IsRegular() {
		err = fs.ErrNotExist
	}
	if err != nil {
		return fileInfo{}, err
	}
	return fileInfo{base, info.Size(), info.ModTime()}, nil
}

// read opens a regular file by its base name. Whatever else has the name is
// [fs.ErrNotExist].
func (f *folder) read(base string) (content, error) {
	if _, err := f.stat(base); err != nil {
		return nil, err
	}
	return f.Open(base)
}

// create makes a file of a base name that is not there.
func (f *folder) create(base string) (newFile, error) {
	return f.OpenFile(base, os.O_WRONLY|os.O_CREATE|os.O_EXCL, fileMode)
}

// renameNew is not possible here: the system's rename replaces.
func (f *folder) renameNew(_, _ string) error { return errors.ErrUnsupported }
