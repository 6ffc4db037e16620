package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A bundle of 5,000 images, in volumes, is restored into a fresh resource on a
// machine that never had the vault: the target is what the source was. (With the
// race detector, which makes it ten times slower, there are fewer.)
func TestBundleWithoutVault(t *testing.T) {
	images := 5000
	if testing.Short() || raced {
		images = 600
	}
	_, base := newService(t)
	if err := seedSmall(base + "/westeurope"); err != nil {
		t.Fatal(err)
	}
	if err := seedMany(base+"/westeurope", images); err != nil {
		t.Fatal(err)
	}
	here, there := t.TempDir(), t.TempDir()
	configure := func(dir, vault, name string) string {
		path := filepath.Join(dir, "cvarchive.yaml")
		text := fmt.Sprintf("version: 1\n%sresources: {%s: {endpoint: %q, training_key: \"${KEY}\", calls_per_second: 1000}}\n", vault, name, base+"/"+name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	source, target := configure(here, "vault: {url: ./vault}\n", "westeurope"), configure(there, "", "northeurope")
	do := func(config string, status int, want string, args ...string) {
		t.Helper()
		var out strings.Builder
		got := run(t.Context(), append([]string{"--config", config}, args...), process{
			stdin: strings.NewReader(""), stdout: &out, stderr: &out,
			lookupEnv: func(name string) (string, bool) { return testKey, name == "KEY" },
		})
		if got != status || !strings.Contains(out.String(), want) {
			t.Fatalf("%q: status %d, and it says\n%s", args, got, &out)
		}
	}
	do(source, exitDone, "4 projects of westeurope", "backup", "--progress", "none")
	file := filepath.Join(there, "account")
	do(source, exitDone, "volumes", "bundle", "latest", "--out", file, "--volume-size", "256KiB", "--progress", "none")
	if err := os.RemoveAll(filepath.Join(here, "vault")); err != nil {
		t.Fatal(err)
	}
	file += ".volumes.json"
	do(target, exitDone, "Many", "inspect", file)
	do(target, exitDone, "no problems", "verify", file, "--progress", "none")
	do(target, exitDone, "Restored 4 projects", "restore", file, "--to", "northeurope", "--mode", "rebuild", "--yes", "--progress", "none")
	do(target, exitDone, "", "verify", file, "--against", "northeurope", "--progress", "none")
	do(target, exitDone, "No changes", "restore", file, "--to", "northeurope", "--dry-run", "--progress", "none")
}
