package torture

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cvarchive/archive/vault"
	"cvarchive/archive/vault/dirstore"
	"cvarchive/archive/vault/vaulttest"
	"cvarchive/manifest"
	"cvarchive/manifest/store"
	"cvarchive/manifest/testenv"
	"cvarchive/remote/blobstore"
	"cvarchive/remote/blobstore/azurite"
)

// place is where a vault is, and a folder for temporary files beside it.
type place struct {
	name       string
	url        string // of the vault, as the config has it
	connection string // of the vault, for the environment; may be empty
	temp       string
	store      vault.Store // not through the gremlin
	gremlin    *gremlin    // nil: there is none
	clock      *clock      // nil: that of the files in a folder
	disk       string      // the small disk, or ""
	secrets    *secrets    // nil: the vault is not encrypted
}

// diskSize is that of the small disk: room for the largest vault and a bit.
const diskSize = 48 << 20

// folderPlace is a vault in a folder.
func folderPlace(t *testing.T) *place {
	t.Helper()
	root := t.TempDir()
	p := &place{name: "a folder", url: filepath.Join(root, "vault"), temp: filepath.Join(root, "temp")}
	makeDir(t, p.temp)
	var err error
	if p.store, err = dirstore.New(p.url); err != nil {
		t.Fatal(err)
	}
	return p
}

// diskPlace is a vault on a disk of its own, which can be full; where that is
// not possible the test is skipped.
func diskPlace(t *testing.T) *place {
	t.Helper()
	root := t.TempDir()
	if err := mountDisk(root, diskSize); err != nil {
		testenv.Missing(t, "this system lets tests mount no small disk")
	}
	t.Cleanup(func() {
		if err := unmountDisk(root); err != nil {
			t.Error(err)
		}
	})
	p := &place{name: "a small disk", url: filepath.Join(root, "vault"), temp: filepath.Join(root, "temp"), disk: root}
	makeDir(t, p.temp)
	var err error
	if p.store, err = dirstore.New(p.url); err != nil {
		t.Fatal(err)
	}
	return p
}

// unfinished lists what killed programs left of files that they were writing.
func (p *place) unfinished() (paths []string) {
	root, ok := strings.CutPrefix(p.url, "/")
	if !ok {
		return nil
	}
	_ = filepath.WalkDir("/"+root, func(path string, d os.DirEntry, err error) error {
		if err == nil && strings.HasPrefix(d.Name(), store.TempPrefix) {
			paths = append(paths, path)
		}
		return nil
	})
	return paths
}

// fill leaves so many bytes on the disk; free gives the rest back.
func (p *place) fill(t *testing.T, leave int64) {
	f, err := os.Create(p.filler())
	if err != nil {
		return // it is full already
	}
	defer f.Close()
	block := make([]byte, 64<<10)
	for err == nil {
		_, err = f.Write(block)
	}
	info, err := f.Stat()
	if err == nil {
		err = f.Truncate(max(0, info.Size()-leave))
	}
	if err != nil {
		t.Errorf("fill the disk: %v", err)
	}
}

func (p *place) free(t *testing.T) {
	if p.disk == "" {
		return
	}
	if err := os.Remove(p.filler()); err != nil && !os.IsNotExist(err) {
		t.Errorf("free the disk: %v", err)
	}
}

func (p *place) filler() string { return filepath.Join(p.disk, "filler") }

// cloud is Azurite behind a gremlin.
type cloud struct {
	server  *azurite.Server
	gremlin *gremlin
	clock   *clock
	url     string // of the account, through the gremlin
	started time.Time
}

// freshFor is how long an emulator is used. Every ten minutes Azurite collects
// what it takes for garbage, and blobs that are written meanwhile have been
// seen to answer 500 ever after.
const freshFor = 6 * time.Minute

func newCloud(t *testing.T) *cloud {
	t.Helper()
	server := azurite.Start(t)
	target, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	target.Path = ""
	clock := newClock()
	proxy := &httputil.ReverseProxy{
		Rewrite:        func(r *httputil.ProxyRequest) { r.SetURL(target) },
		ModifyResponse: clock.rewrite,
		ErrorHandler:   func(http.ResponseWriter, *http.Request, error) { cut() },
	}
	g := &gremlin{next: clock.around(proxy)}
	return &cloud{server: server, gremlin: g, clock: clock, url: serve(t, g) + "/" + azurite.Account, started: time.Now()}
}

// place is a vault in a container of its own.
func (c *cloud) place(t *testing.T) *place {
	t.Helper()
	direct := c.server.ContainerURL(t)
	store, err := blobstore.New(blobstore.Options{URL: direct, ConnectionString: manifest.NewSecret(c.server.ConnectionString)})
	if err != nil {
		t.Fatal(err)
	}
	c.clock.mu.Lock()
	c.clock.direct["/"+azurite.Account+direct[strings.LastIndex(direct, "/"):]] = store
	c.clock.mu.Unlock()
	return &place{
		name: "Azurite", url: c.url + direct[strings.LastIndex(direct, "/"):], temp: t.TempDir(), store: store, gremlin: c.gremlin, clock: c.clock,
		connection: fmt.Sprintf("DefaultEndpointsProtocol=http;AccountName=%s;AccountKey=%s;BlobEndpoint=%s;", azurite.Account, c.server.Key, c.url),
	}
}

// mirror reads everything that the place stores into memory, once, so that
// looking at it many times is cheap.
func (p *place) mirror(ctx context.Context) (*vaulttest.Memory, error) {
	m := vaulttest.NewMemory()
	for info, err := range p.store.List(ctx, "") {
		if err != nil {
			return nil, err
		}
		r, err := p.store.Open(ctx, info.Name, 0, -1)
		if err != nil {
			return nil, err
		}
		data, err := io.ReadAll(r)
		r.Close()
		if err != nil {
			return nil, err
		}
		if int64(len(data)) != info.Size {
			return nil, fmt.Errorf("%s is listed with %d bytes and has %d", info.Name, info.Size, len(data))
		}
		m.Put(info.Name, data)
	}
	return m, nil
}

func makeDir(t *testing.T, dir string) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
}
