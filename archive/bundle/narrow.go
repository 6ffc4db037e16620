package bundle

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"

	"cvarchive/archive"
	"cvarchive/manifest"
)

// Narrow writes an archive that holds the chosen projects of another one and
// nothing of the rest: the same source and capture, no parent, and an id that
// follows from the other's and the choice. It returns the manifest.
func Narrow(ctx context.Context, r *archive.Reader, projects []manifest.ProjectEntry, w io.Writer, tempDir string) (*manifest.Manifest, error) {
	m := *r.Manifest()
	out, err := archive.NewWriter(w, archive.WriterOptions{TempDir: tempDir, ModTime: m.Started})
	if err != nil {
		return nil, err
	}
	h := sha256.New()
	io.WriteString(h, m.ID)
	m.Capture.Projects = nil
	for _, e := range projects {
		io.WriteString(h, "\n"+e.ID)
		m.Capture.Projects = append(m.Capture.Projects, e.Name)
		if err := copyProject(ctx, r, e, out); err != nil {
			return nil, err
		}
	}
	m.ID, m.Parent = hex.EncodeToString(h.Sum(nil)[:4]), nil
	sum, err := out.Close(m)
	if err != nil {
		return nil, err
	}
	return &sum.Manifest, nil
}

func copyProject(ctx context.Context, r *archive.Reader, e manifest.ProjectEntry, out *archive.Writer) error {
	members, err := r.Project(ctx, e.ID)
	if err != nil {
		return err
	}
	spool, err := out.NewSpool()
	if err != nil {
		return err
	}
	defer spool.Close()
	for rec, err := range r.Images(ctx, e.ID) {
		if err == nil {
			err = spool.Append(&rec.Image)
		}
		if err != nil {
			return err
		}
	}
	return out.AddProject(e, members, spool)
}
