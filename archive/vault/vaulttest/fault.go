package vaulttest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"cvarchive/archive/vault"
)

// When says which calls a fault strikes.
type When struct {
	Prefix string // names that begin so; "": all
	Nth    int64  // only the nth of those calls, from 1; 0: each of them
}

// Fault is a store that misbehaves, and counts how often it did.
type Fault interface {
	vault.Store
	// Hits returns how often the fault struck.
	Hits() int64
}

// MustHit makes the test fail at its end for every fault that never struck.
func MustHit(t testing.TB, faults ...Fault) {
	t.Helper()
	t.Cleanup(func() {
		for _, f := range faults {
			if f.Hits() == 0 {
				t.Errorf("the fault %T was never hit", f)
			}
		}
	})
}

// trigger counts calls and decides which ones are struck.
type trigger struct {
	when  When
	calls atomic.Int64
	hits  atomic.Int64
}

// Hits implements [Fault].
func (t *trigger) Hits() int64 { return t.hits.Load() }

func (t *trigger) strike(name string) bool {
	if !strings.HasPrefix(name, t.when.Prefix) {
		return false
	}
	if n := t.calls.Add(1); t.when.Nth != 0 && n != t.when.Nth {
		return false
	}
	t.hits.Add(1)
	return true
}

type failCreate struct {
	vault.Store
	trigger
	err error
}

// FailCreate makes Create fail with an error, after it has read half of the
// body, and store nothing.
func FailCreate(s vault.Store, when When, err error) Fault {
	return &failCreate{Store: s, trigger: trigger{when: when}, err: err}
}

// NoSpace makes Create fail as on a full disk.
func NoSpace(s vault.Store, when When) Fault { return FailCreate(s, when, syscall.ENOSPC) }

func (f *failCreate) Create(ctx context.Context, name string, body io.ReadSeeker) error {
	if !f.strike(name) {
		return f.Store.Create(ctx, name, body)
	}
	size, err := body.Seek(0, io.SeekEnd)
	if err == nil {
		_, err = body.Seek(0, io.SeekStart)
	}
	if err == nil {
		_, err = io.CopyN(io.Discard, body, size/2)
	}
	return errors.Join(fmt.Errorf("store %s: %w", name, f.err), err)
}

type gate struct {
	vault.Store
	trigger
	pass func(ctx context.Context, name string) error
}

// Gate calls pass before each Create and Open that it strikes, and fails them
// with its error: to make a store slow, to hold it at a moment, to cancel it
// there.
func Gate(s vault.Store, when When, pass func(ctx context.Context, name string) error) Fault {
	return &gate{Store: s, trigger: trigger{when: when}, pass: pass}
}

func (g *gate) Create(ctx context.Context, name string, body io.ReadSeeker) error {
	if g.strike(name) {
		if err := g.pass(ctx, name); err != nil {
			return err
		}
	}
	return g.Store.Create(ctx, name, body)
}

func (g *gate) Open(ctx context.Context, name string, offset, length int64) (io.ReadCloser, error) {
	if g.strike(name) {
		if err := g.pass(ctx, name); err != nil {
			return nil, err
		}
	}
	return g.Store.Open(ctx, name, offset, length)
}

type damage struct {
	vault.Store
	trigger
	change func(r io.Reader, offset int64) io.Reader
}

// FlipByte inverts the byte at a position of what is stored, whichever range
// is read.
func FlipByte(s vault.Store, when When, at int64) Fault {
	return &damage{Store: s, trigger: trigger{when: when}, change: func(r io.Reader, offset int64) io.Reader {
		return readerFunc(func(p []byte) (int, error) {
			n, err := r.Read(p)
			if i := at - offset; i >= 0 && i < int64(n) {
				p[i] ^= 0xff
			}
			offset += int64(n)
			return n, err
		})
	}}
}

// Truncate ends what is stored after keep bytes: reads come to an early end
// without an error. Stat and List still tell the whole size.
func Truncate(s vault.Store, when When, keep int64) Fault {
	return &damage{Store: s, trigger: trigger{when: when}, change: func(r io.Reader, offset int64) io.Reader {
		return io.LimitReader(r, max(keep-offset, 0))
	}}
}

func (d *damage) Open(ctx context.Context, name string, offset, length int64) (io.ReadCloser, error) {
	r, err := d.Store.Open(ctx, name, offset, length)
	if err != nil || !d.strike(name) {
		return r, err
	}
	return readCloser{d.change(r, offset), r}, nil
}

type vanish struct {
	vault.Store
	trigger
}

// Vanish makes Open and Stat find nothing, though List still names it.
func Vanish(s vault.Store, when When) Fault {
	return &vanish{Store: s, trigger: trigger{when: when}}
}

func (v *vanish) Open(ctx context.Context, name string, offset, length int64) (io.ReadCloser, error) {
	if v.strike(name) {
		return nil, fmt.Errorf("read %s: %w", name, fs.ErrNotExist)
	}
	return v.Store.Open(ctx, name, offset, length)
}

func (v *vanish) Stat(ctx context.Context, name string) (vault.Info, error) {
	if v.strike(name) {
		return vault.Info{}, fmt.Errorf("look for %s: %w", name, fs.ErrNotExist)
	}
	return v.Store.Stat(ctx, name)
}
