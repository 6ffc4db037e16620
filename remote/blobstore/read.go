package blobstore

import (
	"bytes"
	"context"
	"fmt"
	"io"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/bloberror"

	"cvarchive/manifest/store"
)

// readRetries bounds how often a read goes on after its connection broke
// without getting a byte further.
const readRetries = 5

// Open implements the store of a vault.
func (s *Store) Open(ctx context.Context, name string, offset, length int64) (io.ReadCloser, error) {
	if err := store.CheckName(name); err != nil {
		return nil, err
	}
	if offset < 0 {
		return nil, fmt.Errorf("read %s: negative offset %d", name, offset)
	}
	if length == 0 { // a range of nothing cannot be asked for
		_, err := s.Stat(ctx, name)
		return empty(), err
	}
	r := blob.HTTPRange{Offset: offset, Count: max(length, 0)} // 0: to the end
	resp, err := s.blob(name).DownloadStream(ctx, &blob.DownloadStreamOptions{Range: r})
	if hasCode(err, bloberror.InvalidRange) {
		return empty(), nil
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, s.explain("GetBlob", err))
	}
	body := resp.NewRetryReader(ctx, &blob.RetryReaderOptions{MaxRetries: readRetries, EarlyCloseAsError: true})
	return &reader{body: body, store: s, name: name}, nil
}

func empty() io.ReadCloser { return io.NopCloser(bytes.NewReader(nil)) }

// reader says what went wrong as the rest of the store does.
type reader struct {
	body  io.ReadCloser
	store *Store
	name  string
}

func (r *reader) Read(p []byte) (int, error) {
	n, err := r.body.Read(p)
	if err != nil && err != io.EOF {
		err = fmt.Errorf("read %s: %w", r.name, r.store.explain("GetBlob", err))
	}
	return n, err
}

func (r *reader) Close() error { return r.body.Close() }
