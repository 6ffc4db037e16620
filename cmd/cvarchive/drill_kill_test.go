package main

import (
	"context"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cvarchive/manifest"
	"cvarchive/remote/customvision"
)

// TestDrillStopped ends a drill with a signal while it uploads. An interrupt
// lets it clean up; after SIGKILL the next drill does, at once, for the
// process is known to be gone. Either way the target is as it was.
func TestDrillStopped(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("there is no interrupt to send to another process")
	}
	for name, signal := range map[string]os.Signal{"interrupt": os.Interrupt, "kill -9": os.Kill} {
		t.Run(name, func(t *testing.T) {
			service, base := newService(t)
			if err := seedMany(base+"/westeurope", 400); err != nil {
				t.Fatal(err)
			}
			if err := seedSmall(base + "/northeurope"); err != nil {
				t.Fatal(err)
			}
			h := &hold{inner: service, arrived: make(chan struct{}), open: make(chan struct{}), free: 2}
			server := httptest.NewServer(h)
			t.Cleanup(server.Close)
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, "cvarchive.yaml"), []byte(testConfig(server.URL)), 0o600); err != nil {
				t.Fatal(err)
			}
			if out, err := programIn(t, dir, "backup", "west", "--progress", "none").CombinedOutput(); err != nil {
				t.Fatalf("backup: %v\n%s", err, out)
			}
			before := projectsOf(t, base+"/northeurope")
			args := []string{"drill", "latest", "--to", "north", "--mode", "rebuild", "--yes", "--progress", "none"}
			stopProgram(t, programIn(t, dir, args...), h, signal, "what the drill had created is deleted")
			if n := len(projectsOf(t, base+"/northeurope")); signal == os.Kill && n != len(before)+1 {
				t.Fatalf("%d projects after the kill, want one more than %d", n, len(before))
			}
			if signal == os.Interrupt {
				wantProjects(t, base+"/northeurope", before)
			}
			out, err := programIn(t, dir, args...).Output()
			if err != nil {
				t.Fatalf("the next drill: %v\n%s", err, out)
			}
			if found := strings.Contains(string(out), "1 project that an earlier drill had left"); found != (signal == os.Kill) {
				t.Errorf("the next drill said:\n%s", out)
			}
			wantProjects(t, base+"/northeurope", before)
			if left, _ := filepath.Glob(filepath.Join(dir, "vault", "restores", "*", "*", "*", "[0-9]*")); len(left) > 0 {
				t.Errorf("the journal is still there: %v", left)
			}
		})
	}
}

func projectsOf(t *testing.T, endpoint string) []manifest.Project {
	t.Helper()
	c, err := customvision.New(customvision.Options{Endpoint: endpoint, TrainingKey: manifest.NewSecret(testKey), CallsPerSecond: -1})
	if err != nil {
		t.Fatal(err)
	}
	projects, err := c.Projects(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return projects
}

func wantProjects(t *testing.T, endpoint string, want []manifest.Project) {
	t.Helper()
	if d := cmp.Diff(want, projectsOf(t, endpoint)); d != "" {
		t.Errorf("projects of the target (-before +after):\n%s", d)
	}
}
