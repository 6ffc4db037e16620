package depcheck

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
)

func TestCheck(t *testing.T) {
	for _, tt := range []struct {
		name string
		pkg  Package
		want string // part of the one violation; empty: none
	}{
		{"vocabulary", Package{"manifest", []string{"encoding/json", "log/slog"}}, ""},
		{"vocabulary with I/O", Package{"manifest", []string{"os"}}, "performs no I/O"},
		{"vocabulary with a server", Package{"manifest/plan", []string{"net/http"}}, "performs no I/O"},
		{"vocabulary imports archive", Package{"manifest", []string{"./archive"}}, "nothing of ours"},
		{"diff imports manifest", Package{"manifest/diff", []string{"./manifest"}}, ""},
		{"plan imports remote", Package{"manifest/plan", []string{"./remote/customvision"}}, "may import only manifest/..."},
		{"client imports manifest", Package{"remote/customvision", []string{"./manifest", "./remote/azure", "net/http"}}, ""},
		{"client imports a flow", Package{"remote/customvision", []string{"./archive/backup"}}, "may import only"},
		{"store imports its interface", Package{"remote/blobstore", []string{"./archive/vault"}}, "may import only"},
		{"simulator imports manifest", Package{"remote/simulator", []string{"./manifest"}}, "may import only"},
		{"simulator imports client", Package{"remote/simulator/state", []string{"./remote/customvision"}}, "may import only"},
		{"simulator imports itself", Package{"remote/simulator", []string{"./remote/simulator/state"}}, ""},
		{"archive imports vault", Package{"archive", []string{"./archive/vault"}}, "may import only archive/scratch, manifest"},
		{"vault imports archive", Package{"archive/vault", []string{"./archive"}}, "may import only"},
		{"folder store imports vault", Package{"archive/vault/dirstore", []string{"./archive/vault"}}, ""},
		{"flow", Package{"archive/backup", []string{"./archive", "./archive/vault", "./archive/progress", "./manifest"}}, ""},
		{"new flow", Package{"archive/export", []string{"./archive", "./manifest/diff"}}, ""},
		{"flow imports client", Package{"archive/backup", []string{"./remote/customvision"}}, "may import only"},
		{"flow imports a store", Package{"archive/verify", []string{"./archive/vault/dirstore"}}, "may import only"},
		{"flow imports flow", Package{"archive/restore", []string{"./archive/backup"}}, "may import only"},
		{"rehearsal imports what it rehearses", Package{"archive/drill", []string{"./archive/restore"}}, ""},
		{"flow imports cmd", Package{"archive/restore", []string{"./cmd/internal/ui"}}, "may import only"},
		{"command sees all", Package{"cmd/cvarchive", []string{"./archive/backup", "./remote/customvision"}}, ""},
		{"command imports test helpers", Package{"cmd/cvarchive", []string{"./remote/blobstore/azurite"}}, "for tests"},
		{"test helper imports another", Package{"remote/blobstore/azurite", []string{"./manifest/testenv"}}, ""},
		{"a package out of place", Package{"util", nil}, "no place in the rules"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := Check([]Package{tt.pkg})
			switch {
			case tt.want == "" && len(got) > 0:
				t.Errorf("violations %q, want none", got)
			case tt.want != "" && (len(got) != 1 || !strings.Contains(got[0], tt.want)):
				t.Errorf("violations %q, want one with %q", got, tt.want)
			}
		})
	}
}

func TestRepositoryKeepsTheRules(t *testing.T) {
	module := strings.TrimSpace(string(command(t, "list", "-m")))
	// Without -e a package that does not compile would hide the others'
	// imports; the compiler tells of that itself.
	out := json.NewDecoder(bytes.NewReader(command(t, "list", "-e", "-json=ImportPath,Imports", module+"/...")))
	var packages []Package
	for {
		var p struct {
			ImportPath string
			Imports    []string
		}
		if err := out.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		for i, path := range p.Imports {
			if ours, own := strings.CutPrefix(path, module+"/"); own {
				p.Imports[i] = "./" + ours
			}
		}
		packages = append(packages, Package{strings.TrimPrefix(p.ImportPath, module+"/"), p.Imports})
	}
	if len(packages) < 5 {
		t.Fatalf("go list names only %d packages: this test saw nothing", len(packages))
	}
	for _, violation := range Check(packages) {
		t.Error(violation)
	}
}

// TestProgramIsLean keeps out of the program what only tests need: the
// testing package, and the retired monolithic SDK that the simulator is
// compared with in a module of its own.
func TestProgramIsLean(t *testing.T) {
	for line := range bytes.Lines(command(t, "list", "-e", "-deps", "cvarchive/cmd/cvarchive")) {
		if string(bytes.TrimSpace(line)) == "testing" {
			t.Error("the program contains the testing package")
		}
	}
	for line := range bytes.Lines(command(t, "list", "-m", "-f", "{{.GoMod}}")) {
		text, err := os.ReadFile(string(bytes.TrimSpace(line)))
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(text, []byte("github.com/Azure/azure-sdk-for-go v")) {
			t.Error("go.mod brings in the monolithic Azure SDK")
		}
	}
}

func command(t *testing.T, args ...string) []byte {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, &stderr)
	}
	return out
}
