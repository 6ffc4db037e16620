package main

import (
	"bytes"
	"context"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"cvarchive/manifest/testenv"
)

// say runs a command line in this process and returns its standard output.
func say(t *testing.T, args ...string) string {
	t.Helper()
	var stdout, stderr bytes.Buffer
	status := run(context.Background(), args, process{
		stdin: strings.NewReader(""), stdout: &stdout, stderr: &stderr,
		lookupEnv: func(string) (string, bool) { return "", false },
	})
	if status != exitDone || stderr.Len() > 0 {
		t.Fatalf("%v: status %d, %s", args, status, &stderr)
	}
	return stdout.String()
}

// TestBashCompletion asks bash what it would offer.
func TestBashCompletion(t *testing.T) {
	bash := testenv.Program(t, "bash")
	for _, tt := range []struct {
		words  []string // the last is the one being completed
		want   []string
		absent []string
	}{
		{[]string{""}, []string{"backup", "restore", "completion", "--help"}, []string{"--dry-run"}},
		{[]string{"re"}, []string{"restore"}, []string{"backup"}},
		{[]string{"restore", "latest", "--"}, []string{"--to", "--dry-run", "--config", "--help"}, []string{"--read-data"}},
		{[]string{"--verbose", "verify", "--r"}, []string{"--read-data"}, []string{"--to"}},
		{[]string{"completion", ""}, []string{"bash", "fish", "zsh"}, nil},
	} {
		words := append([]string{"cvarchive"}, tt.words...)
		script := say(t, "completion", "bash") + `
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _cvarchive; printf '%s\n' "${COMPREPLY[@]}"`
		out, err := exec.CommandContext(t.Context(), bash, append([]string{"--norc", "-c", script, "bash"}, words...)...).CombinedOutput()
		if err != nil {
			t.Fatalf("%q: %v: %s", tt.words, err, out)
		}
		offered := strings.Fields(string(out))
		for _, w := range tt.want {
			if !slices.Contains(offered, w) {
				t.Errorf("%q offers %q, which lacks %s", tt.words, offered, w)
			}
		}
		for _, w := range tt.absent {
			if slices.Contains(offered, w) {
				t.Errorf("%q offers %s", tt.words, w)
			}
		}
	}
}

// TestCompletionOfOtherShells checks that every command and flag is there,
// and the syntax where the shell is installed.
func TestCompletionOfOtherShells(t *testing.T) {
	for _, shell := range []string{"zsh", "fish"} {
		script := say(t, "completion", shell)
		for _, c := range new(app).commands() {
			if !strings.Contains(script, c.Name) {
				t.Errorf("%s lacks %s", shell, c.Name)
			}
			for _, f := range c.Flags {
				if name := f.Names()[0]; !strings.Contains(script, "--"+name) && !strings.Contains(script, "-l "+name) {
					t.Errorf("%s lacks --%s of %s", shell, name, c.Name)
				}
			}
		}
		if path, err := exec.LookPath(shell); err == nil {
			cmd := exec.CommandContext(t.Context(), path, "-n")
			cmd.Stdin = strings.NewReader(script)
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%s does not understand its script: %v: %s", shell, err, out)
			}
		}
	}
}

// TestHelp makes sure that every command explains itself with examples, and
// that no example uses a flag that is not there.
func TestHelp(t *testing.T) {
	root := new(app).root()
	for _, c := range root.Commands {
		help := say(t, c.Name, "--help")
		_, list, found := strings.Cut(help, "\nExamples:\n")
		if !found {
			t.Errorf("%s has no examples", c.Name)
			continue
		}
		list, _, _ = strings.Cut(list, "\nFlags:")
		for line := range strings.Lines(list) {
			for word := range strings.FieldsSeq(line) {
				if strings.HasPrefix(word, "--") && findFlag(c.Flags, word) == nil {
					t.Errorf("an example of %s has %s: %s", c.Name, word, line)
				}
			}
		}
	}
}
