package officialclient

import (
	"bytes"
	"cmp"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"cvarchive/remote/simulator"

	"github.com/Azure/azure-sdk-for-go/services/cognitiveservices/v3.3/customvision/training"
	gocmp "github.com/google/go-cmp/cmp"
)

// TestRestoreByTheTool makes a project with the official client, has the
// built program back it up and rebuild it from content with the source down
// and the token expired, and reads both sides with the official client.
func TestRestoreByTheTool(t *testing.T) {
	s := start(t, simulator.Options{})
	tool := newTool(t, s)
	s.project("birds · طيور", detectionGeneral, "")
	wren, owl := s.tag("wren", training.Regular), s.tag("hibou grand-duc", training.Regular)
	s.upload(0, 64, map[string]*string{"site": ptr("north")})
	for from := 64; from < 320; from += 64 { // more than a page
		s.upload(from, 64, nil)
	}
	ids := s.upload(400, 20, map[string]*string{"site": ptr("south")})
	var regions []training.ImageRegionCreateEntry
	for i := range ids {
		entry := training.ImageRegionCreateEntry{
			ImageID: &ids[i], TagID: &wren, Left: ptr(0.013 * float64(i)), Top: ptr(1.0 / 3), Width: ptr(0.5), Height: ptr(0.125),
		}
		if i%2 == 0 {
			entry.TagID = &owl
		}
		regions = append(regions, entry)
	}
	must(s.c.CreateImageRegions(s.ctx, s.id, training.ImageRegionCreateBatch{Regions: &regions}))(t)
	source := must(ReadBack(s.ctx, s.sim.Endpoint("westeurope"), s.sim.Key("westeurope"), s.id.String()))(t)

	tool.run("backup", "westeurope")
	s.sim.Service.Resource("westeurope").SetDown(true)
	s.sim.Service.Advance(48 * time.Hour)
	tool.run("restore", "latest", "--to", "northeurope", "--mode", "rebuild", "--yes")

	target := New(s.sim.Endpoint("northeurope"), s.sim.Key("northeurope"))
	projects := must(target.GetProjects(s.ctx))(t)
	if n := len(*projects.Value); n != 1 {
		t.Fatalf("the target has %d projects, want 1", n)
	}
	restored := must(ReadBack(s.ctx, s.sim.Endpoint("northeurope"), s.sim.Key("northeurope"), (*projects.Value)[0].ID.String()))(t)
	byBytes(source.Images)
	byBytes(restored.Images)
	if diff := gocmp.Diff(source, restored); diff != "" {
		t.Errorf("what the program restored differs (-source +restored):\n%s", diff)
	}
}

// byBytes puts images in an order that does not depend on when they were
// created: a restore groups them to save calls.
func byBytes(images []Image) {
	slices.SortFunc(images, func(a, b Image) int {
		return cmp.Or(bytes.Compare(a.Original, b.Original), cmp.Compare(len(a.Regions), len(b.Regions)))
	})
}

// tool is the built program with a configuration of its own.
type tool struct {
	t            *testing.T
	path, config string
}

func newTool(t *testing.T, s *session) *tool {
	t.Helper()
	dir := t.TempDir()
	tl := &tool{t: t, path: filepath.Join(dir, "cvarchive"), config: filepath.Join(dir, "cvarchive.yaml")}
	build := exec.CommandContext(t.Context(), "go", "build", "-o", tl.path, "./cmd/cvarchive")
	build.Dir = filepath.Join("..", "..", "..") // the product's own module
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the program: %v\n%s", err, out)
	}
	text := fmt.Sprintf("version: 1\nvault:\n  url: %s\nresources:\n", filepath.Join(dir, "vault"))
	for _, name := range []string{"westeurope", "northeurope"} {
		text += fmt.Sprintf("  %s:\n    endpoint: %s\n    training_key: %s\n    calls_per_second: 1000\n", name, s.sim.Endpoint(name), s.sim.Key(name))
	}
	if err := os.WriteFile(tl.config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return tl
}

func (tl *tool) run(args ...string) {
	tl.t.Helper()
	cmd := exec.CommandContext(tl.t.Context(), tl.path, append([]string{"--config", tl.config}, args...)...)
	if out, err := cmd.CombinedOutput(); err != nil {
		tl.t.Fatalf("cvarchive %v: %v\n%s", args, err, out)
	}
}
