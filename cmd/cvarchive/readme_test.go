package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The README names every command, no other, in the order of the help; and the
// folders that it sends readers to are there.
func TestReadme(t *testing.T) {
	root := filepath.Join("..", "..")
	text, err := os.ReadFile(filepath.Join(root, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	var listed, commands []string
	for _, row := range regexp.MustCompile("(?m)^\\| `cvarchive (\\w+)").FindAllSubmatch(text, -1) {
		listed = append(listed, string(row[1]))
	}
	for _, c := range (&app{}).commands() {
		commands = append(commands, c.Name)
	}
	if diff := cmp.Diff(commands, listed); diff != "" {
		t.Errorf("commands (-program +README):\n%s", diff)
	}
	var paths []string
	for _, row := range regexp.MustCompile(`(?m)^ {4}((?:cmd|archive|manifest|remote)(?:/\w+)*)  +\w|\]\(([^):]+)\)`).FindAllSubmatch(text, -1) {
		paths = append(paths, string(slices.Concat(row[1], row[2])))
	}
	if len(paths) < 10 {
		t.Errorf("only %d folders and files are named: %q", len(paths), paths)
	}
	for _, path := range paths {
		if _, err := os.Stat(filepath.Join(root, path)); err != nil {
			t.Errorf("the README points at %s, which is not there", path)
		}
	}
}
