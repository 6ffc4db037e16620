package dirstore

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// publisher gives temporary files of one folder their names.
type publisher struct {
	dir *os.Root
	at  *os.File // the same, as a rename needs it
}

func newPublisher(dir *os.Root) (*publisher, error) {
	at, err := dir.Open(".")
	return &publisher{dir, at}, err
}

func (p *publisher) close() error { return p.at.Close() }

// publish gives a temporary file its name, in its folder, unless that is
// taken. It reports whether the temporary name is gone with it. The rename that
// refuses to replace is one step and a link two, but fewer systems have it.
func (p *publisher) publish(temp, name string) (renamed bool, err error) {
	err = renameNew(p.at, temp, name)
	if err == nil || errors.Is(err, fs.ErrExist) || !errors.Is(err, errors.ErrUnsupported) {
		return err == nil, err
	}
	err = p.dir.Link(temp, name)
	if err == nil || errors.Is(err, fs.ErrExist) || !linkUnsupported(err) {
		return false, err
	}
	return false, fmt.Errorf("the file system has neither hard links nor a rename that refuses to replace; keep the vault on another one: %w", err)
}

// publish does so with one file.
func publish(dir *os.Root, temp, name string) (renamed bool, err error) {
	p, err := newPublisher(dir)
	if err != nil {
		return false, err
	}
	renamed, err = p.publish(temp, name)
	return renamed, errors.Join(err, p.close())
}
