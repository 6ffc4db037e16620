package vaulttest

import (
	"context"
	"io"
	"iter"
	"sync/atomic"

	"cvarchive/archive/vault"
)

// Counter is a [vault.Store] that counts the requests it passes on.
type Counter struct {
	vault.Store
	Creates, Opens, Stats, Lists, Deletes atomic.Int64
	BytesRead                             atomic.Int64 // through readers of Open
}

// Count wraps a store.
func Count(s vault.Store) *Counter { return &Counter{Store: s} }

// Create implements [vault.Store].
func (c *Counter) Create(ctx context.Context, name string, body io.ReadSeeker) error {
	c.Creates.Add(1)
	return c.Store.Create(ctx, name, body)
}

// Open implements [vault.Store].
func (c *Counter) Open(ctx context.Context, name string, offset, length int64) (io.ReadCloser, error) {
	c.Opens.Add(1)
	r, err := c.Store.Open(ctx, name, offset, length)
	if err != nil {
		return nil, err
	}
	return readCloser{readerFunc(func(p []byte) (int, error) {
		n, err := r.Read(p)
		c.BytesRead.Add(int64(n))
		return n, err
	}), r}, nil
}

// Stat implements [vault.Store].
func (c *Counter) Stat(ctx context.Context, name string) (vault.Info, error) {
	c.Stats.Add(1)
	return c.Store.Stat(ctx, name)
}

// List implements [vault.Store].
func (c *Counter) List(ctx context.Context, prefix string) iter.Seq2[vault.Info, error] {
	c.Lists.Add(1)
	return c.Store.List(ctx, prefix)
}

// Delete implements [vault.Store].
func (c *Counter) Delete(ctx context.Context, name string) error {
	c.Deletes.Add(1)
	return c.Store.Delete(ctx, name)
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

type readCloser struct {
	io.Reader
	io.Closer
}
