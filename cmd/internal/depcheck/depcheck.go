// Package depcheck holds the rules of which package may import which, and its
// test holds the repository to them:
//
//	cmd → flows (archive/backup, restore, verify, …) → archive, archive/vault → manifest ← remote
//
// The flows know the network only through interfaces that they declare; the
// simulator shares no types with the client that it tests; only cmd sees
// flows and remote together. A package without a rule is a violation too, so
// that a new one is given its place on purpose.
package depcheck

import (
	"fmt"
	"slices"
	"strings"
)

// Package is one package of the module: its path below the module's, and what
// its non-test files import, with the module's own packages in the same form
// and a leading "./".
type Package struct {
	Path    string
	Imports []string
}

// rule says what the packages that match a pattern may import of ours. A
// pattern is a path, or a path followed by "/..." for it and all below.
type rule struct {
	packages string
	may      []string
}

// rules are tried in order; the first that matches a package holds.
var rules = []rule{
	{"manifest/testenv", nil},
	{"manifest/plain", nil},
	{"manifest", nil},
	{"manifest/...", []string{"manifest/..."}},

	{"remote/simulator/...", []string{"remote/simulator/..."}},
	{"remote/...", []string{"manifest", "manifest/store", "remote/..."}},

	{"archive/scratch", nil},
	{"archive", []string{"archive/scratch", "manifest"}},
	{"archive/progress", nil},
	{"archive/seal", []string{"manifest"}},
	{"archive/vault/...", []string{"manifest", "manifest/store", "archive/seal", "archive/vault/..."}},
	{"archive/download", []string{"manifest"}}, // shared by flows
	{"archive/objectset", []string{"manifest"}},
	{"archive/inventory", []string{"archive/objectset", "archive/vault", "manifest"}}, // shared by flows
	{"archive/sign", []string{"manifest"}},
	{"archive/journal", []string{"manifest/store"}},
	// The flows:
	{"archive/drill", []string{"archive", "archive/journal", "archive/progress", "archive/restore", "manifest/..."}}, // a restore, rehearsed
	{"archive/...", []string{"archive", "archive/download", "archive/inventory", "archive/journal", "archive/objectset", "archive/progress", "archive/scratch", "archive/seal", "archive/sign", "archive/vault", "manifest/..."}},

	{"cmd/...", []string{"..."}},
}

// testOnly are packages for tests: no other package imports them outside of
// its tests, so that the program does not carry the testing package.
var testOnly = []string{"manifest/testenv", "archive/vault/vaulttest", "archive/archivetest", "remote/blobstore/azurite"}

// workshop are programs for those who work on the project. They may use what
// tests use.
var workshop = []string{"cmd/internal/bench"}

// pure are packages that perform no I/O, and what would betray it.
var (
	pure   = []string{"manifest", "manifest/diff", "manifest/plan"}
	impure = []string{"os", "os/...", "net", "net/http", "net/http/...", "io/ioutil", "syscall"}
)

// Check returns a sentence for each import that the rules forbid.
func Check(packages []Package) []string {
	var found []string
	for _, p := range packages {
		i := slices.IndexFunc(rules, func(r rule) bool { return match(r.packages, p.Path) })
		if i < 0 {
			found = append(found, fmt.Sprintf("%s has no place in the rules of cmd/internal/depcheck", p.Path))
			continue
		}
		for _, imported := range p.Imports {
			if reason := forbidden(rules[i], p.Path, imported); reason != "" {
				found = append(found, fmt.Sprintf("%s imports %s: %s", p.Path, strings.TrimPrefix(imported, "./"), reason))
			}
		}
	}
	return found
}

// forbidden says why an import is not allowed, or nothing.
func forbidden(r rule, path, imported string) string {
	ours, own := strings.CutPrefix(imported, "./")
	if !own {
		if slices.Contains(pure, path) && matchAny(impure, imported) {
			return "this package performs no I/O"
		}
		return ""
	}
	if slices.Contains(testOnly, ours) {
		if slices.Contains(testOnly, path) || slices.Contains(workshop, path) {
			return ""
		}
		return "that package is for tests"
	}
	if matchAny(r.may, ours) {
		return ""
	}
	if len(r.may) == 0 {
		return "this package imports nothing of ours"
	}
	return "this package may import only " + strings.Join(r.may, ", ") + " of ours"
}

func matchAny(patterns []string, path string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return match(p, path) })
}

func match(pattern, path string) bool {
	prefix, below := strings.CutSuffix(pattern, "...")
	if !below {
		return pattern == path
	}
	return strings.HasPrefix(path+"/", prefix)
}
