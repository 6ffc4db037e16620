package main

import (
	"errors"
	"io"
	"log/slog"
	"os"
	"slices"
	"strings"
	"testing"

	"cvarchive/cmd/internal/ui"
)

// FuzzPermute: a sorted command line holds every word of the one that was
// typed, its arguments in their order behind the flags; sorting it again, or
// typing the flags last, gives the same. A line that cannot be sorted is a
// usage error. Words are the lines of the input.
func FuzzPermute(f *testing.F) {
	for _, line := range []string{
		"restore latest --to dr --dry-run",
		"--config x list --json prod",
		"backup --project a,b -v prod --project=c",
		"restore --to --dry-run latest",
		"inspect -- --json -x",
		"help restore", "restore -h", "--version", "-- list", "list --json --json", "lst", "", "-",
		"diff a b --live=--x", "list --vault= x", "list -v=true", "list --json=maybe", "list - --json",
	} {
		f.Add(strings.ReplaceAll(line, " ", "\n"))
	}
	a := &app{
		process: process{stdout: io.Discard, stderr: io.Discard, lookupEnv: os.LookupEnv},
		out:     ui.NewOutput(io.Discard, os.LookupEnv), log: slog.New(slog.DiscardHandler),
	}
	root := a.root()
	f.Fuzz(func(t *testing.T, text string) {
		args := strings.Split(text, "\n")
		got, err := permute(root, args)
		if err != nil {
			if _, ok := errors.AsType[*usageError](err); !ok || err.Error() == "" {
				t.Errorf("%q: %T %v", args, err, err)
			}
			return
		}
		if slices.Contains(got, "--help") || slices.Equal(got, []string{"--version"}) || len(got) == 0 {
			return // answered at once, whatever else was typed
		}
		if again, err := permute(root, got); err != nil || !slices.Equal(again, got) {
			t.Errorf("%q is sorted as %q, and that as %q (%v)", args, got, again, err)
		}
		command, flags, arguments := got[0], got[1:], []string(nil)
		if i := slices.Index(flags, "--"); i >= 0 {
			flags, arguments = flags[:i], flags[i+1:]
		}
		if want, have := words(args), words(got); !slices.Equal(want, have) {
			t.Errorf("%q became %q", args, got)
		}
		if !inOrder(arguments, args) {
			t.Errorf("%q: arguments %q are not in order", args, arguments)
		}
		for _, arg := range arguments {
			if strings.HasPrefix(arg, "-") && arg != "-" {
				return // can be typed behind -- only
			}
		}
		last := slices.Concat([]string{command}, arguments, flags)
		if moved, err := permute(root, last); err != nil || !slices.Equal(moved, got) {
			t.Errorf("%q with its flags last becomes %q (%v)", last, moved, err)
		}
	})
}

// words are those of a line, sorted, but for the "--" that ends its flags.
func words(line []string) []string {
	line = slices.Clone(line)
	if i := slices.Index(line, "--"); i >= 0 {
		line = slices.Delete(line, i, i+1)
	}
	slices.Sort(line)
	return line
}

// inOrder reports whether all of the words are in the line, in this order.
func inOrder(some, line []string) bool {
	for _, w := range some {
		i := slices.Index(line, w)
		if i < 0 {
			return false
		}
		line = line[i+1:]
	}
	return true
}
