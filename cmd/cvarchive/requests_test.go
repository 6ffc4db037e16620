package main

import (
	"bytes"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"cvarchive/remote/blobstore/azurite"
)

// TestRequests counts the requests to Blob Storage that commands make for an
// account of 300 images. Each costs money and a round trip, so that more of them
// than are allowed for here need a reason.
func TestRequests(t *testing.T) {
	const images = 300
	_, base := newService(t)
	if err := seedMany(base+"/westeurope", images); err != nil {
		t.Fatal(err)
	}
	counter, account, connection := countRequests(t, azurite.Start(t))
	dir := t.TempDir()
	file := filepath.Join(dir, "cvarchive.yaml")
	text := strings.Replace(testConfig(base), "./vault", account+"/first\n  connection_string: ${STORAGE}", 1) +
		"vaults:\n  offsite:\n    url: " + account + "/second\n    connection_string: ${STORAGE}\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	env := map[string]string{"KEY": testKey, "STORAGE": connection, "HOME": dir, "XDG_CACHE_HOME": dir, "LocalAppData": dir}
	const perPage = 1 // 5,000 names are listed with one request
	for _, c := range []struct {
		line string
		// most allows for requests about objects, about the journal, and for
		// all others: the marker, archives, and the lists of what else there is.
		objects, journal, others int
	}{
		// A segment of the journal is 64 images or what came in five seconds.
		{"backup west --progress none", images, 2*(images/64+1) + 1, 8},
		{"backup west --progress none", perPage, 1, 8},
		{"verify latest", perPage, 0, 9},
		{"verify latest --read-data", images, 0, 9},
		{"list", 0, 0, 4},
		{"inspect latest", 0, 0, 3},
		{"diff latest latest", 0, 0, 6},
		{"prune --keep-last 1 --dry-run", perPage, 2, 17},
		{"prune --keep-last 1", perPage, 2, 24},
		// The storage copies by itself: it is asked for the source and for what
		// became of it, and to copy.
		{"copy latest --to offsite", 3*images + perPage, 0, 14},
		{"copy latest --to offsite", perPage, 0, 10},
		// The plan looks for a sample of 16.
		{"restore latest --to north --mode rebuild --yes", images + 16, 0, 30},
	} {
		counter.take()
		var out, errs bytes.Buffer
		status := run(t.Context(), append(strings.Fields(c.line), "--config", file), process{
			stdin: strings.NewReader(""), stdout: &out, stderr: &errs,
			lookupEnv: func(name string) (string, bool) { value, ok := env[name]; return value, ok },
		})
		if status != exitDone && status != exitDifferences {
			t.Fatalf("%s: status %d\n%s%s", c.line, status, &out, &errs)
		}
		was := counter.take()
		if objects, journal, others := was.sums(); objects > c.objects || journal > c.journal || others > c.others {
			t.Errorf("%s: %d requests about objects, %d about the journal and %d others; allowed are %d, %d and %d:\n%s",
				c.line, objects, journal, others, c.objects, c.journal, c.others, was)
		}
	}
}

// requestCounts are numbers of requests by operation and place, such as
// "PutBlob objects".
type requestCounts map[string]int

func (c requestCounts) sums() (objects, journal, others int) {
	for name, n := range c {
		switch {
		case strings.HasSuffix(name, " objects"):
			objects += n
		case strings.HasSuffix(name, " journal"):
			journal += n
		default:
			others += n
		}
	}
	return objects, journal, others
}

func (c requestCounts) String() string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(c)) {
		fmt.Fprintf(&b, "%6d %s\n", c[name], name)
	}
	return b.String()
}

// requestCounter counts what passes on its way to Blob Storage.
type requestCounter struct {
	proxy *httputil.ReverseProxy

	mu  sync.Mutex
	was requestCounts
}

// countRequests puts a counter in front of an emulator, and returns the account's
// address and the connection string that lead through it.
func countRequests(t *testing.T, s *azurite.Server) (r *requestCounter, account, connection string) {
	t.Helper()
	target, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	target.Path = ""
	r = &requestCounter{was: requestCounts{}, proxy: httputil.NewSingleHostReverseProxy(target)}
	server := httptest.NewServer(r)
	t.Cleanup(server.Close)
	through := strings.NewReplacer(target.Host, strings.TrimPrefix(server.URL, "http://"))
	return r, through.Replace(s.URL), through.Replace(s.ConnectionString)
}

// ServeHTTP implements [http.Handler].
func (r *requestCounter) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	name := requestName(req)
	r.mu.Lock()
	r.was[name]++
	r.mu.Unlock()
	r.proxy.ServeHTTP(w, req)
}

// take returns what came since the last time.
func (r *requestCounter) take() requestCounts {
	r.mu.Lock()
	defer r.mu.Unlock()
	was := r.was
	r.was = requestCounts{}
	return was
}

// requestName is what a request asks for, as the REST API calls it, and of what
// in the vault: the first element of a name.
func requestName(req *http.Request) string {
	_, name, _ := strings.Cut(strings.TrimPrefix(req.URL.Path, "/"+azurite.Account+"/"), "/")
	q := req.URL.Query()
	if name == "" {
		name = q.Get("prefix")
	}
	place, _, _ := strings.Cut(name, "/")
	call := map[string]string{
		"PUT": "PutBlob", "GET": "GetBlob", "HEAD": "GetBlobProperties", "DELETE": "DeleteBlob",
		"GET list": "ListBlobs", "PUT metadata": "SetBlobMetadata", "PUT block": "PutBlock", "PUT blocklist": "PutBlockList",
	}[strings.TrimSpace(req.Method+" "+q.Get("comp"))]
	switch {
	case q.Get("restype") == "container" && !q.Has("comp"):
		call = "CreateContainer"
	case req.Header.Get("X-Ms-Copy-Source") != "":
		call = "CopyBlobFromURL"
	}
	return call + " " + place
}
