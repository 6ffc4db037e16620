package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"cvarchive/manifest"
	"cvarchive/remote/customvision"
)

// TestRestoreStopped ends a rebuild of several calls with a signal, when a few
// have been made, and runs the same command again. One signal lets the calls
// under way come to their end; SIGKILL lets nothing. A saved plan goes on too.
func TestRestoreStopped(t *testing.T) {
	for name, signal := range map[string]os.Signal{"interrupt": os.Interrupt, "kill -9": os.Kill, "kill -9 of a saved plan": os.Kill} {
		t.Run(name, func(t *testing.T) {
			const images = 400
			h := hold(t, isUpload, 2, seedImages(images))
			dir := h.dir
			backUp(t, dir)
			args := []string{"restore", "latest", "--to", "north", "--mode", "rebuild", "--yes", "--progress", "none"}
			if strings.Contains(name, "plan") {
				save := programIn(t, dir, "restore", "latest", "--to", "north", "--mode", "rebuild", "--dry-run", "--out", "plan.json")
				if out, err := save.CombinedOutput(); save.ProcessState.ExitCode() != exitDifferences {
					t.Fatalf("save a plan: %v\n%s", err, out)
				}
				args = []string{"restore", "--plan", "plan.json", "--yes", "--progress", "none"}
			}
			stopProgram(t, programIn(t, dir, args...), h, signal, "run the same command to go on")

			plan, err := programIn(t, dir, "restore", "latest", "--to", "north", "--dry-run").Output()
			if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.ExitCode() != exitDifferences || !strings.Contains(string(plan), "(resume: ") {
				t.Errorf("the plan in between: %v\n%s", err, plan)
			}
			out, err := programIn(t, dir, args...).Output()
			if err != nil {
				t.Fatalf("going on: %v\n%s", err, out)
			}
			if text := string(out); !strings.Contains(text, "gone on with what was begun at") || !strings.Contains(text, "equal to the archive: 400 images, 400 by their bytes") {
				t.Errorf("going on said:\n%s", text)
			}
			wantOneProject(t, h.base+"/northeurope", images)
			if left, _ := filepath.Glob(filepath.Join(dir, "vault", "restores", "*", "*", "*", "[0-9]*")); len(left) > 0 {
				t.Errorf("the journal is still there: %v", left)
			}
		})
	}
}

// stopProgram runs a program until uploads wait, and sends it a signal. After
// an interrupt it must say what happens next.
func stopProgram(t *testing.T, cmd *exec.Cmd, h *held, signal os.Signal, next string) {
	t.Helper()
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	<-h.arrived
	if err := cmd.Process.Signal(signal); err != nil {
		t.Fatal(err)
	}
	if signal == os.Kill {
		_ = cmd.Wait()
		close(h.open)
		return
	}
	close(h.open)
	err := cmd.Wait()
	exit, ok := errors.AsType[*exec.ExitError](err)
	if !ok || exit.ExitCode() != exitInterrupted {
		t.Fatalf("ended with %v, want status 130; standard error: %s", err, &stderr)
	}
	if last := lastLine(stderr.String()); !strings.Contains(last, next) {
		t.Errorf("said %q, which does not tell how to go on", last)
	}
}

func wantOneProject(t *testing.T, endpoint string, images int) {
	t.Helper()
	projects := projectsOf(t, endpoint)
	if len(projects) != 1 {
		t.Fatalf("projects %v", projects)
	}
	c, err := customvision.New(customvision.Options{Endpoint: endpoint, TrainingKey: manifest.NewSecret(testKey), CallsPerSecond: -1})
	if err != nil {
		t.Fatal(err)
	}
	if n, err := c.ImageCount(context.Background(), projects[0].ID, ""); err != nil || n != images {
		t.Errorf("%d images, err %v, want %d", n, err, images)
	}
}
