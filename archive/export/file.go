package export

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"cvarchive/manifest"
)

// errOther is a file that is in the way.
var errOther = errors.New("another file is there, and is not replaced; move it away, or give another folder")

// sameFile reports whether a file is there with the bytes of an object. Any
// other file is an error.
func sameFile(ctx context.Context, root *os.Root, name string, o manifest.Object) (bool, error) {
	info, err := root.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("look for the file: %w", cause(err))
	}
	if !info.Mode().IsRegular() || info.Size() != o.Size {
		return false, errOther
	}
	f, err := root.Open(name)
	if err != nil {
		return false, fmt.Errorf("read the file that is there: %w", cause(err))
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, &reader{ctx, f}); err != nil {
		return false, fmt.Errorf("read the file that is there: %w", cause(err))
	}
	if manifest.Digest(h.Sum(nil)) != o.SHA256 {
		return false, errOther
	}
	return true, nil
}

// create writes a file for its owner only, as a whole or not at all. A name
// that is taken meanwhile is left alone.
func create(root *os.Root, name string, body io.Reader) (err error) {
	dir := filepath.Dir(name)
	if err := root.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make the folder %s: %w", dir, cause(err))
	}
	temp := filepath.Join(dir, ".cvarchive-"+rand.Text())
	f, err := root.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("write the file: %w", cause(err))
	}
	defer func() {
		if rerr := root.Remove(temp); rerr != nil && !errors.Is(rerr, fs.ErrNotExist) {
			err = errors.Join(err, fmt.Errorf("remove a temporary file: %w", rerr))
		}
	}()
	if _, err = io.Copy(f, body); err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("write the file: %w", cause(err))
	}
	switch err := root.Link(temp, name); {
	case err == nil:
		return nil
	case errors.Is(err, fs.ErrExist):
		return errOther
	}
	// Not every file system has links; a rename replaces what is there.
	if _, err := root.Lstat(name); !errors.Is(err, fs.ErrNotExist) {
		return errOther
	}
	if err := root.Rename(temp, name); err != nil {
		return fmt.Errorf("name the file: %w", cause(err))
	}
	return nil
}

// reader ends with its context.
type reader struct {
	ctx context.Context
	r   io.Reader
}

func (r *reader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.r.Read(p)
}

// cause is an error of the system without path and operation, which its text
// names already.
func cause(err error) error {
	if pe, ok := errors.AsType[*fs.PathError](err); ok {
		return pe.Err
	}
	if le, ok := errors.AsType[*os.LinkError](err); ok {
		return le.Err
	}
	return err
}
