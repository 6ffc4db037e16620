package torture

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"cvarchive/manifest/testenv"
)

// patience is how long one run of the program may take before it counts as
// hung.
const patience = 3 * time.Minute

// bench is an account, a place for its backups, and a config for both.
type bench struct {
	t       *testing.T
	account *account
	place   *place
	dir     string
}

// newBench makes the config; others are places by their names under vaults.
func newBench(t *testing.T, a *account, p *place, others map[string]*place) *bench {
	t.Helper()
	b := &bench{t: t, account: a, place: p, dir: t.TempDir()}
	config := fmt.Sprintf("version: 1\nvault:\n  url: %q\n", p.url)
	if p.connection != "" {
		config += "  connection_string: ${VAULT_CONNECTION}\n"
	}
	config += p.secrets.config("  ")
	for i, name := range slices.Sorted(maps.Keys(others)) {
		if i == 0 {
			config += "vaults:\n"
		}
		config += fmt.Sprintf("  %s:\n    url: %q\n", name, others[name].url)
		if others[name].connection != "" {
			config += "    connection_string: ${VAULT_CONNECTION}\n" // one account has them all
		}
		config += others[name].secrets.config("    ")
	}
	config += "resources:\n"
	for name, region := range regions {
		config += fmt.Sprintf("  %s:\n    endpoint: %s/%s\n    training_key: ${TRAINING_KEY}\n    calls_per_second: 500\n", name, a.url, region)
	}
	if err := os.WriteFile(filepath.Join(b.dir, "cvarchive.yaml"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	return b
}

// outcome is how one run of the program ended.
type outcome struct {
	source      string
	at          span
	status      int // -1: killed
	killed      bool
	interrupted bool
	result      struct {
		Archive string `json:"archive"`
		Whole   bool   `json:"whole"`
		Stats   struct {
			ImagesDownloaded int `json:"imagesDownloaded"`
			ImagesReused     int `json:"imagesReused"`
		} `json:"stats"`
	}
	stdout, stderr string
	took           time.Duration
}

func (o *outcome) String() string {
	return fmt.Sprintf("backup of %s ended with %d after %s\n%s%s", o.source, o.status, o.took.Round(time.Millisecond), indented(o.stdout), indented(o.stderr))
}

func indented(text string) string {
	text = strings.TrimSpace(text)
	if text == "" {
		return ""
	}
	if lines := strings.Split(text, "\n"); len(lines) > 60 {
		text = strings.Join(slices.Concat(lines[:30], []string{"…"}, lines[len(lines)-30:]), "\n")
	}
	return "\t| " + strings.ReplaceAll(text, "\n", "\n\t| ") + "\n"
}

// writer runs backups of one source, one after the other.
type writer struct {
	bench  *bench
	source string
	temp   string

	mu          sync.Mutex
	process     *os.Process // nil: none is running
	killed      bool        // the running one, by us
	interrupted bool
}

func (b *bench) writer(source, name string) *writer {
	w := &writer{bench: b, source: source, temp: filepath.Join(b.place.temp, name)}
	makeDir(b.t, w.temp)
	return w
}

// kill ends the running program at once.
func (w *writer) kill() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.process != nil && w.process.Kill() == nil {
		w.killed = true
	}
}

// killWriting ends the running program as soon as a file of the vault is seen
// that is not whole yet.
func (w *writer) killWriting(p *place) {
	for w.running() {
		if len(p.unfinished()) > 0 {
			w.kill()
			return
		}
	}
}

func (w *writer) running() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.process != nil
}

// interrupt asks the running program to end.
func (w *writer) interrupt() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.process != nil && w.process.Signal(os.Interrupt) == nil {
		w.interrupted = true
	}
}

// backup runs the program to its end.
func (w *writer) backup(ctx context.Context) *outcome {
	o := &outcome{source: w.source}
	o.at.from = w.bench.account.now()
	w.run(ctx, o, "backup", w.source, "--json", "--progress", "plain", "--downloads", strconv.Itoa(atOnce))
	o.at.to = w.bench.account.now()
	if o.status == 0 || o.status == 4 {
		if err := o.parse(); err != nil {
			w.bench.t.Errorf("read the result: %v\n%s", err, o)
		}
	}
	return o
}

// parse reads the last of the values that the program printed, which has the
// totals.
func (o *outcome) parse() error {
	var last json.RawMessage
	for values := json.NewDecoder(strings.NewReader(o.stdout)); ; {
		err := values.Decode(&last)
		if err == io.EOF {
			return json.Unmarshal(last, &o.result)
		}
		if err != nil {
			return err
		}
	}
}

func (w *writer) run(ctx context.Context, o *outcome, args ...string) {
	cmd := w.bench.command(args...)
	cmd.Env = append(cmd.Env, "TMPDIR="+w.temp)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	began := time.Now()
	if err := cmd.Start(); err != nil {
		w.bench.t.Fatalf("start the program: %v", err)
	}
	w.mu.Lock()
	w.process, w.killed, w.interrupted = cmd.Process, false, false
	w.mu.Unlock()
	hung := time.AfterFunc(patience, func() { _ = cmd.Process.Signal(syscall.SIGQUIT) }) // prints where it hangs
	stopped := context.AfterFunc(ctx, func() { _ = cmd.Process.Kill() })
	err := cmd.Wait()
	w.mu.Lock()
	o.killed, o.interrupted = w.killed, w.interrupted
	w.process = nil
	w.mu.Unlock()
	stopped()
	if !hung.Stop() {
		w.bench.t.Errorf("a program did not end within %s", patience)
	}
	o.took, o.stdout, o.stderr = time.Since(began), stdout.String(), stderr.String()
	if _, exited := errors.AsType[*exec.ExitError](err); err != nil && !exited {
		w.bench.t.Fatalf("run the program: %v", err)
	}
	o.status = cmd.ProcessState.ExitCode()
	o.killed = (o.killed || o.interrupted) && o.status == -1 // it may have been at its end, or not yet listen to signals
}

// command is the program with nothing around it but its config.
func (b *bench) command(args ...string) *exec.Cmd {
	cmd := exec.Command(program, args...)
	cmd.Dir = b.dir
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + b.dir, "TRAINING_KEY=" + trainingKey, "VAULT_CONNECTION=" + b.place.connection,
		"GOTRACEBACK=all", testenv.Race + " halt_on_error=1 exitcode=66",
	}
	if s := b.place.secrets; s != nil && args[0] == "copy" { // backups and prunes do without
		cmd.Env = append(cmd.Env, "CVARCHIVE_IDENTITY="+s.identityFile)
	}
	return cmd
}

// crashed says what is wrong with how a program ended, whatever it met.
func (o *outcome) crashed() string {
	switch {
	case strings.Contains(o.stderr, "panic:") || strings.Contains(o.stderr, "fatal error:") || strings.Contains(o.stderr, "DATA RACE"):
		return "it crashed"
	case o.killed, o.status == 0, o.status == 1, o.status == 4:
		return ""
	case o.status == 130 && o.interrupted:
		return ""
	}
	return fmt.Sprintf("it ended with status %d", o.status)
}

// leftovers lists what a program left in its temporary folder.
func (w *writer) leftovers() (names []string) {
	entries, _ := os.ReadDir(w.temp)
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}
