package customvision

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"cvarchive/archive/backup"
	"cvarchive/archive/restore"
	"cvarchive/manifest"
)

var (
	_ backup.Source  = (*Client)(nil)
	_ restore.Target = (*Client)(nil)
)

const (
	testKey = "PLANTED0123456789abcdefPLANTED00"
	pid     = "64b822c5-8082-4b36-a426-27225f4aa18c"
	iid     = "fe1e83c4-6f50-4899-9544-6bb08cf0e15a"
)

// request is what a server saw.
type request struct {
	Method, Path, Query string
	Header              http.Header
	Body                string
	Length              int64
}

// service answers every request alike, or as answer says, and remembers them.
type service struct {
	*httptest.Server
	mu       sync.Mutex
	requests []request
}

func serve(t *testing.T, answer http.HandlerFunc) *service {
	t.Helper()
	s := &service{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(body))
		s.mu.Lock()
		s.requests = append(s.requests, request{r.Method, r.URL.EscapedPath(), r.URL.RawQuery, r.Header, string(body), r.ContentLength})
		s.mu.Unlock()
		answer(w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *service) seen() []request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.requests
}

func reply(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

// fast has no rate limit and next to no backoff.
func fast(endpoint string) Options {
	return Options{
		Name: "prod-weu", Endpoint: endpoint, TrainingKey: manifest.NewSecret(testKey), Version: "1.2.3",
		CallsPerSecond: -1, Retry: policy.RetryOptions{RetryDelay: time.Nanosecond},
	}
}

func dial(t *testing.T, o Options) *Client {
	t.Helper()
	c, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// roundTripper is a network in memory, which lets synctest own the clock.
type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func inMemory(f func(*http.Request) (*http.Response, error)) *http.Client {
	return &http.Client{Transport: roundTripper(f)}
}

func response(r *http.Request, status int, body string, header ...string) *http.Response {
	h := http.Header{}
	for i := 0; i+1 < len(header); i += 2 {
		h.Set(header[i], header[i+1])
	}
	return &http.Response{
		StatusCode: status, Header: h, Request: r, ContentLength: int64(len(body)),
		Body: io.NopCloser(bytes.NewReader([]byte(body))),
	}
}

func diff(want, got any) string {
	return cmp.Diff(want, got, cmpopts.EquateEmpty(), cmp.Comparer(func(a, b manifest.Secret) bool { return a.Reveal() == b.Reveal() }))
}
