package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// hear closes heard when a text was written, and keeps all of it.
type hear struct {
	text  string
	heard chan struct{}

	mu   sync.Mutex
	once sync.Once
	all  bytes.Buffer
}

func (h *hear) Write(p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.all.Write(p)
	if strings.Contains(h.all.String(), h.text) {
		h.once.Do(func() { close(h.heard) })
	}
	return len(p), nil
}

// TestInterrupt stops a backup half-way with signals, and goes on. One signal
// lets it finish what it has begun, a second one does not; both end it in good
// order.
func TestInterrupt(t *testing.T) {
	for name, tt := range map[string]struct {
		signals []os.Signal
	}{
		"once":  {[]os.Signal{syscall.SIGTERM}},
		"twice": {[]os.Signal{os.Interrupt, os.Interrupt}},
	} {
		t.Run(name, func(t *testing.T) {
			g := hold(t, isDownload, 5, seedSmall)
			cmd := programIn(t, g.dir, "backup", "west", "--progress", "none", "--downloads", "4")
			var stdout bytes.Buffer
			stderr := &hear{text: "interrupt again to stop now", heard: make(chan struct{})}
			cmd.Stdout, cmd.Stderr = &stdout, stderr
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			<-g.arrived
			for i, s := range tt.signals {
				if err := cmd.Process.Signal(s); err != nil {
					t.Fatal(err)
				}
				if i == 0 {
					<-stderr.heard
				}
			}
			if len(tt.signals) == 1 {
				close(g.open)
			}
			err := cmd.Wait()
			exit, ok := errors.AsType[*exec.ExitError](err)
			if !ok || exit.ExitCode() != exitInterrupted {
				t.Fatalf("ended with %v, want status 130; standard error: %s", err, &stderr.all)
			}
			last := lastLine(stderr.all.String())
			if !strings.HasPrefix(last, "cvarchive: ") || !strings.Contains(last, "run the same command to go on") {
				t.Errorf("said %q, which does not tell how to go on", last)
			}
			if stdout.Len() > 0 {
				t.Errorf("standard output has %q", &stdout)
			}
			if archives, _ := filepath.Glob(filepath.Join(g.dir, "vault", "archives", "*", "*")); len(archives) > 0 {
				t.Errorf("an interrupted backup left %v", archives)
			}
			stored, _ := filepath.Glob(filepath.Join(g.dir, "vault", "objects", "sha256", "*", "*"))
			if n := len(stored); len(tt.signals) == 1 && (n < 5+1 || n > 5+4) {
				t.Errorf("%d images are stored, want the 5 that were done and those in flight, at most 4", n)
			}

			if len(tt.signals) > 1 {
				close(g.open)
			}
			g.service.Resource("westeurope").ResetCalls()
			if out, err := programIn(t, g.dir, "backup", "west", "--progress", "none").Output(); err != nil {
				t.Fatalf("going on: %v\n%s", err, out)
			}
			if reads, _ := g.service.Resource("westeurope").BlobReads(); reads != 20-len(stored) {
				t.Errorf("going on took %d downloads, with %d of 20 images stored", reads, len(stored))
			}
			if _, err := programIn(t, g.dir, "verify", "latest", "--read-data").Output(); err != nil {
				t.Errorf("verify after going on: %v", err)
			}
		})
	}
}

// TestKilled kills a backup of 2,000 images at about half of them, so that it
// cannot say goodbye, and runs it again.
func TestKilled(t *testing.T) {
	const images, half, downloads = 2000, 1000, 8
	g := hold(t, isDownload, half, seedImages(images))
	backup := func() *exec.Cmd {
		return programIn(t, g.dir, "backup", "west", "--progress", "none", "--downloads", fmt.Sprint(downloads))
	}
	cmd := backup()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	<-g.arrived
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err == nil {
		t.Fatal("it ended well")
	}
	close(g.open)
	g.service.Resource("westeurope").ResetCalls()
	if out, err := backup().CombinedOutput(); err != nil {
		t.Fatalf("going on: %v\n%s", err, out)
	}
	reads, _ := g.service.Resource("westeurope").BlobReads()
	t.Logf("killed after %d of %d images; %d downloads afterwards", half, images, reads)
	// One segment of the journal was filling, another one being written.
	if reads < images-half-downloads || reads > images-half+2*64+2*downloads {
		t.Errorf("%d downloads after a kill at %d of %d images", reads, half, images)
	}
	if out, err := programIn(t, g.dir, "verify", "latest", "--read-data").CombinedOutput(); err != nil {
		t.Errorf("verify after going on: %v\n%s", err, out)
	}
}

// TestSecondSignal makes sure that somebody who insists is obeyed at once.
func TestSecondSignal(t *testing.T) {
	needInterrupts(t)
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
	ctx, in := interruptible(context.Background())
	defer in.release()
	os.Stdout.WriteString("1")
	<-ctx.Done()
	os.Stdout.WriteString("2")
	io.Copy(io.Discard, os.Stdin) // which nobody closes
}

func lastLine(s string) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	return lines[len(lines)-1]
}
