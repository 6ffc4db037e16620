package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

// trainingKey is that of every resource of the simulated service.
const trainingKey = "0123456789abcdef0123456789abcdef"

// bench is a run of the harness.
type bench struct {
	options
	scratch string // where vaults and pictures are
	memory  bool   // scratch is no disk
	program string // the built cvarchive
	self    string // this harness
	log     io.Writer
	made    atomic.Int64
}

func newBench(ctx context.Context, o options, log io.Writer) (*bench, error) {
	b := &bench{options: o, log: log}
	var err error
	if b.self, err = os.Executable(); err != nil {
		return nil, err
	}
	parent := o.dir
	if parent == "" && isDir("/dev/shm") {
		parent, b.memory = "/dev/shm", true
	}
	if b.scratch, err = os.MkdirTemp(parent, "cvarchive-bench-"); err != nil {
		return nil, err
	}
	b.program = filepath.Join(b.scratch, "cvarchive")
	if runtime.GOOS == "windows" {
		b.program += ".exe"
	}
	out, err := exec.CommandContext(ctx, "go", "build", "-o", b.program, "cvarchive/cmd/cvarchive").CombinedOutput()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("build cvarchive: %w\n%s", err, out), b.close())
	}
	return b, nil
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// close removes everything that was written.
func (b *bench) close() error {
	if err := os.RemoveAll(b.scratch); err == nil {
		return nil
	}
	return os.RemoveAll(b.scratch) // what was being killed had still written
}

func (b *bench) logf(format string, args ...any) {
	fmt.Fprintf(b.log, "%s "+format+"\n", append([]any{time.Now().Format("15:04:05")}, args...)...)
}

// pick chooses a size: that of a normal run, or of a quick one.
func pick[T any](b *bench, normal, quick T) T {
	if b.quick {
		return quick
	}
	return normal
}

// wants reports whether any of these rows is asked for.
func (b *bench) wants(rows ...string) bool { return slices.ContainsFunc(rows, b.rows.MatchString) }

// wantsSection reports whether a row of a section may be asked for: a pattern
// that begins with the name of one asks for none of another.
func (b *bench) wantsSection(name string) bool {
	prefix, _ := regexp.MustCompile(strings.TrimPrefix(b.rows.String(), "^")).LiteralPrefix()
	section, _, one := strings.Cut(prefix, "/")
	return !one || section == name
}

// folder makes a new folder for something.
func (b *bench) folder(what string) (string, error) {
	dir := filepath.Join(b.scratch, fmt.Sprintf("%s-%d", what, b.made.Add(1)))
	return dir, os.Mkdir(dir, 0o755)
}

// command is a process to be measured.
type command struct {
	args  []string
	dir   string   // its home, too
	env   []string // besides PATH, HOME and TMPDIR
	stdin io.Reader
	ok    []int // statuses besides 0 that are no failure
}

// measured runs a command and returns what it took and printed.
func (b *bench) measured(ctx context.Context, c command) (usage, []byte, error) {
	file := filepath.Join(b.scratch, fmt.Sprintf("usage-%d", b.made.Add(1)))
	defer os.Remove(file)
	cmd := exec.CommandContext(ctx, b.self, append([]string{"measure", file}, c.args...)...)
	cmd.Dir, cmd.Stdin = c.dir, c.stdin
	cmd.Cancel, cmd.WaitDelay = func() error { return terminate(cmd) }, 10*time.Second
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + c.dir, "TMPDIR=" + c.dir}, c.env...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var u usage
	if text, readErr := os.ReadFile(file); readErr == nil {
		if jsonErr := json.Unmarshal(text, &u); jsonErr != nil {
			return u, nil, fmt.Errorf("read the usage of a process: %w", jsonErr)
		}
		if slices.Contains(c.ok, u.Status) {
			err = nil
		}
	}
	if err != nil {
		return u, nil, fmt.Errorf("%s: %w\n%s%s", strings.Join(c.args, " "), err, tail(stdout.String()), tail(stderr.String()))
	}
	return u, stdout.Bytes(), nil
}

// tail is the end of what a process printed.
func tail(text string) string {
	const most = 2000
	if len(text) > most {
		text = "…" + text[len(text)-most:]
	}
	return text
}

// home is a folder with a configuration, for the program's runs.
type home struct {
	b   *bench
	dir string
	env []string
}

// home makes one for a service. Rate is calls a second; the vault is a folder
// unless there is a cloud.
func (b *bench) home(s *service, vault string, rate float64, c *cloud) (*home, error) {
	dir, err := b.folder("home")
	if err != nil {
		return nil, err
	}
	return b.homeIn(dir, s, vault, rate, c)
}

// homeIn makes one in a folder.
func (b *bench) homeIn(dir string, s *service, vault string, rate float64, c *cloud) (*home, error) {
	var text strings.Builder
	h := &home{b: b, dir: dir, env: []string{"TRAINING_KEY=" + trainingKey}}
	fmt.Fprintf(&text, "version: 1\nvault:\n  url: %q\n", vault)
	if c != nil {
		fmt.Fprintf(&text, "  connection_string: ${%s}\n", connectionVariable)
		h.env = append(h.env, c.env()...)
	}
	text.WriteString("resources:\n")
	for _, r := range s.resources {
		fmt.Fprintf(&text, "  %s:\n    endpoint: %s/%s\n    training_key: ${TRAINING_KEY}\n    calls_per_second: %g\n", r, s.url, r, rate)
	}
	return h, os.WriteFile(filepath.Join(dir, "cvarchive.yaml"), []byte(text.String()), 0o600)
}

// run runs the program.
func (h *home) run(ctx context.Context, args ...string) (usage, []byte, error) {
	return h.b.measured(ctx, command{args: append([]string{h.b.program}, args...), dir: h.dir, env: h.env, ok: []int{3}})
}

// noLimit is a rate that limits nothing here, and the highest that a
// configuration takes.
const noLimit = 1000
