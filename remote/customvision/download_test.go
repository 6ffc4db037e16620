package customvision

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"cvarchive/manifest"
)

const content = "0123456789"

// blobs serves content with ranges, as Blob Storage does.
func blobs(w http.ResponseWriter, r *http.Request) {
	http.ServeContent(w, r, "", time.Time{}, strings.NewReader(content))
}

func TestDownload(t *testing.T) {
	whole := func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, content) }
	for name, tc := range map[string]struct {
		answer http.HandlerFunc
		link   string // after the server's address; relative: an artifact's path
		offset int64
		want   string
		size   int64
		err    string
	}{
		"blob":                {blobs, "/blob/o-1?sig=a%2Bb%3D", 0, content, 10, ""},
		"blob from an offset": {blobs, "/blob/o-1?sig=x", 4, "456789", 10, ""},
		"blob at its end":     {blobs, "/blob/o-1?sig=x", 10, "", 10, ""},
		"past its end":        {blobs, "/blob/o-1?sig=PLANTED", 11, "", 0, "416"},
		"range ignored":       {whole, "/blob/o-1?sig=x", 4, "456789", 10, ""},
		"range ignored, short": {whole, "/blob/o-1?sig=x", 11, "", 0,
			"download from " + "HOST: bytes from 11 on were asked for, but there are only 10"},
		"artifact":                {blobs, "i-p/o-1", 0, content, 10, ""},
		"artifact from an offset": {blobs, "i-p/t 1&x", 4, "456789", 10, ""},
		"artifact at its end":     {blobs, "i-p/o-1", 10, "", 10, ""},
		"no length": {func(w http.ResponseWriter, _ *http.Request) {
			io.WriteString(w, content)
			_ = http.NewResponseController(w).Flush()
		}, "/blob/o-1?sig=x", 0, content, -1, ""},
		"another range": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Range", "bytes 0-9/10")
			w.WriteHeader(http.StatusPartialContent)
			io.WriteString(w, content)
		}, "/blob/o-1?sig=x", 4, "", 0, "those from 0 on came"},
		"expired": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-Ms-Request-Id", "r-1")
			w.WriteHeader(http.StatusForbidden)
			io.WriteString(w, "\ufeff<?xml version=\"1.0\" encoding=\"utf-8\"?><Error><Code>AuthenticationFailed</Code><Message>Server failed to authenticate the request. sig=PLANTED\nRequestId:r-1\nTime:now</Message><AuthenticationErrorDetail>PLANTED</AuthenticationErrorDetail></Error>")
		}, "/blob/o-1?sig=PLANTED", 0, "", 0, "download on HOST answered 403 AuthenticationFailed: Server failed to authenticate the request. sig=[redacted] (request r-1); the link has expired"},
		"gone": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-Ms-Error-Code", "BlobNotFound")
			w.WriteHeader(http.StatusNotFound)
		}, "/blob/o-1?sig=x", 0, "", 0, "answered 404 BlobNotFound; the service lists it"},
		"no artifact": {reply(404, `{"code":"NotFoundImage","message":"m"}`), "i-p/o-1", 0, "", 0, "GetArtifact on prod-weu answered 404 NotFoundImage"},
		"negative":    {blobs, "/blob/o-1", -1, "", 0, "negative"},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, tc.answer)
			c := dial(t, fast(s.URL))
			link, artifact := s.URL+tc.link, false
			if !strings.HasPrefix(tc.link, "/") {
				link, artifact = tc.link, true
			}
			body, size, err := c.Download(t.Context(), pid, manifest.NewSecret(link), tc.offset)
			if tc.err != "" {
				want := strings.ReplaceAll(tc.err, "HOST", strings.TrimPrefix(s.URL, "http://"))
				if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "PLANTED") {
					t.Errorf("%v, want %q", err, want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			defer body.Close()
			got, err := io.ReadAll(body)
			if err != nil || string(got) != tc.want || size != tc.size {
				t.Errorf("%q of %d, %v", got, size, err)
			}
			checkDownloadRequest(t, s.seen()[0], artifact, tc.link, tc.offset)
		})
	}
}

func checkDownloadRequest(t *testing.T, r request, artifact bool, link string, offset int64) {
	t.Helper()
	wantKey, want := "", link
	if artifact {
		wantKey, want = testKey, base+"/projects/"+pid+"/artifacts?path="+escape(link)
	}
	if got := r.Path + "?" + r.Query; got != want {
		t.Errorf("address %q, want %q", got, want)
	}
	wantRange := ""
	if offset > 0 {
		wantRange = "bytes=" + strconv.FormatInt(offset, 10) + "-"
	}
	if r.Header.Get("Training-Key") != wantKey || r.Header.Get("Range") != wantRange || r.Header.Get("Accept-Encoding") != "identity" {
		t.Errorf("headers %v", r.Header)
	}
}

func TestDownloadRefusesLinks(t *testing.T) {
	c := dial(t, withClient(fast("https://h.example"), inMemory(func(r *http.Request) (*http.Response, error) {
		return nil, fmt.Errorf("%s was asked", r.URL.Host)
	})))
	for link, want := range map[string]string{
		"":                                  "no usable link",
		"http://h.example/o-1?sig=PLANTED":  "in the clear",
		"https://127.0.0.1/o-1?sig=PLANTED": "this machine",
		"http://localhost:80/?sig=PLANTED":  "this machine",
		"file:///etc/passwd":                "not a full URL",
		"//h.example/x?sig=PLANTED":         "not a full URL",
		"https://h.example/%zz?sig=PLANTED": "no usable link",
		"gopher://h.example/x?sig=PLANTED":  "not an https URL",
	} {
		_, _, err := c.Download(t.Context(), pid, manifest.NewSecret(link), 0)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "PLANTED") {
			t.Errorf("%q: %v", link, err)
		}
	}
}

func TestDownloadBreaks(t *testing.T) {
	for name, answer := range map[string]http.HandlerFunc{
		"cut off": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			io.WriteString(w, content)
		},
		"reset": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			io.WriteString(w, content)
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		},
		"stands still": func(w http.ResponseWriter, r *http.Request) {
			io.WriteString(w, content)
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, answer)
			c, err := newClient(fast(s.URL), tryTimeout, 50*time.Millisecond)
			if err != nil {
				t.Fatal(err)
			}
			body, _, err := c.Download(t.Context(), pid, manifest.NewSecret(s.URL+"/o-1"), 0)
			if err != nil {
				t.Fatal(err)
			}
			defer body.Close()
			got, err := io.ReadAll(body)
			if string(got) != content || !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("%q, %v", got, err)
			}
		})
	}
}

// The body passes on which MD5 the whole content has, if the answer says so.
func TestDownloadMD5(t *testing.T) {
	sum := md5.Sum([]byte(content))
	text := base64.StdEncoding.EncodeToString(sum[:])
	for name, tc := range map[string]struct {
		header, value string
		offset        int64
		want          []byte
	}{
		"whole":               {"Content-MD5", text, 0, sum[:]},
		"from an offset":      {"x-ms-blob-content-md5", text, 4, sum[:]},
		"of the range only":   {"Content-MD5", text, 4, nil},
		"not said":            {"Etag", text, 0, nil},
		"not base64":          {"Content-MD5", "!", 0, nil},
		"not as long as MD5s": {"Content-MD5", "AAAA", 0, nil},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set(tc.header, tc.value)
				blobs(w, r)
			})
			body, _, err := dial(t, fast(s.URL)).Download(t.Context(), pid, manifest.NewSecret(s.URL+"/o-1"), tc.offset)
			if err != nil {
				t.Fatal(err)
			}
			defer body.Close()
			if got := body.(interface{ ContentMD5() []byte }).ContentMD5(); !bytes.Equal(got, tc.want) {
				t.Errorf("%x, want %x", got, tc.want)
			}
		})
	}
}

func TestDownloadIsCancelled(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, content)
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
	ctx, cancel := context.WithCancel(t.Context())
	body, _, err := dial(t, fast(s.URL)).Download(ctx, pid, manifest.NewSecret(s.URL+"/o-1"), 0)
	if err != nil {
		t.Fatal(err)
	}
	defer body.Close()
	if _, err := io.ReadFull(body, make([]byte, len(content))); err != nil {
		t.Fatal(err)
	}
	cancel()
	if _, err := body.Read(make([]byte, 1)); !errors.Is(err, context.Canceled) || errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("%v", err)
	}
}

// Downloads are retried until they begin, and not held up by the rate limit.
func TestDownloadRetries(t *testing.T) {
	var calls atomic.Int64 // they come on several connections
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch calls.Add(1) {
		case 1:
			w.WriteHeader(http.StatusServiceUnavailable)
		case 2:
			w.WriteHeader(http.StatusTooManyRequests)
		case 3:
			panic(http.ErrAbortHandler)
		default:
			blobs(w, r)
		}
	})
	o := fast(s.URL)
	o.CallsPerSecond = 0.0001
	body, _, err := dial(t, o).Download(t.Context(), pid, manifest.NewSecret(s.URL+"/o-1"), 0)
	if err != nil || calls.Load() != 4 {
		t.Fatalf("%v after %d calls", err, calls.Load())
	}
	body.Close()
}

func TestArtifact(t *testing.T) {
	s := serve(t, blobs)
	body, size, err := dial(t, fast(s.URL)).Artifact(t.Context(), pid, "i-p/t-1")
	if err != nil || size != 10 {
		t.Fatalf("%d, %v", size, err)
	}
	defer body.Close()
	if got, err := io.ReadAll(body); err != nil || string(got) != content {
		t.Errorf("%q, %v", got, err)
	}
}
