package blobstore

import (
	"bytes"
	"context"
	"crypto/md5"
	"errors"
	"fmt"
	"hash"
	"io"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/bloberror"

	"cvarchive/manifest/store"
)

// readRetries bounds how often a read goes on after its connection broke
// without getting a byte further.
const readRetries = 5

// maxSummed is the longest range of which Blob Storage gives an MD5, in bytes.
const maxSummed = 4 << 20

// errDamaged means that bytes changed between the store and this program. A
// backup that took them for an archive's would record a parent that never was.
var errDamaged = errors.New("what arrived is not what the storage has by its own MD5; something on the way changes it, try again")

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
	options := &blob.DownloadStreamOptions{Range: blob.HTTPRange{Offset: offset, Count: max(length, 0)}, CPKInfo: s.cpk} // 0: to the end
	if length > 0 && length <= maxSummed {
		options.RangeGetContentMD5 = new(true)
	}
	resp, err := s.blob(name).DownloadStream(ctx, options)
	if hasCode(err, bloberror.InvalidRange) {
		return empty(), nil
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, s.explain("GetBlob", err))
	}
	body := resp.NewRetryReader(ctx, &blob.RetryReaderOptions{MaxRetries: readRetries, EarlyCloseAsError: true})
	rd := &reader{body: body, store: s, name: name}
	if options.RangeGetContentMD5 != nil && resp.ContentLength != nil && len(resp.ContentMD5) == md5.Size {
		rd.sum, rd.left, rd.hash = resp.ContentMD5, *resp.ContentLength, md5.New()
	}
	return rd, nil
}

func empty() io.ReadCloser { return io.NopCloser(bytes.NewReader(nil)) }

// reader says what went wrong as the rest of the store does, and holds what
// it reads against the MD5 that came with the answer.
type reader struct {
	body  io.ReadCloser
	store *Store
	name  string

	sum  []byte    // nil: not known
	hash hash.Hash // of what was read
	left int64     // bytes until the sum is due
}

func (r *reader) Read(p []byte) (int, error) {
	n, err := r.body.Read(p)
	if n > 0 && !r.intact(p[:n]) {
		// The last bytes are held back: who has all of them asks no more.
		return 0, fmt.Errorf("read %s: %w", r.name, errDamaged)
	}
	if err != nil && err != io.EOF {
		err = fmt.Errorf("read %s: %w", r.name, r.store.explain("GetBlob", err))
	}
	return n, err
}

// intact takes the next bytes and is false when they are the last and do not
// match.
func (r *reader) intact(p []byte) bool {
	if r.sum == nil {
		return true
	}
	r.hash.Write(p)
	r.left -= int64(len(p))
	return r.left > 0 || bytes.Equal(r.hash.Sum(nil), r.sum)
}

func (r *reader) Close() error { return r.body.Close() }
