package customvision

import (
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"cvarchive/manifest"
)

const blobLink = "https://h.blob.example/i-p/o-1?sv=2020-04-08&se=2026-12-01T22%3A55%3A00Z&sp=r&sig=a%2Bb%3D"

// watched is o with a log of every try, which is made by the pipeline then.
func watched(o Options) Options {
	o.Logger = slog.New(slog.NewTextHandler(io.Discard, &slog.HandlerOptions{Level: slog.LevelDebug}))
	return o
}

// The first try of a download is the same whether the pipeline makes it or not.
func TestDownloadWithoutPipeline(t *testing.T) {
	var seen []*http.Request
	o := withClient(fast("https://h.example"), inMemory(func(r *http.Request) (*http.Response, error) {
		seen = append(seen, r)
		return response(r, http.StatusPartialContent, content[4:], "Content-Range", "bytes 4-9/10"), nil
	}))
	for _, o := range []Options{o, watched(o)} {
		body, size, err := dial(t, o).Download(t.Context(), pid, manifest.NewSecret(blobLink), 4)
		if err != nil || size != int64(len(content)) {
			t.Fatalf("%d, %v", size, err)
		}
		if got, err := io.ReadAll(body); string(got) != content[4:] || err != nil {
			t.Errorf("%q, %v", got, err)
		}
		body.Close()
	}
	direct, byPipeline := seen[0], seen[1]
	if direct.Method != byPipeline.Method || direct.URL.String() != byPipeline.URL.String() || direct.Host != byPipeline.Host {
		t.Errorf("%s %s of %s, and not %s %s of %s", direct.Method, direct.URL, direct.Host, byPipeline.Method, byPipeline.URL, byPipeline.Host)
	}
	if d := diff(byPipeline.Header, direct.Header); d != "" || !strings.HasPrefix(direct.UserAgent(), "cvarchive/1.2.3 ") {
		t.Error(d)
	}
}

// A first try that fails is one of those that the pipeline makes.
func TestDownloadCountsTries(t *testing.T) {
	for name, tc := range map[string]struct {
		status int
		err    error
		tries  int
	}{
		"busy":      {http.StatusServiceUnavailable, nil, 5},
		"throttled": {http.StatusTooManyRequests, nil, 5},
		"lost":      {0, io.ErrUnexpectedEOF, 5},
		"forbidden": {http.StatusForbidden, nil, 1},
	} {
		t.Run(name, func(t *testing.T) {
			tries := 0
			o := withClient(fast("https://h.example"), inMemory(func(r *http.Request) (*http.Response, error) {
				tries++
				if tc.err != nil {
					return nil, tc.err
				}
				return response(r, tc.status, "sig=PLANTED"), nil
			}))
			for _, o := range []Options{o, watched(o)} {
				tries = 0
				_, _, err := dial(t, o).Download(t.Context(), pid, manifest.NewSecret(blobLink), 0)
				e, ok := errors.AsType[*manifest.ServiceError](err)
				if !ok || e.StatusCode != tc.status || tries != tc.tries || strings.Contains(err.Error(), "PLANTED") {
					t.Errorf("%v after %d tries", err, tries)
				}
			}
		})
	}
}

func BenchmarkDownload(b *testing.B) {
	b.ReportAllocs()
	c, err := New(withClient(fast("https://h.example"), inMemory(func(r *http.Request) (*http.Response, error) {
		return response(r, http.StatusOK, content), nil
	})))
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		body, _, err := c.Download(b.Context(), pid, manifest.NewSecret(blobLink), 0)
		if err != nil {
			b.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, body)
		body.Close()
	}
}
