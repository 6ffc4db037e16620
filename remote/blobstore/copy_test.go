package blobstore_test

import (
	"errors"
	"io/fs"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"cvarchive/archive/vault/vaulttest"
	"cvarchive/remote/blobstore"
	"cvarchive/remote/blobstore/azurite"
)

// The service copies from one container to another by itself; what it must not
// do, it does not.
func testCopies(t *testing.T, server *azurite.Server) {
	ctx := t.Context()
	for name, options := range map[string]blobstore.Options{
		"key": byKey(t, server),
		"sas": {URL: server.SAS(t, server.ContainerURL(t), allPermissions(), time.Now().Add(time.Hour))},
	} {
		t.Run(name, func(t *testing.T) {
			from := open(t, options)
			w := &wire{}
			o := byKey(t, server)
			o.URL += "/folder"
			o.Rules = []blobstore.Rule{{Tier: "cool"}}
			to := open(t, overWire(o, w))
			content := strings.Repeat("pixels ", 1000)
			must(t, from.Create(ctx, "objects/a.jpg", strings.NewReader(content)))
			must(t, to.CopyFrom(ctx, from, "objects/a.jpg", int64(len(content))))
			if diff := cmp.Diff([]string{"PUT", "HEAD"}, w.take()); diff != "" {
				t.Error(diff)
			}
			if got := read(t, to, "objects/a.jpg", 0, -1); got != content {
				t.Errorf("the copy has %d bytes", len(got))
			}
			err := to.CopyFrom(ctx, from, "objects/a.jpg", int64(len(content)))
			if !errors.Is(err, fs.ErrExist) {
				t.Errorf("a taken name: %v", err)
			}
			if err := to.CopyFrom(ctx, from, "objects/b.jpg", 7); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("a missing source: %v", err)
			}
			must(t, from.Create(ctx, "short", strings.NewReader("body")))
			if err := to.CopyFrom(ctx, from, "short", 5); !errors.Is(err, errors.ErrUnsupported) {
				t.Errorf("another size: %v", err)
			}
			if err := to.CopyFrom(ctx, from, "short", 257<<20); !errors.Is(err, errors.ErrUnsupported) {
				t.Errorf("too large: %v", err)
			}
			if err := to.CopyFrom(ctx, vaulttest.NewMemory(), "short", 4); !errors.Is(err, errors.ErrUnsupported) {
				t.Errorf("from memory: %v", err)
			}
		})
	}
	// The link to the source is in no log and no error.
	t.Run("secrets", func(t *testing.T) {
		from := open(t, byKey(t, server))
		must(t, from.Create(ctx, "a", strings.NewReader("body")))
		var log strings.Builder
		link := ""
		o := overWire(byKey(t, server), &wire{before: func(req *http.Request) {
			for key, values := range req.Header {
				if strings.EqualFold(key, "x-ms-copy-source") {
					_, link, _ = strings.Cut(values[0], "sig=")
				}
			}
		}})
		o.Azure.Logger = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
		to := open(t, o)
		must(t, to.CopyFrom(ctx, from, "a", 4))
		err := to.CopyFrom(ctx, from, "a", 4)
		said := log.String() + err.Error()
		if signature, _, _ := strings.Cut(link, "&"); signature == "" || !strings.Contains(said, "PUT") || strings.Contains(said, signature) {
			t.Errorf("the signature %q is in\n%s", signature, said)
		}
	})
	t.Run("lost answer", func(t *testing.T) {
		from := open(t, byKey(t, server))
		must(t, from.Create(ctx, "a", strings.NewReader("body")))
		lost := false
		to := open(t, overWire(byKey(t, server), &wire{after: func(req *http.Request, resp *http.Response) (*http.Response, error) {
			if req.Method != http.MethodPut || lost {
				return resp, nil
			}
			lost = true
			resp.Body.Close()
			return nil, errors.New("connection reset by peer")
		}}))
		must(t, to.CopyFrom(ctx, from, "a", 4))
		if !lost {
			t.Error("no answer was lost")
		}
	})
	// What arrives is something else: nothing is left under the name.
	t.Run("another", func(t *testing.T) {
		from := open(t, byKey(t, server))
		must(t, from.Create(ctx, "a", strings.NewReader("body")))
		must(t, from.Create(ctx, "b", strings.NewReader("lies")))
		to := open(t, overWire(byKey(t, server), &wire{before: func(req *http.Request) {
			for key, values := range req.Header { // the client does not spell it as net/http does
				if strings.EqualFold(key, "x-ms-copy-source") {
					values[0] = strings.Replace(values[0], "/a?", "/b?", 1)
				}
			}
		}}))
		err := to.CopyFrom(ctx, from, "a", 4)
		if err == nil || strings.Contains(err.Error(), "sig=") {
			t.Errorf("%v", err)
		}
		if _, err := to.Stat(ctx, "a"); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("it was left: %v", err)
		}
	})
}
