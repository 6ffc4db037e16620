// Package testenv tells tests what the machine offers. A test that needs a
// program which is missing is skipped by name; under CVARCHIVE_NO_SKIP=1, as
// continuous integration sets it, the same is a failure.
package testenv

import (
	"os"
	"os/exec"
	"testing"
)

// NoSkip is the environment variable that turns skips into failures.
const NoSkip = "CVARCHIVE_NO_SKIP"

// Program returns the path of the first of the named programs that is
// installed, and skips the test when none is.
func Program(t testing.TB, names ...string) string {
	t.Helper()
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	Missing(t, names[0]+" is not installed")
	return ""
}

// Missing skips the test for the given reason, or fails it where skips are
// not allowed.
func Missing(t testing.TB, reason string) {
	t.Helper()
	if os.Getenv(NoSkip) != "" {
		t.Fatalf("%s, and %s forbids skipping", reason, NoSkip)
	}
	t.Skip(reason)
}
