package main

import (
	"fmt"
	"os"
	"strings"
)

// updateDocument puts the tables of the sections that were measured between
// their marks in a document:
//
//	<!-- figures: data -->
//	…
//	<!-- end -->
func (r *report) updateDocument(path string) error {
	if path == "" {
		return nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	out := string(text)
	for _, s := range sections {
		var tables strings.Builder
		for _, t := range r.Tables {
			if t.Section == s.name {
				tables.WriteString(t.markdown() + "\n")
			}
		}
		if tables.Len() == 0 {
			continue
		}
		if out, err = replaceMarked(out, s.name, tables.String()+r.origin()+"\n"); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	return os.WriteFile(path, []byte(out), 0o644)
}

// origin says where the figures of a section are from.
func (r *report) origin() string {
	return fmt.Sprintf("Measured on %s at commit %s: %d rounds on %d cores (%s), %s.", r.Date.Format("2006-01-02"), r.Commit, r.Rounds, r.Cores, r.CPU, r.Go)
}

// replaceMarked replaces what stands between a section's marks.
func replaceMarked(text, section, with string) (string, error) {
	begin, end := "<!-- figures: "+section+" -->\n", "<!-- end -->"
	before, rest, found := strings.Cut(text, begin)
	_, after, closed := strings.Cut(rest, end)
	if !found || !closed {
		return "", fmt.Errorf("the marks %q … %q of section %s are missing", strings.TrimSpace(begin), end, section)
	}
	return before + begin + "\n" + with + "\n" + end + after, nil
}
