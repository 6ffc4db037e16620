package restore_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"cvarchive/archive/restore"
	"cvarchive/archive/vault"
	"cvarchive/archive/vault/vaulttest"
	"cvarchive/manifest"
	"cvarchive/manifest/plan"
	"cvarchive/remote/blobstore"
	"cvarchive/remote/blobstore/azurite"
	"cvarchive/remote/simulator"
)

// linkedStore counts what is read through it, and hands out links past that.
type linkedStore struct {
	*vaulttest.Counter
	vault.Linker
}

// TestByURLFromBlobStorage restores from Azurite: every image goes from there
// to the service, and no byte of one passes through this process.
func TestByURLFromBlobStorage(t *testing.T) {
	server := azurite.Start(t)
	blobs, err := blobstore.New(blobstore.Options{URL: server.ContainerURL(t), ConnectionString: manifest.NewSecret(server.ConnectionString)})
	check(t, err)
	store := linkedStore{vaulttest.Count(blobs), blobs}
	e := newEnvironment(t, simulator.ResourceOptions{QuoteSourceURL: true})
	e.vault = vaulttest.Init(t, store)
	r := archiveOf(t, urlProjects(e)...)

	opt := e.options()
	opt.Journal, opt.Links, opt.Transfer = store, e.vault, restore.TransferAuto
	read := store.BytesRead.Load()
	p, report := e.restore(r, opt)
	wantEqual(t, report)
	if d := cmp.Diff(p.Totals.Calls, e.writes()); d != "" {
		t.Errorf("planned calls (-) are not those made (+):\n%s", d)
	}
	if c := e.writes(); c[plan.CreateImagesFromURLs] != 3 || c[plan.CreateImagesFromFiles] != 0 {
		t.Errorf("calls %v", c)
	}
	if n := store.BytesRead.Load() - read; n > 0 {
		t.Errorf("%d bytes of the vault were read", n)
	}
	pr := report.Projects[0]
	if pr.BytesByURL == 0 || pr.BytesByURL != p.Totals.BytesByURL || pr.Bytes != pr.BytesByURL || pr.FellBack != 0 {
		t.Errorf("%d bytes, %d of them by URL; planned %+v", pr.Bytes, pr.BytesByURL, p.Totals)
	}
}

// urlProjects has one project with two groups of metadata, more images than
// fit in a call, and one image larger than the rest.
func urlProjects(e *environment) []*project {
	p := newProject("by url", classification, 2)
	for i := range 130 {
		img := p.add(e.vault, picture(i), i%2)
		if i < 2 {
			img.Metadata = map[string]string{"site": "a"}
		}
	}
	return []*project{p}
}

// linkServer serves the objects of a vault at links of its own, as long as it
// is told to.
type linkServer struct {
	vault   *vault.Vault
	url     string
	signs   atomic.Int64
	refuses func(name string) bool
}

func serveLinks(t *testing.T, v *vault.Vault, refuses func(name string) bool) *linkServer {
	l := &linkServer{vault: v, refuses: refuses}
	server := httptest.NewServer(l)
	t.Cleanup(server.Close)
	l.url = server.URL
	return l
}

func (l *linkServer) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	name := strings.TrimPrefix(req.URL.Path, "/")
	if req.URL.Query().Get("sig") != "c2VjcmV0" || l.refuses(name) {
		http.Error(w, "no", http.StatusForbidden)
		return
	}
	r, err := l.vault.Store().Open(req.Context(), name, 0, -1)
	if err != nil {
		http.Error(w, "no", http.StatusNotFound)
		return
	}
	defer r.Close()
	io.Copy(w, r)
}

func (l *linkServer) ObjectURL(_ context.Context, o manifest.Object, ttl time.Duration) (manifest.Secret, error) {
	l.signs.Add(1)
	if ttl <= 0 || ttl > 24*time.Hour {
		return manifest.Secret{}, errors.New("not a short life")
	}
	return manifest.NewSecret(l.url + "/" + l.vault.ObjectName(o) + "?sig=c2VjcmV0"), nil
}

// TestByURLFallsBack has a vault that the service reaches not at all, or not
// everywhere.
func TestByURLFallsBack(t *testing.T) {
	all := func(string) bool { return true }
	some := func(name string) bool { return strings.HasPrefix(name, "objects/sha256/0") }
	for _, tt := range []struct {
		name     string
		refuses  func(string) bool
		transfer restore.Transfer
		whole    bool
		byURL    int // calls
	}{
		{"never reached", all, restore.TransferAuto, true, 1},
		{"partly reached", some, restore.TransferAuto, true, 3},
		{"only by url", some, restore.TransferURL, false, 3},
		{"upload asked for", all, restore.TransferUpload, true, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e := newEnvironment(t, simulator.ResourceOptions{})
			projects := urlProjects(e)
			unreached := 0
			for _, img := range projects[0].images {
				if tt.refuses(e.vault.ObjectName(*img.Object)) {
					unreached++
				}
			}
			r := archiveOf(t, projects...)
			opt := e.options()
			opt.Links, opt.Transfer, opt.Batches = serveLinks(t, e.vault, tt.refuses), tt.transfer, 1
			_, report := e.restore(r, opt)
			pr := report.Projects[0]
			if report.Whole() != tt.whole {
				t.Errorf("whole %t: %+v", report.Whole(), pr.Failures)
			}
			if n := e.writes()[plan.CreateImagesFromURLs]; n < tt.byURL || tt.transfer != restore.TransferURL && n != tt.byURL {
				t.Errorf("%d calls by URL, want %d", n, tt.byURL)
			}
			if !tt.whole && (len(pr.Failures) != unreached || pr.Failures[0].Code != "ErrorSource" || pr.Failures[0].Operation != plan.CreateImagesFromURLs) {
				t.Errorf("%d failures for %d images out of reach: %+v", len(pr.Failures), unreached, pr.Failures)
			}
			if tt.name == "partly reached" && (pr.FellBack != unreached || pr.BytesByURL == 0 || pr.BytesByURL == pr.Bytes) {
				t.Errorf("%d of %d fell back; %d of %d bytes by URL", pr.FellBack, unreached, pr.BytesByURL, pr.Bytes)
			}
			for _, f := range pr.Failures {
				if strings.Contains(f.Message+f.Item, "sig=") || strings.Contains(f.Message, "c2VjcmV0") {
					t.Errorf("a link is told: %+v", f)
				}
			}
		})
	}
}

// TestTransferIsChosen looks at what the plan chooses.
func TestTransferIsChosen(t *testing.T) {
	e := newEnvironment(t, simulator.ResourceOptions{})
	r := archiveOf(t, urlProjects(e)...)
	links := serveLinks(t, e.vault, func(string) bool { return true })
	for _, tt := range []struct {
		name     string
		links    restore.Links
		transfer restore.Transfer
		endpoint string
		want     plan.Transfer
		fails    bool
	}{
		{"a folder", nil, restore.TransferAuto, "", plan.TransferUpload, false},
		{"a folder, by url", nil, restore.TransferURL, "", "", true},
		{"a vault that cannot sign", e.vault, restore.TransferAuto, "", plan.TransferUpload, false},
		{"a vault that cannot sign, by url", e.vault, restore.TransferURL, "", "", true},
		{"both here", links, restore.TransferAuto, "", plan.TransferURL, false},
		{"the vault here, the target in the cloud", links, restore.TransferAuto, "https://northeurope.api.cognitive.microsoft.com", plan.TransferUpload, false},
		{"the same, by url", links, restore.TransferURL, "https://northeurope.api.cognitive.microsoft.com", plan.TransferURL, false},
	} {
		opt := e.options()
		opt.Links, opt.Transfer = tt.links, tt.transfer
		if tt.endpoint != "" {
			opt.Target.Endpoint = tt.endpoint
		}
		p, err := restore.Prepare(t.Context(), e.target, r, opt)
		if (err != nil) != tt.fails {
			t.Errorf("%s: err %v", tt.name, err)
		}
		if err == nil && p.Projects[0].Transfer != tt.want {
			t.Errorf("%s: transfer %s, want %s", tt.name, p.Projects[0].Transfer, tt.want)
		}
	}
}
