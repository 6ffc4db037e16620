package azure

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// MaxErrorBody is how much of an error's body is read, in bytes. The rest is
// cut off, so that no answer can fill the memory.
const MaxErrorBody = 64 << 10

// maxListing bounds, in bytes, the answers that Azure's client library reads
// whole: a page of a listing of 5,000 blobs has some 6 MB, others next to nothing.
const maxListing = 12 << 20

const maxRedirects = 5

// NewHTTPClient returns the HTTP client for Azure: proxies and extra
// certification authorities come from the usual environment (HTTPS_PROXY,
// NO_PROXY, SSL_CERT_FILE, SSL_CERT_DIR), connections are reused generously,
// and every wait has an end: that for a body when nothing comes or goes for four
// minutes.
func NewHTTPClient() *http.Client {
	dialer := &net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}
	return &http.Client{Transport: &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           stalling(dialer.DialContext, stallTime),
		ForceAttemptHTTP2:     true,
		MaxIdleConns:          1024,
		MaxIdleConnsPerHost:   512, // as many as a backup downloads at once
		IdleConnTimeout:       90 * time.Second,
		TLSHandshakeTimeout:   10 * time.Second,
		ExpectContinueTimeout: time.Second,
		ResponseHeaderTimeout: 3 * time.Minute,
		TLSClientConfig:       &tls.Config{MinVersion: tls.VersionTLS12},
	}}
}

// transport is the last step of a pipeline: net/http with bounded error
// bodies, careful redirects and errors without URLs.
type transport struct{ client http.Client }

func newTransport(client *http.Client) *transport {
	if client == nil {
		client = NewHTTPClient()
	}
	t := &transport{client: *client}
	t.client.CheckRedirect = checkRedirect
	t.client.Jar = nil
	return t
}

// Do implements policy.Transporter.
func (t *transport) Do(req *http.Request) (*http.Response, error) {
	resp, err := t.client.Do(req)
	if err != nil {
		return nil, withoutURL(err)
	}
	switch {
	case resp.StatusCode >= http.StatusBadRequest:
		resp.Body = &cutBody{Reader: io.LimitReader(resp.Body, MaxErrorBody), Closer: resp.Body}
		resp.ContentLength = -1
	case isListing(req.URL):
		resp.Body = &listingBody{ReadCloser: resp.Body, left: maxListing}
	}
	return resp, nil
}

// isListing reports whether an address asks for something that is read whole:
// never for the bytes of a blob, whose signature is not parsed for it.
func isListing(u *url.URL) bool {
	return strings.Contains(u.RawQuery, "comp") && u.Query().Has("comp")
}

// listingBody fails where an answer goes on for longer than any is.
type listingBody struct {
	io.ReadCloser
	left int64
}

func (b *listingBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return 0, &tooLargeError{}
	}
	return n, err
}

// tooLargeError says that an answer is larger than any answer should be.
type tooLargeError struct{}

// Error implements error.
func (*tooLargeError) Error() string {
	return fmt.Sprintf("the answer is larger than %d MiB", maxListing>>20)
}

// NonRetriable tells azcore's retry policy that asking again cannot help.
func (*tooLargeError) NonRetriable() {}

type cutBody struct {
	io.Reader
	io.Closer
}

// withoutURL takes the wrapper off that net/http puts around errors: it
// spells out the URL, signature included.
func withoutURL(err error) error {
	if ue, ok := errors.AsType[*url.Error](err); ok {
		return ue.Err
	}
	return err
}

// checkRedirect follows redirects of reads only. On another host, nothing is
// sent but what describes the wish: no key, no bearer token, no Referer (it
// would spell out a SAS).
func checkRedirect(req *http.Request, via []*http.Request) error {
	first := via[0]
	if first.Method != http.MethodGet && first.Method != http.MethodHead {
		return http.ErrUseLastResponse
	}
	if len(via) > maxRedirects {
		return fmt.Errorf("more than %d redirects", maxRedirects)
	}
	if err := CheckURL(req.URL); err != nil {
		return fmt.Errorf("redirected to an address that is not allowed: %w", err)
	}
	if IsLoopback(req.URL) && !IsLoopback(first.URL) {
		return errors.New("redirected to an address of this machine, which is not allowed")
	}
	req.Header.Del("Referer")
	if req.URL.Scheme != first.URL.Scheme || req.URL.Host != first.URL.Host {
		harmless := []string{"accept", "accept-encoding", "range", "user-agent", "x-ms-range", "x-ms-version"}
		for name := range req.Header {
			if !slices.Contains(harmless, strings.ToLower(name)) {
				req.Header.Del(name)
			}
		}
	}
	return nil
}
