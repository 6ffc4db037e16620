package blobstore

import (
	"bytes"
	"context"
	"crypto/md5"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/streaming"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/bloberror"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blockblob"
	"golang.org/x/sync/errgroup"

	"cvarchive/manifest/store"
)

const (
	blockSize      = 8 << 20 // bytes, unless the body has more than maxBlocks of them
	maxBlocks      = 50_000  // of a blob
	blocksInFlight = 4       // each takes a block of memory
	writeKey       = "cvarchive_write"
)

// Create implements the store of a vault. The body is read once before it is sent,
// for its MD5, unless it knows that (a method MD5) or goes in blocks.
func (s *Store) Create(ctx context.Context, name string, body io.ReadSeeker) error {
	if err := store.CheckName(name); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("store %s: %w", name, err)
	}
	size, err := body.Seek(0, io.SeekEnd)
	if err == nil {
		_, err = body.Seek(0, io.SeekStart)
	}
	if err != nil {
		return fmt.Errorf("store %s: %w", name, &bodyError{err})
	}
	w := &write{store: s, name: name, client: s.blob(name), size: size, word: rand.Text(), rule: s.rule(name)}
	if size <= s.singleShot {
		err = w.single(ctx, body)
	} else {
		err = w.blocks(ctx, body)
	}
	if err != nil {
		return fmt.Errorf("store %s: %w", name, err)
	}
	return nil
}

// write is one Create under way.
type write struct {
	store  *Store
	name   string
	client *blockblob.Client
	size   int64
	word   string // tells this write from others of the same name
	rule   rule
}

// bodyError is a failure of the body rather than the service. Sending again
// does not help.
type bodyError struct{ err error }

func (e *bodyError) Error() string { return "read what is to be stored: " + e.err.Error() }
func (e *bodyError) Unwrap() error { return e.err }

// NonRetriable tells azcore's retry policy.
func (e *bodyError) NonRetriable() {}

// sentBody marks the failures of a body that is being sent.
type sentBody struct{ io.ReadSeeker }

func (b sentBody) Read(p []byte) (int, error) {
	n, err := b.ReadSeeker.Read(p)
	if err != nil && err != io.EOF {
		err = &bodyError{err}
	}
	return n, err
}

// single sends the body with one Put Blob.
func (w *write) single(ctx context.Context, body io.ReadSeeker) error {
	digest, err := w.md5(body)
	if err != nil {
		return &bodyError{err}
	}
	mode, until := w.rule.policy(w.store.now())
	_, err = w.client.Upload(ctx, streaming.NopCloser(sentBody{body}), &blockblob.UploadOptions{
		TransactionalValidation:      blob.TransferValidationTypeMD5(digest),
		HTTPHeaders:                  w.headers(digest),
		Metadata:                     w.metadata(),
		Tier:                         w.rule.tier,
		CPKInfo:                      w.store.cpk,
		CPKScopeInfo:                 w.store.scope,
		ImmutabilityPolicyMode:       mode,
		ImmutabilityPolicyExpiryTime: until,
		AccessConditions:             createOnly(),
	})
	return w.settle(ctx, "PutBlob", err)
}

// md5 reads the body, which is at its start, and returns there; unless the body
// has a method MD5 that knows it. The service compares what arrives with it.
func (w *write) md5(body io.ReadSeeker) ([]byte, error) {
	if known, ok := body.(interface{ MD5() []byte }); ok && len(known.MD5()) == md5.Size {
		return known.MD5(), nil
	}
	sum := md5.New()
	n, err := io.Copy(sum, body)
	if err == nil && n != w.size {
		err = fmt.Errorf("it has %d bytes where %d were announced", n, w.size)
	}
	if err == nil {
		_, err = body.Seek(0, io.SeekStart)
	}
	return sum.Sum(nil), err
}

// blocks sends the body in blocks, several at a time, and makes the blob of
// them.
func (w *write) blocks(ctx context.Context, body io.Reader) error {
	// Nobody wants to send gigabytes to learn that the name is taken.
	_, err := w.store.Stat(ctx, w.name)
	if err == nil {
		return fmt.Errorf("%s is there already: %w", w.name, fs.ErrExist)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	size := max(blockSize, (w.size+maxBlocks-1)/maxBlocks)
	buffers := make(chan []byte, blocksInFlight)
	for range blocksInFlight {
		buffers <- nil // made when first used
	}
	var ids []string
	sum := md5.New()
	group, gctx := errgroup.WithContext(ctx)
	for left := w.size; left > 0 && gctx.Err() == nil; left -= min(size, left) {
		buffer := <-buffers
		if buffer == nil {
			buffer = make([]byte, size)
		}
		block := buffer[:min(size, left)]
		if _, err = io.ReadFull(body, block); err != nil {
			err = &bodyError{err}
			break
		}
		sum.Write(block)
		id := w.blockID(len(ids))
		ids = append(ids, id)
		group.Go(func() error {
			defer func() { buffers <- buffer }()
			return w.stage(gctx, id, block)
		})
	}
	if err = errors.Join(err, group.Wait()); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	mode, until := w.rule.policy(w.store.now())
	_, err = w.client.CommitBlockList(ctx, ids, &blockblob.CommitBlockListOptions{
		HTTPHeaders:                  w.headers(sum.Sum(nil)),
		Metadata:                     w.metadata(),
		Tier:                         w.rule.tier,
		CPKInfo:                      w.store.cpk,
		CPKScopeInfo:                 w.store.scope,
		ImmutabilityPolicyMode:       mode,
		ImmutabilityPolicyExpiryTime: until,
		AccessConditions:             createOnly(),
	})
	return w.settle(ctx, "PutBlockList", err)
}

// blockID names a block. All ids of a blob have one length, and those of
// different writes differ, so that writers of one name do not mix blocks.
func (w *write) blockID(index int) string {
	return base64.StdEncoding.EncodeToString(fmt.Appendf(nil, "%s-%05d", w.word, index))
}

func (w *write) stage(ctx context.Context, id string, block []byte) error {
	digest := md5.Sum(block)
	_, err := w.client.StageBlock(ctx, id, streaming.NopCloser(bytes.NewReader(block)), &blockblob.StageBlockOptions{
		TransactionalValidation: blob.TransferValidationTypeMD5(digest[:]),
		CPKInfo:                 w.store.cpk,
		CPKScopeInfo:            w.store.scope,
	})
	if err != nil {
		return w.store.explain("PutBlock", err)
	}
	return nil
}

// settle decides what the answer to a creating request means.
func (w *write) settle(ctx context.Context, operation string, err error) error {
	if err == nil {
		return nil
	}
	if be, ok := errors.AsType[*bodyError](err); ok {
		return be
	}
	if !hasCode(err, bloberror.BlobAlreadyExists, bloberror.ConditionNotMet, bloberror.TargetConditionNotMet,
		bloberror.UnauthorizedBlobOverwrite, bloberror.BlobImmutableDueToPolicy, bloberror.InvalidBlockList) {
		return w.rule.explain(w.store.explain(operation, err))
	}
	// The name is taken; by this write, if the answer to an earlier try of
	// it was lost. (The blocks of this write are gone when another made a
	// blob of the name.)
	p, statErr := w.client.GetProperties(ctx, w.store.properties())
	if statErr != nil {
		return w.store.explain(operation, err)
	}
	for key, value := range p.Metadata {
		if strings.EqualFold(key, writeKey) && value != nil && *value == w.word {
			return nil
		}
	}
	return w.store.explainTaken(operation, err)
}

func (w *write) metadata() map[string]*string { return map[string]*string{writeKey: &w.word} }

// headers are what a browser or another service is told about the blob.
func (w *write) headers(digest []byte) *blob.HTTPHeaders {
	kind := contentType(w.name)
	return &blob.HTTPHeaders{BlobContentMD5: digest, BlobContentType: &kind}
}

func contentType(name string) string {
	switch path.Ext(name) {
	case ".jpg":
		return "image/jpeg"
	case ".png":
		return "image/png"
	case ".gif":
		return "image/gif"
	case ".bmp":
		return "image/bmp"
	case ".zip":
		return "application/zip"
	case ".json":
		return "application/json"
	case ".zst":
		return "application/zstd"
	}
	return "application/octet-stream"
}

func createOnly() *blob.AccessConditions {
	any := azcore.ETagAny
	return &blob.AccessConditions{ModifiedAccessConditions: &blob.ModifiedAccessConditions{IfNoneMatch: &any}}
}
