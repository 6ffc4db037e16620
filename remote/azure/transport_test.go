package azure

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/google/go-cmp/cmp"
)

func TestRedirectLeaksNothing(t *testing.T) {
	var other http.Header
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		other = r.Header.Clone()
		io.WriteString(w, "bytes")
	}))
	defer elsewhere.Close()
	var second http.Header
	mux := http.NewServeMux()
	mux.HandleFunc("/away", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, elsewhere.URL, http.StatusTemporaryRedirect)
	})
	mux.HandleFunc("/here", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/there", http.StatusFound) })
	mux.HandleFunc("/there", func(w http.ResponseWriter, r *http.Request) { second = r.Header.Clone() })
	mux.HandleFunc("/clear", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://example.com/x?sig=PLANTED", http.StatusFound)
	})
	mux.HandleFunc("/loop", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/loop", http.StatusFound) })
	srv := httptest.NewServer(mux)
	defer srv.Close()

	do := func(method, path string) (*http.Response, error) {
		req, err := http.NewRequestWithContext(t.Context(), method, srv.URL+path+"?sig=PLANTED", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Training-Key", "PLANTED")
		req.Header.Set("Authorization", "Bearer PLANTED")
		req.Header.Set("X-Ms-Copy-Source-Authorization", "PLANTED")
		req.Header.Set("Range", "bytes=5-")
		return newTransport(nil).Do(req)
	}

	if _, err := do("GET", "/away"); err != nil {
		t.Fatal(err)
	}
	for name, values := range other {
		if strings.Contains(strings.Join(values, ""), "PLANTED") {
			t.Errorf("the other host saw %s: %v", name, values)
		}
	}
	if other.Get("Range") != "bytes=5-" {
		t.Errorf("the other host saw range %q", other.Get("Range"))
	}
	if _, err := do("GET", "/here"); err != nil {
		t.Fatal(err)
	}
	if second.Get("Training-Key") != "PLANTED" || second.Get("Referer") != "" {
		t.Errorf("on the same host the second request had %v", second)
	}
	other = nil
	resp, err := do("POST", "/away")
	if err != nil || resp.StatusCode != http.StatusTemporaryRedirect || other != nil {
		t.Errorf("a POST was redirected: %v %v", err, other)
	}
	for _, path := range []string{"/clear", "/loop"} {
		_, err := do("GET", path)
		if err == nil || strings.Contains(err.Error(), "PLANTED") {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func TestRedirectIntoThisMachine(t *testing.T) {
	first := httptest.NewRequest("GET", "https://example.com/", nil)
	if err := checkRedirect(httptest.NewRequest("GET", "https://127.0.0.1/", nil), []*http.Request{first}); err == nil {
		t.Error("a remote host may redirect to this machine")
	}
}

func TestErrorBodyIsCut(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/bad" {
			w.WriteHeader(http.StatusBadRequest)
		}
		_, _ = w.Write(make([]byte, 3*MaxErrorBody))
	}))
	defer srv.Close()
	for path, want := range map[string]int{"/bad": MaxErrorBody, "/good": 3 * MaxErrorBody} {
		req, _ := http.NewRequestWithContext(t.Context(), "GET", srv.URL+path, nil)
		resp, err := newTransport(nil).Do(req)
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || len(data) != want {
			t.Errorf("%s: %d bytes, %v; want %d", path, len(data), err, want)
		}
	}
}

func TestPipelineRetriesAndLogs(t *testing.T) {
	calls := 0
	var agent string
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		calls++
		agent = r.UserAgent()
		w.Header().Set("X-Ms-Request-Id", "req-1")
		w.Header().Set("X-Secret", "PLANTED")
		if calls == 1 {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	defer srv.Close()
	var log bytes.Buffer
	options := ClientOptions(Options{
		Version: "1.2.3",
		Logger:  slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Retry:   policy.RetryOptions{RetryDelay: -1},
	})
	pipeline := runtime.NewPipeline("test", "1.2.3", runtime.PipelineOptions{}, &options)
	req, err := runtime.NewRequest(t.Context(), "GET", srv.URL+"/c?comp=list&sig=PLANTED")
	if err != nil {
		t.Fatal(err)
	}
	req.Raw().Header.Set("Authorization", "PLANTED")
	req.Raw().Header.Set("Range", "bytes=0-9")
	resp, err := pipeline.Do(req)
	if err != nil || resp.StatusCode != 200 || calls != 2 {
		t.Fatalf("%v %v after %d calls", resp, err, calls)
	}
	if !strings.HasPrefix(agent, "cvarchive/1.2.3 ") {
		t.Errorf("User-Agent is %q", agent)
	}
	text := log.String()
	if strings.Contains(text, "PLANTED") {
		t.Errorf("the log shows a secret:\n%s", text)
	}
	for _, want := range []string{`"status":503`, `"status":200`, `comp=list`, `"x-ms-request-id":"req-1"`, `"range":"bytes=0-9"`} {
		if !strings.Contains(text, want) {
			t.Errorf("the log lacks %s:\n%s", want, text)
		}
	}
}

// failing is a network whose errors say too much.
type failing struct{}

func (failing) RoundTrip(*http.Request) (*http.Response, error) {
	return nil, errors.New("proxy refused https://h/?sig=PLANTED\nat once")
}

func TestLogOfAFailure(t *testing.T) {
	var log bytes.Buffer
	options := ClientOptions(Options{
		Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Client: &http.Client{Transport: failing{}},
		Retry:  policy.RetryOptions{MaxRetries: -1},
	})
	pipeline := runtime.NewPipeline("test", "1", runtime.PipelineOptions{}, &options)
	req, err := runtime.NewRequest(t.Context(), "GET", "https://h/?sig=PLANTED")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := pipeline.Do(req); err == nil {
		t.Error("there is an answer")
	}
	if text := log.String(); strings.Contains(text, "PLANTED") || !strings.Contains(text, "proxy refused https://h/") {
		t.Errorf("the log is:\n%s", text)
	}
}

func TestShouldRetry(t *testing.T) {
	got := map[int]bool{}
	for _, status := range []int{200, 400, 401, 403, 404, 408, 409, 412, 429, 500, 501, 502, 503, 504} {
		if shouldRetry(&http.Response{StatusCode: status}, nil) {
			got[status] = true
		}
	}
	want := map[int]bool{408: true, 429: true, 500: true, 502: true, 503: true, 504: true}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if !shouldRetry(nil, io.ErrUnexpectedEOF) || shouldRetry(nil, &CredentialError{err: errors.New("x")}) {
		t.Error("a lost connection is worth another try, a missing token is not")
	}
}

type noToken struct{}

func (noToken) GetToken(context.Context, policy.TokenRequestOptions) (t azcore.AccessToken, err error) {
	return t, errors.New("AADSTS7000215:\n invalid client_secret=PLANTED")
}
