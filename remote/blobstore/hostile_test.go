package blobstore

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"cvarchive/manifest"
	"cvarchive/remote/azure"
)

// hostileStore is a store at a server that answers every request alike.
func hostileStore(t *testing.T, answer http.HandlerFunc) *Store {
	t.Helper()
	server := httptest.NewServer(answer)
	t.Cleanup(server.Close)
	s, err := New(Options{
		URL:   server.URL + "/account/box?sv=1&sig=c2VjcmV0",
		Azure: azure.Options{Retry: policy.RetryOptions{RetryDelay: time.Nanosecond}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// A listing without end is given up once, at a bound.
func TestEndlessListing(t *testing.T) {
	var requests atomic.Int32
	s := hostileStore(t, func(w http.ResponseWriter, _ *http.Request) {
		requests.Add(1)
		w.Header().Set("Content-Type", "application/xml")
		_, _ = io.WriteString(w, `<?xml version="1.0"?><EnumerationResults><Blobs><Blob><Name>`)
		for {
			if _, err := io.WriteString(w, strings.Repeat("a", 1<<16)); err != nil {
				return
			}
		}
	})
	var last error
	for _, last = range s.List(t.Context(), "") {
	}
	se, ok := errors.AsType[*manifest.ServiceError](last)
	if !ok || se.Operation != "ListBlobs" || !strings.Contains(last.Error(), "the answer is larger than 12 MiB") || requests.Load() != 1 {
		t.Errorf("%d requests: %v", requests.Load(), last)
	}
}

// Names that no vault could have, whatever they try, are passed over.
func TestListingOfStrangeNames(t *testing.T) {
	const page = `<?xml version="1.0" encoding="utf-8"?><EnumerationResults><Blobs>
<Blob><Name>../../etc/passwd</Name><Properties/></Blob>
<Blob><Name>/etc/passwd</Name><Properties/></Blob>
<Blob><Name>a&#x202e;b</Name><Properties/></Blob>
<Blob><Name>a\b</Name><Properties/></Blob>
<Blob><Name>line&#xA;break</Name><Properties/></Blob>
<Blob><Name Encoded="true">esc%1B%5B2J</Name><Properties/></Blob>
<Blob><Name></Name><Properties/></Blob>
<Blob/>
<Blob><Name>objects/a.jpg</Name><Properties><Content-Length>7</Content-Length></Properties></Blob>
</Blobs><NextMarker/></EnumerationResults>`
	s := hostileStore(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/xml")
		_, _ = io.WriteString(w, page)
	})
	var names []string
	for info, err := range s.List(t.Context(), "") {
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, info.Name)
	}
	if len(names) != 1 || names[0] != "objects/a.jpg" {
		t.Errorf("listed %q", names)
	}
}
