package storecheck

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"time"

	"cvarchive/archive/vault"
)

// Check is one clause of the contract.
type Check struct {
	Name string // a few words, such as "ranges"
	// Run tries the clause with names that begin with prefix, which ends in
	// a slash and under which nothing is stored.
	Run func(ctx context.Context, s vault.Store, prefix string) error
}

// Result is what a check found. Err is nil when the store keeps the clause.
type Result struct {
	Check string
	Took  time.Duration
	Err   error
}

// Checks returns every clause, cheap ones first.
func Checks() []Check {
	return []Check{
		{"missing names", missing},
		{"create and read", createAndRead},
		{"ranges", ranges},
		{"taken names", taken},
		{"listing", listing},
		{"difficult names", difficultNames},
		{"refused names", refusedNames},
		{"delete", remove},
		{"touch", touch},
		{"failing bodies", failingBodies},
		{"cancelled calls", cancelled},
		{"one creator wins", oneCreatorWins},
		{"large bodies", largeBodies},
	}
}

// Run carries out the checks one after the other, each below a folder of its
// own under the prefix (which ends in a slash, such as "doctor-1b2c/"), and
// deletes what they created, also when the context ends meanwhile.
func Run(ctx context.Context, s vault.Store, prefix string) iter.Seq[Result] {
	return func(yield func(Result) bool) {
		for i, c := range Checks() {
			start := time.Now()
			scratch := fmt.Sprintf("%s%02d/", prefix, i)
			err := c.Run(ctx, s, scratch)
			err = errors.Join(err, Clean(context.WithoutCancel(ctx), s, scratch))
			if !yield(Result{Check: c.Name, Took: time.Since(start), Err: err}) {
				return
			}
		}
	}
}

// cleanTime bounds how long Clean may go on after the context ended.
const cleanTime = time.Minute

// Clean deletes everything under a prefix.
func Clean(ctx context.Context, s vault.Store, prefix string) error {
	ctx, cancel := context.WithTimeout(ctx, cleanTime)
	defer cancel()
	infos, err := list(ctx, s, prefix)
	for _, info := range infos {
		err = errors.Join(err, s.Delete(ctx, info.Name))
	}
	if err != nil {
		return fmt.Errorf("clean up %s: %w", prefix, err)
	}
	return nil
}

func list(ctx context.Context, s vault.Store, prefix string) ([]vault.Info, error) {
	var infos []vault.Info
	for info, err := range s.List(ctx, prefix) {
		if err != nil {
			return infos, err
		}
		infos = append(infos, info)
	}
	return infos, nil
}

func put(ctx context.Context, s vault.Store, name string, data []byte) error {
	if err := s.Create(ctx, name, bytes.NewReader(data)); err != nil {
		return fmt.Errorf("create %s: %w", name, err)
	}
	return nil
}

// want reads a range and compares.
func want(ctx context.Context, s vault.Store, name string, offset, length int64, data []byte) error {
	r, err := s.Open(ctx, name, offset, length)
	if err != nil {
		return fmt.Errorf("open %s from %d, length %d: %w", name, offset, length, err)
	}
	got, err := io.ReadAll(r)
	if err = errors.Join(err, r.Close()); err != nil {
		return fmt.Errorf("read %s from %d, length %d: %w", name, offset, length, err)
	}
	if !bytes.Equal(got, data) {
		return fmt.Errorf("read %s from %d, length %d: got %d bytes that are not the %d expected", name, offset, length, len(got), len(data))
	}
	return nil
}

// wantErr checks that an error is what callers decide by.
func wantErr(doing string, got, kind error) error {
	if !errors.Is(got, kind) {
		return fmt.Errorf("%s: the error is %q where %q is due", doing, fmt.Sprint(got), kind)
	}
	return nil
}
