package vaulttest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"sync"
	"time"

	"cvarchive/archive/vault"
	"cvarchive/manifest/store"
)

// Guarded is a store in memory that has what Blob Storage has besides keeping
// files: policies, holds, an archive tier, and deleted files for a while.
type Guarded struct {
	*Memory
	Immutable time.Duration // policy of what is stored below archives/ and objects/; 0: none

	mu      sync.Mutex
	states  map[string]store.State
	deleted map[string][]byte

	Calls []string // of what changes states, "hold archives/…"
}

var (
	_ vault.Guard      = (*Guarded)(nil)
	_ vault.Rehydrater = (*Guarded)(nil)
	_ vault.Undeleter  = (*Guarded)(nil)
)

// NewGuarded returns an empty store.
func NewGuarded() *Guarded { return Guarding(NewMemory()) }

// Guarding does that to what is in a store already.
func Guarding(m *Memory) *Guarded {
	return &Guarded{Memory: m, states: map[string]store.State{}, deleted: map[string][]byte{}}
}

// SetState says what is done to a name.
func (g *Guarded) SetState(name string, s store.State) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.states[name] = s
}

// State returns what is done to a name.
func (g *Guarded) State(name string) store.State {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.states[name]
}

func (g *Guarded) change(call, name string, do func(*store.State)) error {
	if _, err := g.Memory.Stat(context.Background(), name); err != nil {
		return err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	s := g.states[name]
	do(&s)
	g.states[name] = s
	g.Calls = append(g.Calls, call+" "+name)
	return nil
}

// Create implements [vault.Store].
func (g *Guarded) Create(ctx context.Context, name string, body io.ReadSeeker) error {
	if err := g.Memory.Create(ctx, name, body); err != nil {
		return err
	}
	if d := g.ImmutableFor(name); d > 0 {
		g.SetState(name, store.State{ImmutableUntil: time.Now().Add(d)})
	}
	return nil
}

// Open implements [vault.Store].
func (g *Guarded) Open(ctx context.Context, name string, offset, length int64) (io.ReadCloser, error) {
	if g.State(name).Offline {
		return nil, fmt.Errorf("read %s in memory: %w", name, store.ErrOffline)
	}
	return g.Memory.Open(ctx, name, offset, length)
}

// Stat implements [vault.Store].
func (g *Guarded) Stat(ctx context.Context, name string) (vault.Info, error) {
	info, err := g.Memory.Stat(ctx, name)
	info.State = g.State(name)
	return info, err
}

// List implements [vault.Store].
func (g *Guarded) List(ctx context.Context, prefix string) iter.Seq2[vault.Info, error] {
	return func(yield func(vault.Info, error) bool) {
		for info, err := range g.Memory.List(ctx, prefix) {
			info.State = g.State(info.Name)
			if !yield(info, err) {
				return
			}
		}
	}
}

// Delete implements [vault.Store].
func (g *Guarded) Delete(ctx context.Context, name string) error {
	if g.State(name).Protected(time.Now()) {
		return fmt.Errorf("delete %s in memory: %w", name, store.ErrProtected)
	}
	data := g.Bytes(name)
	err := g.Memory.Delete(ctx, name)
	if err == nil {
		g.mu.Lock()
		defer g.mu.Unlock()
		delete(g.states, name)
		g.deleted[name] = data
	}
	return err
}

// DeleteUnchanged deletes a name unless it was touched.
func (g *Guarded) DeleteUnchanged(ctx context.Context, seen vault.Info) error {
	now, err := g.Memory.Stat(ctx, seen.Name)
	if err == nil && !now.Modified.Equal(seen.Modified) {
		err = store.ErrChanged
	}
	if err != nil {
		return err
	}
	return g.Delete(ctx, seen.Name)
}

// Touch implements [vault.Toucher].
func (g *Guarded) Touch(ctx context.Context, name string) error {
	if s := g.State(name); s.Offline || s.Protected(time.Now()) {
		return fmt.Errorf("touch %s in memory: %w", name, store.ErrUntouchable)
	}
	return g.Memory.Touch(ctx, name)
}

// ImmutableFor implements [vault.Guard].
func (g *Guarded) ImmutableFor(name string) time.Duration {
	if below(name, "archives/") || below(name, "objects/") {
		return g.Immutable
	}
	return 0
}

func below(name, prefix string) bool { return len(name) > len(prefix) && name[:len(prefix)] == prefix }

// Extend implements [vault.Guard].
func (g *Guarded) Extend(_ context.Context, name string) error {
	return g.change("extend", name, func(s *store.State) { s.ImmutableUntil = time.Now().Add(g.ImmutableFor(name)) })
}

// SetHold implements [vault.Guard].
func (g *Guarded) SetHold(_ context.Context, name string, held bool) error {
	return g.change(map[bool]string{true: "hold", false: "release"}[held], name, func(s *store.State) { s.Held = held })
}

// Rehydrate implements [vault.Rehydrater]; [Guarded.Arrive] ends it.
func (g *Guarded) Rehydrate(_ context.Context, name, tier string, high bool) error {
	call := "rehydrate to " + tier
	if high {
		call += " fast"
	}
	if !g.State(name).Offline {
		return errors.New("it is not in the archive tier")
	}
	return g.change(call, name, func(s *store.State) { s.Rehydrating = true })
}

// Arrive ends all rehydration that is under way.
func (g *Guarded) Arrive() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for name, s := range g.states {
		if s.Rehydrating {
			s.Offline, s.Rehydrating = false, false
			g.states[name] = s
		}
	}
}

// SoftDeleted implements [vault.Undeleter].
func (g *Guarded) SoftDeleted(_ context.Context, name string) (daysLeft int, deleted bool, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	_, deleted = g.deleted[name]
	return 7, deleted, nil
}

// Undelete implements [vault.Undeleter].
func (g *Guarded) Undelete(_ context.Context, name string) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	data, ok := g.deleted[name]
	if !ok {
		return fmt.Errorf("undelete %s in memory: %w", name, fs.ErrNotExist)
	}
	delete(g.deleted, name)
	g.Put(name, data)
	return nil
}
