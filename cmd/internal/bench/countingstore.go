package main

import (
	"context"
	"io"
	"sync/atomic"

	"cvarchive/archive/vault"
)

// countingStore counts what is read of a store.
type countingStore struct {
	vault.Store
	opens atomic.Int64
	read  atomic.Int64 // bytes
}

// Open implements [vault.Store].
func (s *countingStore) Open(ctx context.Context, name string, offset, length int64) (io.ReadCloser, error) {
	s.opens.Add(1)
	r, err := s.Store.Open(ctx, name, offset, length)
	if err != nil {
		return nil, err
	}
	return &countingReader{r, s}, nil
}

type countingReader struct {
	io.ReadCloser
	store *countingStore
}

// Read implements [io.Reader].
func (r *countingReader) Read(p []byte) (int, error) {
	n, err := r.ReadCloser.Read(p)
	r.store.read.Add(int64(n))
	return n, err
}
