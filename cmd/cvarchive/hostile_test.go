package main

import (
	"bytes"
	"strings"
	"testing"

	"cvarchive/manifest"
	"cvarchive/remote/customvision"
)

// TestHostileNames gives projects, tags and images words that would steer a
// terminal, and looks for them in everything that commands print.
func TestHostileNames(t *testing.T) {
	const evil = "\x1b[2J\u009b31m\u202eowned\r\n\x07"
	_, base := newService(t)
	c, err := customvision.New(customvision.Options{Endpoint: base + "/westeurope", TrainingKey: manifest.NewSecret(testKey), CallsPerSecond: -1})
	if err != nil {
		t.Fatal(err)
	}
	domains, err := c.Domains(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	p, err := c.CreateProject(t.Context(), manifest.NewProject{Name: evil, Description: evil, DomainID: domains[0].ID})
	if err != nil {
		t.Fatal(err)
	}
	tag, err := c.CreateTag(t.Context(), p.ID, manifest.Tag{Name: evil, Type: manifest.TagRegular, Description: evil})
	if err != nil {
		t.Fatal(err)
	}
	batch := manifest.ImageBatch{Images: []manifest.NewImage{{Name: "1", Contents: picture(1), TagIDs: []string{tag.ID}}}, Metadata: map[string]string{"k": evil}}
	if err := upload(t.Context(), c, p.ID, batch); err != nil {
		t.Fatal(err)
	}
	path := configFor(t, base)
	for _, line := range []string{
		"backup west", "backup west --json --progress json", "list", "inspect latest", "inspect latest --json", "verify latest",
		"restore latest --to north --dry-run", "restore latest --to north --dry-run --json",
		"restore latest --to north --yes --mode rebuild", "restore latest --to north --dry-run", "doctor west",
		"inspect latest --project nope\x1b[1m", "inspect \x1b[1m", "backup west --project \x1b[1m", "nope\x1b[1m", "backup --nope\x1b[1m",
		"list --config \x1b[1m", "list --vault \x1b[1m",
	} {
		var out bytes.Buffer
		args := append([]string{"--config", path}, strings.Split(line, " ")...)
		if strings.HasPrefix(line, "list --config") {
			args = args[2:]
		}
		run(t.Context(), args, process{
			stdin: strings.NewReader(""), stdout: &out, stderr: &out,
			lookupEnv: func(name string) (string, bool) { return testKey, name == "KEY" },
		})
		if out.Len() == 0 {
			t.Errorf("%q said nothing", line)
		}
		if i := strings.IndexAny(out.String(), "\x1b\u009b\u202e\r\x07"); i >= 0 {
			t.Errorf("%q printed %.80q", line, out.String()[max(0, i-40):])
		}
	}
}
