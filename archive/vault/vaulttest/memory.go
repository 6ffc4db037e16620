package vaulttest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"cvarchive/archive/vault"
	"cvarchive/manifest/store"
)

// New returns a fresh vault in memory.
func New(t testing.TB) *vault.Vault {
	t.Helper()
	return Init(t, NewMemory())
}

// Init makes a vault of a store, or opens the one in it.
func Init(t testing.TB, s vault.Store) *vault.Vault {
	t.Helper()
	v, err := vault.Init(t.Context(), s)
	if err != nil {
		t.Fatalf("make a vault: %v", err)
	}
	return v
}

// Memory is a [vault.Store] in memory.
type Memory struct {
	mu    sync.Mutex
	files map[string]file
}

type file struct {
	data     []byte
	modified time.Time
}

var (
	_ vault.Store   = (*Memory)(nil)
	_ vault.Toucher = (*Memory)(nil)
)

// NewMemory returns an empty store.
func NewMemory() *Memory { return &Memory{files: map[string]file{}} }

// String implements [vault.Store].
func (m *Memory) String() string { return "memory" }

// Create implements [vault.Store].
func (m *Memory) Create(ctx context.Context, name string, body io.ReadSeeker) error {
	if err := check(ctx, name); err != nil {
		return fmt.Errorf("store %s in memory: %w", name, err)
	}
	if _, err := body.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("store %s in memory: %w", name, err)
	}
	data, err := io.ReadAll(body)
	if err = errors.Join(err, ctx.Err()); err != nil {
		return fmt.Errorf("store %s in memory: %w", name, err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, taken := m.files[name]; taken {
		return fmt.Errorf("store %s in memory: %w", name, fs.ErrExist)
	}
	m.files[name] = file{data, time.Now().UTC()}
	return nil
}

// Open implements [vault.Store].
func (m *Memory) Open(ctx context.Context, name string, offset, length int64) (io.ReadCloser, error) {
	f, err := m.get(ctx, name)
	if err == nil && offset < 0 {
		err = fmt.Errorf("negative offset %d", offset)
	}
	if err != nil {
		return nil, fmt.Errorf("read %s in memory: %w", name, err)
	}
	data := f.data[min(offset, int64(len(f.data))):]
	if length >= 0 {
		data = data[:min(length, int64(len(data)))]
	}
	return io.NopCloser(bytes.NewReader(data)), nil
}

// Stat implements [vault.Store].
func (m *Memory) Stat(ctx context.Context, name string) (vault.Info, error) {
	f, err := m.get(ctx, name)
	if err != nil {
		return vault.Info{}, fmt.Errorf("look for %s in memory: %w", name, err)
	}
	return vault.Info{Name: name, Size: int64(len(f.data)), Modified: f.modified}, nil
}

// List implements [vault.Store].
func (m *Memory) List(ctx context.Context, prefix string) iter.Seq2[vault.Info, error] {
	return func(yield func(vault.Info, error) bool) {
		for _, name := range m.Names() {
			if !strings.HasPrefix(name, prefix) {
				continue
			}
			info, err := m.Stat(ctx, name)
			if errors.Is(err, fs.ErrNotExist) {
				continue
			}
			if !yield(info, err) || err != nil {
				return
			}
		}
	}
}

// Delete implements [vault.Store].
func (m *Memory) Delete(ctx context.Context, name string) error {
	if _, err := m.get(ctx, name); err != nil {
		return fmt.Errorf("delete %s in memory: %w", name, err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.files, name)
	return nil
}

// DeleteUnchanged deletes a name unless it was touched since it was looked at.
func (m *Memory) DeleteUnchanged(ctx context.Context, seen vault.Info) error {
	f, err := m.get(ctx, seen.Name)
	if err == nil && !f.modified.Equal(seen.Modified) {
		err = store.ErrChanged
	}
	if err != nil {
		return fmt.Errorf("delete %s in memory: %w", seen.Name, err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.files, seen.Name)
	return nil
}

// Touch implements [vault.Toucher].
func (m *Memory) Touch(ctx context.Context, name string) error {
	f, err := m.get(ctx, name)
	if err != nil {
		return fmt.Errorf("touch %s in memory: %w", name, err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.files[name] = file{f.data, time.Now().UTC()}
	return nil
}

// Names returns every name, in order.
func (m *Memory) Names() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Sorted(maps.Keys(m.files))
}

// Bytes returns what is stored under a name; nil when nothing is.
func (m *Memory) Bytes(name string) []byte {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.files[name].data)
}

// Put stores data whether or not the name is taken, as no vault does: to
// damage what is stored.
func (m *Memory) Put(name string, data []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.files[name] = file{slices.Clone(data), time.Now().UTC()}
}

func (m *Memory) get(ctx context.Context, name string) (file, error) {
	if err := check(ctx, name); err != nil {
		return file{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	f, ok := m.files[name]
	if !ok {
		return file{}, fs.ErrNotExist
	}
	return f, nil
}

func check(ctx context.Context, name string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return store.CheckName(name)
}
