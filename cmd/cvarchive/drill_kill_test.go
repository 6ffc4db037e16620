package main

import (
	"context"
	"os"
	"path/filepath"
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
	for name, signal := range map[string]os.Signal{"interrupt": os.Interrupt, "kill -9": os.Kill} {
		t.Run(name, func(t *testing.T) {
			h := hold(t, isUpload, 2, seedImages(400))
			dir := h.dir
			if err := seedSmall(h.base + "/northeurope"); err != nil {
				t.Fatal(err)
			}
			backUp(t, dir)
			before := projectsOf(t, h.base+"/northeurope")
			args := []string{"drill", "latest", "--to", "north", "--mode", "rebuild", "--yes", "--progress", "none"}
			stopProgram(t, programIn(t, dir, args...), h, signal, "what the drill had created is deleted")
			if n := len(projectsOf(t, h.base+"/northeurope")); signal == os.Kill && n != len(before)+1 {
				t.Fatalf("%d projects after the kill, want one more than %d", n, len(before))
			}
			if signal == os.Interrupt {
				wantProjects(t, h.base+"/northeurope", before)
			}
			out, err := programIn(t, dir, args...).Output()
			if err != nil {
				t.Fatalf("the next drill: %v\n%s", err, out)
			}
			if found := strings.Contains(string(out), "1 project that an earlier drill had left"); found != (signal == os.Kill) {
				t.Errorf("the next drill said:\n%s", out)
			}
			wantProjects(t, h.base+"/northeurope", before)
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
