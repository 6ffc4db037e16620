package torture

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"cvarchive/manifest/store"
	"cvarchive/remote/blobstore"
)

// age makes everything that a place stores older, as if time had passed.
func (p *place) age(t *testing.T, by time.Duration) {
	t.Helper()
	if p.clock != nil {
		p.clock.age(by)
		return
	}
	err := filepath.WalkDir(p.url, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		at := info.ModTime().Add(-by)
		return os.Chtimes(path, at, at)
	})
	if err != nil {
		t.Fatalf("let time pass: %v", err)
	}
}

// clock makes what a Blob Storage emulator stores look older than it is, by
// changing the times in its answers.
type clock struct {
	mu     sync.Mutex
	stored map[string]time.Time // when a blob was written, by its path; the emulator's times are in whole seconds
	jumps  []jump
	direct map[string]*blobstore.Store // by the path of a container: past this clock
}

// jump is a moment at which all that had been stored by then grew older.
type jump struct {
	at time.Time
	by time.Duration
}

func newClock() *clock {
	return &clock{stored: map[string]time.Time{}, direct: map[string]*blobstore.Store{}}
}

func (c *clock) age(by time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.jumps = append(c.jumps, jump{time.Now(), by})
}

// of is what the time of a blob looks like.
func (c *clock) of(path string, t time.Time) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	stored, known := c.stored[path]
	if !known {
		stored = t
	}
	for _, j := range c.jumps {
		if stored.Before(j.at) {
			t = t.Add(-j.by)
		}
	}
	return t.UTC().Format(http.TimeFormat)
}

func (c *clock) note(path string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stored[path] = time.Now()
}

var listed = regexp.MustCompile(`(?s)<Name>([^<]*)</Name>(.*?)<Last-Modified>([^<]*)</Last-Modified>`)

// rewrite is [net/http/httputil.ReverseProxy.ModifyResponse].
func (c *clock) rewrite(r *http.Response) error {
	path := r.Request.URL.Path
	if r.Request.Method == http.MethodPut && r.StatusCode < 300 {
		c.note(path)
	}
	if t, err := http.ParseTime(r.Header.Get("Last-Modified")); err == nil {
		r.Header.Set("Last-Modified", c.of(path, t))
	}
	if r.Request.Method != http.MethodGet || !strings.Contains(r.Request.URL.RawQuery, "comp=list") || r.Body == nil {
		return nil
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	body = listed.ReplaceAllFunc(body, func(text []byte) []byte {
		part := listed.FindSubmatch(text)
		t, err := http.ParseTime(string(part[3]))
		if err != nil {
			return text
		}
		return fmt.Appendf(nil, "<Name>%s</Name>%s<Last-Modified>%s</Last-Modified>", part[1], part[2], c.of(path+"/"+string(part[1]), t))
	})
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	r.Header.Set("Content-Length", fmt.Sprint(len(body)))
	return nil
}

// around passes on what a program asks, but for what it asks on condition of a
// time, which it has from us: the emulator is asked with its own.
func (c *clock) around(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		since := r.Header.Get("If-Unmodified-Since")
		parts := strings.SplitN(r.URL.Path, "/", 4) // "", account, container, blob
		if r.Method != http.MethodDelete || since == "" || len(parts) < 4 {
			next.ServeHTTP(w, r)
			return
		}
		c.mu.Lock()
		direct := c.direct["/"+parts[1]+"/"+parts[2]]
		c.mu.Unlock()
		info, err := direct.Stat(r.Context(), parts[3])
		if err == nil && c.of(r.URL.Path, info.Modified) != since {
			err = store.ErrChanged
		}
		if err == nil {
			err = direct.DeleteUnchanged(r.Context(), info)
		}
		switch {
		case err == nil:
			w.WriteHeader(http.StatusAccepted)
		case errors.Is(err, store.ErrChanged):
			answer(http.StatusPreconditionFailed, "", "x-ms-error-code", "ConditionNotMet")(nil, w, r)
		case errors.Is(err, fs.ErrNotExist):
			answer(http.StatusNotFound, "", "x-ms-error-code", "BlobNotFound")(nil, w, r)
		default:
			answer(http.StatusInternalServerError, "", "x-ms-error-code", "InternalError")(nil, w, r)
		}
	})
}
