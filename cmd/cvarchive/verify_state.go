package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"cvarchive/archive/verify"
)

// verifyJournal opens the file in which a verification remembers what it has
// read: that of --state, else one in the user's cache folder that is named by
// the vault and what is verified. It is nil where there is no such folder.
func (a *app) verifyJournal(c *cli.Context, todo *verifyTargets) (*verify.Journal, error) {
	scope := verify.Scope{Vault: todo.vault.ID()}
	if !todo.all {
		for _, t := range todo.targets {
			if t.path == "" {
				scope.Archives = append(scope.Archives, t.entry.Name)
			}
		}
	}
	path := c.String("state")
	if path == "" {
		dir := a.cacheDir()
		if dir == "" {
			return nil, nil
		}
		path = filepath.Join(dir, "verify", scopeName(scope)+".state")
	}
	j, err := verify.OpenJournal(path, scope, a.now(), c.Bool("restart"))
	if err != nil {
		return nil, err
	}
	if n := j.Known(); n > 0 {
		a.log.Info("go on with a verification", "state", path, "started", j.Started(), "objects", n)
	}
	return j, nil
}

// scopeName is a file's name for what is verified.
func scopeName(s verify.Scope) string {
	if len(s.Archives) == 0 {
		return s.Vault + "-all"
	}
	names := slices.Sorted(slices.Values(s.Archives))
	sum := sha256.Sum256([]byte(strings.Join(slices.Compact(names), "\n")))
	return fmt.Sprintf("%s-%s", s.Vault, hex.EncodeToString(sum[:8]))
}

// cacheDir is where the user's programs keep what they can do without, or ""
// where the environment does not tell. It follows the system's habits as
// [os.UserCacheDir] does.
func (a *app) cacheDir() string {
	variable, below := "XDG_CACHE_HOME", ""
	if a.env(variable) == "" {
		variable, below = "HOME", ".cache"
	}
	switch runtime.GOOS {
	case "windows":
		variable, below = "LocalAppData", ""
	case "darwin":
		variable, below = "HOME", filepath.Join("Library", "Caches")
	}
	dir := a.env(variable)
	if dir == "" {
		return ""
	}
	return filepath.Join(dir, below, "cvarchive")
}
