package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"cvarchive/archive/restore"
)

// documented is a report that can be kept in a file.
type documented interface{ Document() *restore.Document }

// reportForm chooses the form of a report's file by its name.
func reportForm(path string) (func(io.Writer, documented) error, error) {
	switch strings.ToLower(filepath.Ext(path)) {
	case ".md", ".markdown":
		return func(w io.Writer, r documented) error { return r.Document().Markdown(w) }, nil
	case ".html", ".htm":
		return func(w io.Writer, r documented) error { return r.Document().HTML(w) }, nil
	case ".json":
		return func(w io.Writer, r documented) error {
			e := json.NewEncoder(w)
			e.SetIndent("", "  ")
			return e.Encode(r)
		}, nil
	}
	return nil, usagef("--report cannot tell from the name %q what to write; let it end in .md, .html or .json", path)
}

// writeReport writes a report's file as a whole or not at all.
func writeReport(path string, r documented) (err error) {
	write, err := reportForm(path)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return fmt.Errorf("write the report %s: %w", path, err)
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("write the report %s: %w", path, errors.Join(err, os.Remove(f.Name())))
		}
	}()
	err = write(f, r)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
