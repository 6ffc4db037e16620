package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"cvarchive/archive/verify"
)

// stopAfter is standard error: it ends a context with the nth item that the
// progress tells of.
type stopAfter struct {
	mu   sync.Mutex
	left int
	stop context.CancelFunc
	text bytes.Buffer
}

func (s *stopAfter) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.left -= bytes.Count(p, []byte(`"event":"item"`))
	if s.left <= 0 {
		s.stop()
	}
	return s.text.Write(p)
}

// A verification that is interrupted says how to go on, and goes on.
func TestVerifyGoesOn(t *testing.T) {
	_, base := newService(t)
	if err := seedSmall(base + "/westeurope"); err != nil {
		t.Fatal(err)
	}
	config := configFor(t, base)
	dir := filepath.Dir(config)
	cvarchive := func(items int, line string) (status int, stdout, stderr string) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var out bytes.Buffer
		errs := &stopAfter{left: items, stop: cancel}
		status = run(ctx, append(strings.Fields(line), "--config", config), process{
			stdin: strings.NewReader(""), stdout: &out, stderr: errs,
			lookupEnv: func(name string) (string, bool) {
				value, ok := map[string]string{"KEY": testKey, "XDG_CACHE_HOME": dir, "HOME": dir, "LocalAppData": dir}[name]
				return value, ok
			},
		})
		return status, out.String(), errs.text.String()
	}
	const all = 1 << 30
	if status, _, stderr := cvarchive(all, "backup west --progress none"); status != exitDone {
		t.Fatalf("backup: status %d: %s", status, stderr)
	}
	status, _, stderr := cvarchive(5, "verify --all --read-data --progress json")
	if status != exitInterrupted || !strings.Contains(stderr, "run the same command again to go on") {
		t.Fatalf("interrupted: status %d: %s", status, stderr)
	}
	left, err := filepath.Glob(filepath.Join(dir, "cvarchive", "verify", "*-all.state"))
	if dirs, _ := filepath.Glob(filepath.Join(dir, "Library", "Caches", "cvarchive", "verify", "*-all.state")); len(dirs) > 0 {
		left = dirs
	}
	if err != nil || len(left) != 1 {
		t.Fatalf("what was read is not remembered: %v, %v", left, err)
	}
	status, stdout, stderr := cvarchive(all, "verify --all --read-data --progress none")
	went := regexp.MustCompile(`\n([0-9]+) of 20 objects were read before the verification was stopped`).FindStringSubmatch(stdout)
	if status != exitDone || went == nil || !strings.Contains(stdout, "no problems") {
		t.Fatalf("going on: status %d: %s%s", status, stdout, stderr)
	}
	if _, err := os.Stat(left[0]); !os.IsNotExist(err) {
		t.Errorf("after the end: %v", err)
	}
	if _, stdout, _ := cvarchive(all, "verify --all --read-data --progress none"); strings.Contains(stdout, "were read before") {
		t.Errorf("after the end: %s", stdout)
	}
}

// What verify and repair print with --json are lines of the documented
// types.
func TestLinesOfVerifyAndRepair(t *testing.T) {
	_, base := newService(t)
	if err := seedSmall(base + "/westeurope"); err != nil {
		t.Fatal(err)
	}
	config := configFor(t, base)
	dir := filepath.Dir(config)
	cvarchive := func(want int, line string) string {
		t.Helper()
		var stdout, stderr bytes.Buffer
		status := run(t.Context(), append(strings.Fields(line), "--config", config, "--progress", "none"), process{
			stdin: strings.NewReader(""), stdout: &stdout, stderr: &stderr,
			lookupEnv: func(name string) (string, bool) {
				value, ok := map[string]string{"KEY": testKey}[name]
				return value, ok
			},
		})
		if status != want {
			t.Fatalf("%s: status %d: %s%s", line, status, &stdout, &stderr)
		}
		return stdout.String()
	}
	cvarchive(exitDone, "backup west")
	objects, err := filepath.Glob(filepath.Join(dir, "vault", "objects", "sha256", "*", "*"))
	if err != nil || len(objects) != 20 {
		t.Fatalf("%d objects, %v", len(objects), err)
	}
	archives, err := filepath.Glob(filepath.Join(dir, "vault", "archives", "west", "*"))
	if err != nil || len(archives) != 1 {
		t.Fatalf("archives %v, %v", archives, err)
	}
	if err := os.Remove(objects[0]); err != nil {
		t.Fatal(err)
	}
	file, err := os.OpenFile(archives[0], os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := file.WriteAt([]byte("????"), 20); err != nil { // in the README
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	verifyLines.decode(t, cvarchive(exitFailed, "verify --all --chain --json"))
	repairLines.decode(t, cvarchive(exitNotWhole, "repair --all --json"))
	if _, err := os.Stat(objects[0]); err != nil {
		t.Errorf("beside a damaged archive file an object is not repaired: %v", err)
	}
}

// What is told when it is found is not kept for each archive, too.
func TestProblemsAreKeptToBeShownOnly(t *testing.T) {
	report := &verify.Report{Archive: "weu/a", Problems: make([]verify.Problem, 3), Unlisted: 2}
	for _, unlisted := range []bool{false, true} {
		r := &verification{unlisted: unlisted}
		r.take("weu/a", 1, report, nil, nil)
		if kept := len(r.archives[0].shown) > 0; kept == unlisted || r.problems() != 5 || r.sound() {
			t.Errorf("unlisted %v: kept %v, %d problems", unlisted, kept, r.problems())
		}
	}
}
