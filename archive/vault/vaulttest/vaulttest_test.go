package vaulttest_test

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"iter"
	"strings"
	"syscall"
	"testing"

	"cvarchive/archive/vault"
	"cvarchive/archive/vault/storecheck"
	"cvarchive/archive/vault/vaulttest"
	"cvarchive/manifest/store"
)

func TestMemoryKeepsTheContract(t *testing.T) {
	s := vaulttest.Count(vaulttest.NewMemory())
	for r := range storecheck.Run(t.Context(), s, "check/") {
		if r.Err != nil {
			t.Errorf("%s: %v", r.Check, r.Err)
		}
	}
	for _, err := range s.List(t.Context(), "") {
		t.Fatalf("the checks left something: %v", err)
	}
}

// Every clause of the contract that a fault breaks must be noticed, or the
// checks prove nothing.
func TestChecksNoticeFaults(t *testing.T) {
	boom := errors.New("boom")
	for name, wrap := range map[string]func(vault.Store) vault.Store{
		"fail":     func(s vault.Store) vault.Store { return vaulttest.FailCreate(s, vaulttest.When{Nth: 5}, boom) },
		"flip":     func(s vault.Store) vault.Store { return vaulttest.FlipByte(s, vaulttest.When{}, 0) },
		"truncate": func(s vault.Store) vault.Store { return vaulttest.Truncate(s, vaulttest.When{}, 4<<20) },
		"vanish":   func(s vault.Store) vault.Store { return vaulttest.Vanish(s, vaulttest.When{Nth: 9}) },
		"replaces": func(s vault.Store) vault.Store { return replaces{s} },
		"unsorted": func(s vault.Store) vault.Store { return reversed{s} },
		"partial":  func(s vault.Store) vault.Store { return partial{s.(*vaulttest.Memory)} },
	} {
		t.Run(name, func(t *testing.T) {
			failed := 0
			s := wrap(vaulttest.NewMemory())
			if f, ok := s.(vaulttest.Fault); ok {
				vaulttest.MustHit(t, f)
			}
			for r := range storecheck.Run(t.Context(), s, "check/") {
				if r.Err != nil {
					failed++
				}
			}
			if failed == 0 {
				t.Error("no check failed")
			}
		})
	}
}

// replaces overwrites what is there.
type replaces struct{ vault.Store }

func (s replaces) Create(ctx context.Context, name string, body io.ReadSeeker) error {
	if err := s.Delete(ctx, name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return s.Store.Create(ctx, name, body)
}

// reversed lists in the wrong order.
type reversed struct{ vault.Store }

func (s reversed) List(ctx context.Context, prefix string) iter.Seq2[vault.Info, error] {
	var infos []vault.Info
	for info, err := range s.Store.List(ctx, prefix) {
		if err != nil {
			return func(yield func(vault.Info, error) bool) { yield(vault.Info{}, err) }
		}
		infos = append([]vault.Info{info}, infos...)
	}
	return func(yield func(vault.Info, error) bool) {
		for _, info := range infos {
			if !yield(info, nil) {
				return
			}
		}
	}
}

// partial keeps what it has read when a body fails.
type partial struct{ *vaulttest.Memory }

func (s partial) Create(ctx context.Context, name string, body io.ReadSeeker) error {
	err := s.Memory.Create(ctx, name, body)
	if err != nil && !errors.Is(err, fs.ErrExist) && store.CheckName(name) == nil && ctx.Err() == nil {
		s.Put(name, []byte("half"))
	}
	return err
}

func TestFaults(t *testing.T) {
	ctx := t.Context()
	memory := vaulttest.NewMemory()
	memory.Put("a/1", []byte("0123456789"))

	full := vaulttest.NoSpace(memory, vaulttest.When{Prefix: "b/", Nth: 2})
	flip := vaulttest.FlipByte(memory, vaulttest.When{}, 3)
	cut := vaulttest.Truncate(memory, vaulttest.When{Prefix: "a/"}, 4)
	gone := vaulttest.Vanish(memory, vaulttest.When{Nth: 1})
	gate := vaulttest.Gate(memory, vaulttest.When{Nth: 1}, func(context.Context, string) error { return io.ErrNoProgress })
	vaulttest.MustHit(t, full, flip, cut, gone, gate)

	for name, want := range map[string]error{"b/1": nil, "c/1": nil} {
		if err := full.Create(ctx, name, strings.NewReader("x")); err != want {
			t.Errorf("create %s: %v", name, err)
		}
	}
	if err := full.Create(ctx, "b/2", strings.NewReader("x")); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("create on a full disk: %v", err)
	}
	if got := memory.Bytes("b/2"); got != nil {
		t.Errorf("a failed create left %q", got)
	}
	if got := read(t, flip, 2, 3); got != "2\xcc4" {
		t.Errorf("flipped: %q", got)
	}
	if got := read(t, flip, 4, -1); got != "456789" {
		t.Errorf("past the flipped byte: %q", got)
	}
	if got := read(t, cut, 2, -1); got != "23" {
		t.Errorf("truncated: %q", got)
	}
	if _, err := gone.Stat(ctx, "a/1"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("vanished: %v", err)
	}
	if _, err := gate.Open(ctx, "a/1", 0, -1); !errors.Is(err, io.ErrNoProgress) {
		t.Errorf("gated: %v", err)
	}
	if got := read(t, gate, 0, 1); got != "0" {
		t.Errorf("after the gate: %q", got)
	}
}

func read(t *testing.T, s vault.Store, offset, length int64) string {
	t.Helper()
	r, err := s.Open(t.Context(), "a/1", offset, length)
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(r)
	if err := errors.Join(err, r.Close()); err != nil {
		t.Fatal(err)
	}
	return string(data)
}
