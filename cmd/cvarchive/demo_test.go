package main

import (
	"context"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cvarchive/manifest"
	"cvarchive/remote/customvision"
	"cvarchive/remote/simulator"
)

// TestDemo runs the demo as it is, and then does not believe it: it opens the
// service that the demo left, and compares what the regions hold.
func TestDemo(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "demo")
	var out strings.Builder
	status := run(t.Context(), []string{"demo", "--dir", dir}, process{
		stdin: strings.NewReader(""), stdout: &out, stderr: &out, lookupEnv: os.LookupEnv,
	})
	if status != exitDone {
		t.Fatalf("the demo ended with status %d:\n%s", status, &out)
	}
	if leak := regexp.MustCompile(`sig=\S+`).FindString(out.String()); leak != "" {
		t.Errorf("the demo printed a signature: %s", leak)
	}

	var resources []simulator.ResourceOptions
	for _, name := range []string{"westeurope", "northeurope", "uksouth"} {
		resources = append(resources, simulator.ResourceOptions{Name: name, Key: simulatorKey})
	}
	service, err := simulator.New(simulator.Options{StateDir: filepath.Join(dir, "service"), Resources: resources})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(service)
	defer server.Close()
	source := holdings(t, server.URL+"/westeurope")
	if len(source) != 6 {
		t.Errorf("the source has %d projects after the demo, want 6", len(source))
	}
	for _, region := range []string{"northeurope", "uksouth"} {
		if diff := cmp.Diff(source, holdings(t, server.URL+"/"+region)); diff != "" {
			t.Errorf("%s differs from the source (-source +%s):\n%s", region, region, diff)
		}
	}
}

// holding is what a project holds, without what a restore cannot keep.
type holding struct {
	Description, DomainID, Classification string
	Tags                                  map[string]manifest.Tag
	Images, Regions, Metadata             int
}

func holdings(t *testing.T, endpoint string) map[string]holding {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	c, err := customvision.New(customvision.Options{Endpoint: endpoint, TrainingKey: manifest.NewSecret(simulatorKey), CallsPerSecond: -1})
	if err != nil {
		t.Fatal(err)
	}
	projects, err := c.Projects(ctx)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]holding{}
	for _, p := range projects {
		h := holding{
			Description: p.Description, DomainID: p.Settings.DomainID, Classification: p.Settings.ClassificationType,
			Tags: map[string]manifest.Tag{},
		}
		tags, err := c.Tags(ctx, p.ID, "")
		if err != nil {
			t.Fatal(err)
		}
		for _, tag := range tags {
			tag.ID = ""
			h.Tags[tag.Name] = tag
		}
		for {
			page, err := c.Images(ctx, p.ID, manifest.ImageQuery{Skip: h.Images})
			if err != nil {
				t.Fatal(err)
			}
			for _, img := range page {
				h.Images++
				h.Regions += len(img.Regions)
				h.Metadata += len(img.Metadata)
			}
			if len(page) < manifest.MaxPage {
				break
			}
		}
		all[p.Name] = h
	}
	return all
}
