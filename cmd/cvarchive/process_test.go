package main

import (
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"cvarchive/remote/simulator"
)

// programIn is a run of the program as a process of its own, in a folder.
func programIn(t *testing.T, dir string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "cvarchive", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "KEY="+testKey, "CVARCHIVE_CONFIG=", "CVARCHIVE_VAULT=", "XDG_CONFIG_HOME="+dir, "HOME="+dir)
	return cmd
}

// backUp makes an archive of west.
func backUp(t *testing.T, dir string) {
	t.Helper()
	if out, err := programIn(t, dir, "backup", "west", "--progress", "none").CombinedOutput(); err != nil {
		t.Fatalf("backup: %v\n%s", err, out)
	}
}

// configFor makes a folder with a config for a service, and returns the path of
// the config.
func configFor(t *testing.T, base string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "cvarchive.yaml")
	if err := os.WriteFile(path, []byte(testConfig(base)), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// gate is a service that keeps some calls waiting, after a few have passed,
// until it is opened.
type gate struct {
	inner   http.Handler
	holds   func(*http.Request) bool
	arrived chan struct{} // closed when a call waits
	open    chan struct{} // closed to let everything pass

	mu   sync.Mutex
	free int // calls that still pass
	once sync.Once
}

func isDownload(req *http.Request) bool { return strings.Contains(req.URL.Path, "/blob/i-") }

func isUpload(req *http.Request) bool { return strings.HasSuffix(req.URL.Path, "/images/files") }

func (g *gate) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	if g.holds(req) && !g.pass() {
		g.once.Do(func() { close(g.arrived) })
		gone := req.Context().Done()
		if req.Method == http.MethodPost {
			gone = nil // what was sent is carried out, whoever waits for the answer
		}
		select {
		case <-g.open:
		case <-gone:
			return
		}
	}
	g.inner.ServeHTTP(w, req)
}

func (g *gate) pass() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.free--
	return g.free >= 0
}

// held is an account behind a gate, and a folder with a config for it to run
// the program in.
type held struct {
	*gate
	service *simulator.Service
	base    string // of the service, past the gate
	dir     string
}

// hold starts a service of which some calls wait after a number of them, with
// images in westeurope.
func hold(t *testing.T, holds func(*http.Request) bool, free int, seed func(endpoint string) error) *held {
	t.Helper()
	needInterrupts(t)
	service, base := newService(t)
	if err := seed(base + "/westeurope"); err != nil {
		t.Fatal(err)
	}
	service.Resource("westeurope").ResetCalls()
	g := &gate{inner: service, holds: holds, arrived: make(chan struct{}), open: make(chan struct{}), free: free}
	server := httptest.NewServer(g)
	t.Cleanup(server.Close)
	return &held{gate: g, service: service, base: base, dir: filepath.Dir(configFor(t, server.URL))}
}

// needInterrupts skips a test where programs cannot be interrupted.
func needInterrupts(t *testing.T) {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("there is no interrupt to send to another process")
	}
}

// seedImages makes an account of one project.
func seedImages(n int) func(endpoint string) error {
	return func(endpoint string) error { return seedMany(endpoint, n) }
}
