package restore

import (
	"bufio"
	"context"
	"fmt"
	"os"

	"cvarchive/manifest"
	"cvarchive/manifest/plan"
)

// records keeps the image records of one project for access by number, in a
// temporary file: labels of a large project are larger than memory should be.
type records struct {
	file    *os.File
	out     *bufio.Writer
	offsets []int64 // where each line ends
	end     int64
}

func newRecords(dir string) (*records, error) {
	f, err := os.CreateTemp(dir, "cvarchive-restore-*")
	if err != nil {
		return nil, fmt.Errorf("make a temporary file for image records: %w", err)
	}
	// Gone with the process, where the system allows it; Close sees to the
	// others.
	os.Remove(f.Name())
	return &records{file: f, out: bufio.NewWriterSize(f, 256<<10)}, nil
}

func (r *records) add(line []byte) error {
	n, err := r.out.Write(line)
	r.end += int64(n)
	r.offsets = append(r.offsets, r.end)
	if err != nil {
		return fmt.Errorf("keep image records in a temporary file: %w", err)
	}
	return nil
}

func (r *records) done() error {
	if err := r.out.Flush(); err != nil {
		return fmt.Errorf("keep image records in a temporary file: %w", err)
	}
	return nil
}

// get reads a record; it is safe for concurrent use.
func (r *records) get(n int) (*manifest.Image, error) {
	var from int64
	if n > 0 {
		from = r.offsets[n-1]
	}
	line := make([]byte, r.offsets[n]-from)
	if _, err := r.file.ReadAt(line, from); err != nil {
		return nil, fmt.Errorf("read image records back from a temporary file: %w", err)
	}
	var img manifest.Image
	if err := manifest.DecodeImage(line, &img); err != nil {
		return nil, fmt.Errorf("read image records back from a temporary file: %w", err)
	}
	return &img, nil
}

func (r *records) close() {
	r.file.Close()
	os.Remove(r.file.Name())
}

// load reads an archived project for planning. With keep, its records stay at
// hand there.
func load(ctx context.Context, a Archive, e manifest.ProjectEntry, keep *records) (*plan.Archived, error) {
	if e.Outcome == manifest.Failed {
		return &plan.Archived{Entry: e, Content: plan.NewContent(manifest.Project{}, nil)}, nil
	}
	m, err := a.Project(ctx, e.ID)
	if err != nil {
		return nil, fmt.Errorf("read project %q of the archive: %w", e.Name, err)
	}
	c := plan.NewContent(m.Project, m.Tags)
	for rec, err := range a.Images(ctx, e.ID) {
		if err != nil {
			return nil, fmt.Errorf("read the image records of project %q: %w", e.Name, err)
		}
		c.Add(&rec.Image)
		if keep != nil {
			if err := keep.add(rec.Raw); err != nil {
				return nil, err
			}
		}
	}
	if keep != nil {
		err = keep.done()
	}
	return &plan.Archived{Entry: e, Project: m.Project, Iterations: m.Iterations, Export: m.Export, Content: c}, err
}
