package main

import (
	"bufio"
	"errors"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"cvarchive/manifest/testenv"
	"cvarchive/remote/blobstore/azurite"
)

// TestBuiltBinary tells the whole story with the program as it is built, in
// processes of its own: the service in one, each command in another. The
// vault is a folder first, then a container.
func TestBuiltBinary(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the program")
	}
	binary := build(t)
	t.Run("folder", func(t *testing.T) {
		tellStory(t, binary, "url: ./vault", nil)
	})
	t.Run("container", func(t *testing.T) {
		server := azurite.Start(t)
		// The container is not there yet: the first backup makes it.
		tellStory(t, binary, "url: "+server.ContainerURL(t)+"-new\n  connection_string: ${STORAGE}",
			[]string{"STORAGE=" + server.ConnectionString})
	})
	t.Run("archive tier", func(t *testing.T) {
		server := azurite.Start(t)
		tellArchiveTier(t, binary, "url: "+server.ContainerURL(t)+"\n  connection_string: ${STORAGE}\n  tier: archive",
			[]string{"STORAGE=" + server.ConnectionString})
	})
}

// tellArchiveTier keeps images where nothing is read, and brings them back. The
// emulator does that at once.
func tellArchiveTier(t *testing.T, binary, vault string, env []string) {
	dir := t.TempDir()
	s := &storyteller{t: t, binary: binary, dir: dir, env: append(os.Environ(),
		append(env, "CVARCHIVE_CONFIG=", "CVARCHIVE_VAULT=", "HOME="+dir, "XDG_CONFIG_HOME="+dir)...)}
	service := s.startSimulator("westeurope", "northeurope")
	if err := seedSmallWithKey(service.base+"/westeurope", simulatorKey); err != nil {
		t.Fatal(err)
	}
	service.configure(vault)
	s.want(`20 images downloaded`, "backup", "westeurope")
	s.want(`0 images downloaded.*20 already in the vault`, "backup", "westeurope")
	s.want(`1 archive checked, no problems`, "verify", "latest")
	if out := s.run(exitFailed, "verify", "latest", "--read-data"); !strings.Contains(out, "lies in the archive tier") || !strings.Contains(out, "cvarchive rehydrate") {
		t.Errorf("verify --read-data:\n%s", out)
	}
	if out := s.run(exitDifferences, "rehydrate", "latest", "--dry-run"); !strings.Contains(out, "lie in the archive tier") || !strings.Contains(out, "no prices: in the config") {
		t.Errorf("rehydrate --dry-run:\n%s", out)
	}
	if out := s.run(exitDifferences, "restore", "latest", "--to", "northeurope", "--mode", "rebuild", "--dry-run"); !strings.Contains(out, "lie in the archive tier, such as objects/") {
		t.Errorf("restore --dry-run:\n%s", out)
	}
	if out := s.run(0, "doctor"); !strings.Contains(out, "vault: protections") || !strings.Contains(out, "vault: archive tier") {
		t.Errorf("doctor:\n%s", out)
	}
	config := filepath.Join(dir, "cvarchive.yaml")
	text, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(config, append(text, "\nprices: {currency: EUR, high_per_10k: 10000, high_per_gb: 0}\n"...), 0o600); err != nil {
		t.Fatal(err)
	}
	s.want(`(?s)asked for, at high priority.*estimate by the prices in the config: 2\d\.00 EUR`, "rehydrate", "latest", "--priority", "high", "--wait", "--every", "1s")
	s.want(`everything can be read`, "rehydrate", "latest")
	s.want(`1 archive checked, no problems`, "verify", "latest", "--read-data")
	if out := s.run(exitUsage, "rehydrate", "latest", "--priority", "low"); !strings.Contains(out, "it is standard or high") {
		t.Errorf("%s", out)
	}
}

func build(t *testing.T) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "cvarchive")
	if runtime.GOOS == "windows" {
		binary += ".exe"
	}
	out, err := exec.CommandContext(t.Context(), testenv.Program(t, "go"), "build", "-o", binary, ".").CombinedOutput()
	if err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	return binary
}

// storyteller runs the commands of one story.
type storyteller struct {
	t      *testing.T
	binary string
	dir    string
	env    []string
}

// run carries out a command line, wants its status and returns its output.
func (s *storyteller) run(status int, args ...string) string {
	s.t.Helper()
	cmd := exec.CommandContext(s.t.Context(), s.binary, args...)
	cmd.Dir, cmd.Env = s.dir, s.env
	out, err := cmd.CombinedOutput()
	got := 0
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		got = exit.ExitCode()
	} else if err != nil {
		s.t.Fatal(err)
	}
	if got != status {
		s.t.Fatalf("cvarchive %s: status %d, want %d\n%s", strings.Join(args, " "), got, status, out)
	}
	return string(out)
}

// want runs a command line that succeeds and says something.
func (s *storyteller) want(pattern string, args ...string) {
	s.t.Helper()
	if out := s.run(0, args...); !regexp.MustCompile(pattern).MatchString(out) {
		s.t.Errorf("cvarchive %s does not say %s:\n%s", strings.Join(args, " "), pattern, out)
	}
}

func tellStory(t *testing.T, binary, vault string, env []string) {
	dir := t.TempDir()
	s := &storyteller{t: t, binary: binary, dir: dir, env: append(os.Environ(),
		append(env, "CVARCHIVE_CONFIG=", "CVARCHIVE_VAULT=", "HOME="+dir, "XDG_CONFIG_HOME="+dir)...)}
	service := s.startSimulator("westeurope", "northeurope")
	base := service.base
	if err := seedSmallWithKey(base+"/westeurope", simulatorKey); err != nil {
		t.Fatal(err)
	}
	service.configure(vault)

	s.want(`20 images downloaded`, "backup", "westeurope")
	s.want(`0 images downloaded.*20 already in the vault`, "backup", "westeurope")
	s.want(`(?s)westeurope/.*westeurope/`, "list")
	s.want(`Fruit +multiclass`, "inspect", "latest")
	s.want(`2 archives checked, no problems`, "verify", "--all", "--read-data")

	// By token, while the source is there.
	if out := s.run(exitDifferences, "restore", "latest", "--to", "northeurope", "--dry-run"); !strings.Contains(out, "3 to import") {
		t.Errorf("dry run:\n%s", out)
	}
	s.want(`Restored 3 projects to northeurope`, "restore", "latest", "--to", "northeurope", "--yes")
	s.want(`No changes`, "restore", "latest", "--to", "northeurope", "--dry-run")

	// The service ends and goes on from its folder, a day later: the tokens
	// are dead and the source is gone; the target kept its account.
	if out := service.stop(); !strings.Contains(out, "saved the account in state") {
		t.Errorf("the simulator ended with:\n%s", out)
	}
	service = s.startSimulator("westeurope", "northeurope", "uksouth")
	service.configure(vault)
	service.control("/_simulator/advance?by=25h")
	service.control("/_simulator/resources/westeurope/down")
	s.want(`No changes`, "restore", "latest", "--to", "northeurope", "--dry-run")
	s.want(`(?s)rebuilt from content.*Restored 3 projects to uksouth`, "restore", "latest", "--to", "uksouth", "--mode", "rebuild", "--yes")
	s.want(`No changes`, "restore", "latest", "--to", "uksouth", "--dry-run")
	if out := s.run(exitFailed, "doctor", "westeurope"); !strings.Contains(out, "✗ westeurope: reachable") {
		t.Errorf("doctor does not miss the source:\n%s", out)
	}
	service.stop()
}

// simulation is a running "cvarchive simulate".
type simulation struct {
	*storyteller
	cmd    *exec.Cmd
	base   string
	config []string // lines that it printed
	stderr *strings.Builder
}

// startSimulator starts the service, with its account in a folder, and reads
// the config that it prints.
func (s *storyteller) startSimulator(regions ...string) *simulation {
	s.t.Helper()
	sim := &simulation{storyteller: s, stderr: &strings.Builder{}}
	args := []string{"simulate", "--listen", "127.0.0.1:0", "--state", "state"}
	for _, r := range regions {
		args = append(args, "--region", r)
	}
	sim.cmd = exec.CommandContext(s.t.Context(), s.binary, args...)
	sim.cmd.Dir, sim.cmd.Env, sim.cmd.Stderr = s.dir, s.env, sim.stderr
	out, err := sim.cmd.StdoutPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	if err := sim.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	complete := 0 // resources of which every line was read
	for lines := bufio.NewScanner(out); complete < len(regions) && lines.Scan(); {
		line := lines.Text()
		sim.config = append(sim.config, line)
		if _, endpoint, found := strings.Cut(line, "endpoint: "); found {
			sim.base = endpoint[:strings.LastIndex(endpoint, "/")]
		}
		if strings.Contains(line, "calls_per_second") {
			complete++
		}
	}
	if complete < len(regions) {
		s.t.Fatalf("the simulator did not start: %v\n%s", sim.cmd.Wait(), sim.stderr)
	}
	return sim
}

// control uses the service's controls for other processes.
func (s *simulation) control(path string) {
	s.t.Helper()
	resp, err := http.Post(s.base+path, "", nil)
	if err != nil {
		s.t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode/100 != 2 {
		s.t.Fatalf("%s: %s", path, resp.Status)
	}
}

// configure writes the config that the service printed, with another vault.
func (s *simulation) configure(vault string) {
	s.t.Helper()
	text := strings.Replace(strings.Join(s.config, "\n")+"\n", "url: ./vault", vault, 1)
	if err := os.WriteFile(filepath.Join(s.dir, "cvarchive.yaml"), []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

// stop ends the service as Ctrl-C does and returns what it said.
func (s *simulation) stop() string {
	s.t.Helper()
	needInterrupts(s.t)
	if err := s.cmd.Process.Signal(os.Interrupt); err != nil {
		s.t.Fatal(err)
	}
	if err := s.cmd.Wait(); err != nil {
		s.t.Fatalf("the simulator ended with %v\n%s", err, s.stderr)
	}
	return s.stderr.String()
}
