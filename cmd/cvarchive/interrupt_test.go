package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

// gate is a service whose image downloads stop after a few, until it is
// opened.
type gate struct {
	inner   http.Handler
	arrived chan struct{} // closed when a download waits
	open    chan struct{} // closed to let everything pass

	mu   sync.Mutex
	free int // downloads that still pass
	once sync.Once
}

func (g *gate) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	if strings.Contains(req.URL.Path, "/blob/i-") {
		g.mu.Lock()
		g.free--
		wait := g.free < 0
		g.mu.Unlock()
		if wait {
			g.once.Do(func() { close(g.arrived) })
			select {
			case <-g.open:
			case <-req.Context().Done():
				return
			}
		}
	}
	g.inner.ServeHTTP(w, req)
}

// TestInterrupt stops a backup half-way with a signal, and goes on.
func TestInterrupt(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("there is no interrupt to send to another process")
	}
	service, base := newService(t)
	if err := seedSmall(base + "/westeurope"); err != nil {
		t.Fatal(err)
	}
	g := &gate{inner: service, arrived: make(chan struct{}), open: make(chan struct{}), free: 5}
	server := httptest.NewServer(g)
	t.Cleanup(server.Close)
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "cvarchive.yaml"), []byte(testConfig(server.URL)), 0o600); err != nil {
		t.Fatal(err)
	}

	cmd := programIn(t, dir, "backup", "west", "--progress", "none")
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	<-g.arrived
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	err := cmd.Wait()
	exit, ok := errors.AsType[*exec.ExitError](err)
	if !ok || exit.ExitCode() != exitInterrupted {
		t.Fatalf("ended with %v, want status 130; standard error: %s", err, &stderr)
	}
	last := lastLine(stderr.String())
	if !strings.HasPrefix(last, "cvarchive: ") || !strings.Contains(last, "run the same command to go on") {
		t.Errorf("said %q, which does not tell how to go on", last)
	}
	if stdout.Len() > 0 {
		t.Errorf("standard output has %q", &stdout)
	}
	if archives, _ := filepath.Glob(filepath.Join(dir, "vault", "archives", "*", "*")); len(archives) > 0 {
		t.Errorf("an interrupted backup left %v", archives)
	}

	close(g.open)
	out, err := programIn(t, dir, "backup", "west", "--progress", "none").Output()
	if err != nil {
		t.Fatalf("going on: %v", err)
	}
	if !strings.Contains(string(out), "20 images downloaded") && !strings.Contains(string(out), "already in the vault") {
		t.Errorf("going on said:\n%s", out)
	}
	if _, err := programIn(t, dir, "verify", "latest", "--read-data").Output(); err != nil {
		t.Errorf("verify after going on: %v", err)
	}
}

// TestSecondSignal makes sure that somebody who insists is obeyed at once.
func TestSecondSignal(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("there is no interrupt to send to another process")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, "cvarchive-stubborn")
	ready, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	one := make([]byte, 1)
	for range 2 {
		if _, err := ready.Read(one); err != nil {
			t.Fatal(err)
		}
		if err := cmd.Process.Signal(os.Interrupt); err != nil {
			t.Fatal(err)
		}
	}
	err = cmd.Wait()
	if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.ExitCode() != -1 || ctx.Err() != nil {
		t.Fatalf("ended with %v, want an end by the signal", err)
	}
}

// stubborn is a program that a signal does not impress. It writes a byte when
// it is ready, and another when it was asked to end.
func stubborn() {
	ctx, stop := interruptible(context.Background())
	defer stop()
	os.Stdout.WriteString("1")
	<-ctx.Done()
	os.Stdout.WriteString("2")
	io.Copy(io.Discard, os.Stdin) // which nobody closes
}

func lastLine(s string) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	return lines[len(lines)-1]
}

// programIn is a run of the program as a process of its own, in a folder.
func programIn(t *testing.T, dir string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "cvarchive", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "KEY="+testKey, "CVARCHIVE_CONFIG=", "CVARCHIVE_VAULT=", "XDG_CONFIG_HOME="+dir, "HOME="+dir)
	return cmd
}
