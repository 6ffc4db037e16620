package customvision

import (
	"context"
	"crypto/md5"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"

	"cvarchive/manifest"
	"cvarchive/remote/azure"
)

// Download opens the bytes behind a link of the service, from offset on. An
// absolute link is fetched without the credential and outside the rate limit,
// a relative one through GetArtifact. The size is that of the whole content
// in bytes, or -1.
//
// Until the answer begins, lost connections are retried. Afterwards that is
// the caller's: the body then fails with an error that is
// [io.ErrUnexpectedEOF], and so it does when nothing arrives for a minute.
// The body has a method ContentMD5, for callers that put the whole together.
func (c *Client) Download(ctx context.Context, projectID string, uri manifest.Secret, offset int64) (io.ReadCloser, int64, error) {
	u, err := url.Parse(uri.Reveal())
	switch {
	case err != nil || uri.IsZero():
		return nil, 0, errors.New("download: the service gave no usable link")
	case offset < 0:
		return nil, 0, fmt.Errorf("download: the offset %d is negative", offset)
	case !u.IsAbs() && u.Host == "":
		return c.artifact(ctx, projectID, uri.Reveal(), offset)
	}
	return c.blob(ctx, u, offset)
}

// Artifact opens the bytes of a relative link (GetArtifact), as a resource
// behind a virtual network gives them. Size and errors of the body are as
// for [Client.Download].
func (c *Client) Artifact(ctx context.Context, projectID, path string) (io.ReadCloser, int64, error) {
	return c.artifact(ctx, projectID, path, 0)
}

func (c *Client) artifact(ctx context.Context, projectID, path string, offset int64) (io.ReadCloser, int64, error) {
	k := get("GetArtifact", "projects", projectID, "artifacts")
	k.query.set("path", path)
	k.stream, k.offset = true, offset
	return openBody(ctx, c.idle, offset, k.operation, c.name, func(ctx context.Context) (*http.Response, error) {
		return c.roundTrip(ctx, k)
	})
}

func (c *Client) blob(ctx context.Context, u *url.URL, offset int64) (io.ReadCloser, int64, error) {
	if err := azure.CheckURL(u); err != nil {
		return nil, 0, fmt.Errorf("download: %w", err)
	}
	if azure.IsLoopback(u) && !azure.IsLoopback(c.endpoint) {
		return nil, 0, fmt.Errorf("download: %s gave a link to this machine (%s), which is not followed", c.name, u.Host)
	}
	return openBody(ctx, c.idle, offset, downloadOperation, u.Host, func(ctx context.Context) (*http.Response, error) {
		return c.getBlob(ctx, u, offset)
	})
}

// downloadOperation stands for the operationId, which a blob's GET has not.
const downloadOperation = "download"

func (c *Client) getBlob(ctx context.Context, u *url.URL, offset int64) (*http.Response, error) {
	k := call{operation: downloadOperation, stream: true, offset: offset}
	first := c.getDirectly(ctx, &k, u)
	if first != nil && first.err == nil && k.answered(first.resp) {
		return first.resp, nil
	}
	t := &tries{unthrottled: true}
	req, err := runtime.NewRequest(policy.WithRetryOptions(ctx, t.options(c.retry)), http.MethodGet, u.String())
	if err != nil {
		return nil, errors.New("download: the service gave no usable link")
	}
	k.prepare(req.Raw().Header)
	req.SetOperationValue(&streamed{first})
	resp, err := c.blobs.Do(req)
	if err != nil {
		return nil, lost(ctx, u.Host, downloadOperation, u.Host, false, err)
	}
	if k.answered(resp) {
		return resp, nil
	}
	defer drop(resp.Body)
	e := c.serviceError(k, resp)
	e.Resource, e.Hint = u.Host, hintDownload(resp.StatusCode)
	return nil, e
}

// getDirectly makes the first try of a download, which most often is the only
// one, without the pipeline, whose first try it is otherwise: going through it
// takes a third of the processor time of a request. It returns nil where a log
// is to show each try.
func (c *Client) getDirectly(ctx context.Context, k *call, u *url.URL) *outcome {
	if azure.LogsRequests(ctx, c.logger) {
		return nil
	}
	req := &http.Request{
		Method: http.MethodGet, URL: u, Host: u.Host, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"User-Agent": {c.agent}},
	}
	k.prepare(req.Header)
	resp, err := c.transport.Do(req.WithContext(ctx))
	return &outcome{resp, err}
}

func hintDownload(status int) string {
	switch {
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		return "the link has expired (they live about a day) or was revoked: list the image again for a new one"
	case status == http.StatusNotFound:
		return "the service lists it, but its bytes are gone"
	case status == http.StatusTooManyRequests || azure.IsTransient(status):
		return "the storage behind the resource has a problem: try again later"
	}
	return ""
}

// openBody gets an answer and turns it into the bytes from offset on.
func openBody(ctx context.Context, idle time.Duration, offset int64, operation, from string, open func(context.Context) (*http.Response, error)) (io.ReadCloser, int64, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	resp, err := open(ctx)
	if err != nil {
		cancel(nil)
		return nil, 0, err
	}
	if resp.StatusCode == http.StatusRequestedRangeNotSatisfiable {
		drop(resp.Body)
		resp.Body = http.NoBody
	}
	body := &body{ctx: ctx, cancel: cancel, inner: resp.Body, idle: idle}
	body.md5 = contentMD5(resp)
	size, skip, err := extent(resp, offset)
	if err == nil && skip > 0 {
		// The range was ignored: throw away what the caller has already.
		if _, err = io.CopyN(io.Discard, body, skip); err == io.EOF {
			err = fmt.Errorf("it ended before byte %d: %w", offset, io.ErrUnexpectedEOF)
		}
	}
	if err != nil {
		_ = body.Close()
		return nil, 0, fmt.Errorf("%s from %s: %w", operation, from, err)
	}
	return body, size, nil
}

// extent reads from an answer how large the whole content is, or -1, and how
// much of the body lies before the offset.
func extent(resp *http.Response, offset int64) (size, skip int64, err error) {
	switch resp.StatusCode {
	case http.StatusPartialContent, http.StatusRequestedRangeNotSatisfiable:
		start, size := contentRange(resp.Header.Get("Content-Range"))
		if resp.StatusCode == http.StatusPartialContent && start != offset {
			return 0, 0, fmt.Errorf("bytes from %d on were asked for, but those from %d on came", offset, start)
		}
		return size, 0, nil
	default:
		if resp.ContentLength >= 0 && resp.ContentLength < offset {
			return 0, 0, fmt.Errorf("bytes from %d on were asked for, but there are only %d", offset, resp.ContentLength)
		}
		return resp.ContentLength, offset, nil
	}
}

// contentMD5 reads from an answer what the storage keeps as the MD5 of the
// whole content, or nil.
func contentMD5(resp *http.Response) []byte {
	name := "Content-MD5"
	if resp.StatusCode != http.StatusOK { // that would be of the range
		name = "x-ms-blob-content-md5"
	}
	sum, err := base64.StdEncoding.DecodeString(resp.Header.Get(name))
	if err != nil || len(sum) != md5.Size {
		return nil
	}
	return sum
}

// contentRange reads "bytes 5-9/10", "bytes 5-9/*" and "bytes */10"; -1
// stands for what is not said.
func contentRange(v string) (start, size int64) {
	start, size = -1, -1
	span, total, _ := strings.Cut(strings.TrimPrefix(v, "bytes "), "/")
	from, _, _ := strings.Cut(span, "-")
	if n, err := strconv.ParseInt(from, 10, 64); err == nil {
		start = n
	}
	if n, err := strconv.ParseInt(total, 10, 64); err == nil && n >= 0 {
		size = n
	}
	return start, size
}

// body watches over a download: it ends one that stands still, and reports
// every break as [io.ErrUnexpectedEOF].
type body struct {
	ctx    context.Context
	cancel context.CancelCauseFunc
	inner  io.ReadCloser
	idle   time.Duration
	timer  *time.Timer // runs within Read only; nil before the first
	md5    []byte      // of the whole content; nil: not known
}

// ContentMD5 returns the MD5 that the storage keeps of the whole content, or
// nil. The body does not check it, for it may be a part.
func (b *body) ContentMD5() []byte { return b.md5 }

var errIdle = errors.New("nothing arrived for too long")

// Read implements [io.Reader].
func (b *body) Read(p []byte) (int, error) {
	if b.timer == nil {
		b.timer = time.AfterFunc(b.idle, func() { b.cancel(errIdle) })
	} else {
		b.timer.Reset(b.idle)
	}
	n, err := b.inner.Read(p)
	b.timer.Stop()
	if err == nil || err == io.EOF {
		return n, err
	}
	cause := context.Cause(b.ctx)
	if cause != nil && !errors.Is(cause, errIdle) {
		return n, cause
	}
	if cause == nil {
		cause = err
	}
	return n, fmt.Errorf("the connection broke (%s): %w", azure.OneLine(azure.Scrub(cause.Error()), maxMessage), io.ErrUnexpectedEOF)
}

// Close implements [io.Closer].
func (b *body) Close() error {
	b.cancel(nil)
	return b.inner.Close()
}
