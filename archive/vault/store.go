package vault

import (
	"context"
	"io"
	"iter"

	"cvarchive/manifest/store"
)

// Store is where a vault lives: a folder, a Blob container. Names are
// slash-separated, relative, without empty, "." or ".." elements.
//
// A missing name is reported with an error that is [io/fs.ErrNotExist], a
// taken one with [io/fs.ErrExist]. Implementations are safe for concurrent
// use; the package storecheck tells whether one keeps the contract.
type Store interface {
	// Create stores the whole of body under a new name, durably and
	// all-or-nothing: no reader ever sees a part of it. A taken name is
	// left alone and reported.
	Create(ctx context.Context, name string, body io.ReadSeeker) error
	// Open reads length bytes from offset on, or to the end when length
	// is negative. A range past the end reads short.
	Open(ctx context.Context, name string, offset, length int64) (io.ReadCloser, error)
	Stat(ctx context.Context, name string) (Info, error)
	// List yields what is stored under a prefix that ends in a slash, or
	// everything under "", in the order of names. Unfinished writes are
	// not listed.
	List(ctx context.Context, prefix string) iter.Seq2[Info, error]
	// Delete removes a name; a missing one is an error.
	Delete(ctx context.Context, name string) error
	// String describes the store for people, without secrets.
	String() string
}

// Batcher is a [Store] that makes many names durable at once for less than one
// by one.
type Batcher interface {
	// CreateLater is Create, but for the moment: whoever uses this value
	// finds the name at once, others may find it when Flush returns, and only
	// then is it durable. A crash leaves the whole of it or nothing.
	CreateLater(ctx context.Context, name string, body io.ReadSeeker) error
	// Flush returns when all that CreateLater took is durable. After an
	// error, another Flush tries again.
	Flush(ctx context.Context) error
}

// Info describes a stored name.
type Info = store.Info
