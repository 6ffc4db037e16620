package archive

import (
	"context"
	"fmt"
	"io"

	"cvarchive/manifest"
)

// WriteIndex writes the index of an archive: an archive with what a backup,
// a prune and a check of the structure need to know of the other, and nothing
// else. Those are the ids of projects, iterations and images, the objects that
// they have, what was complete and when. Names, tags, regions, metadata,
// settings, figures and tokens are left out; the name of a project is its id.
//
// Temporary files are made in dir; empty: the system's.
func WriteIndex(ctx context.Context, ra io.ReaderAt, size int64, w io.Writer, dir string) error {
	r, err := NewReader(ra, size)
	if err != nil {
		return err
	}
	m := r.Manifest()
	out, err := NewWriter(w, WriterOptions{TempDir: dir, ModTime: m.Started})
	if err != nil {
		return err
	}
	for _, e := range m.Projects {
		if err := indexProject(ctx, r, out, e); err != nil {
			return fmt.Errorf("index project %s: %w", e.ID, err)
		}
	}
	_, err = out.Close(manifest.Manifest{
		ID: m.ID, Source: m.Source, Tool: m.Tool, Started: m.Started, Finished: m.Finished, Parent: m.Parent,
		Capture:  manifest.Capture{MetadataOnly: m.Capture.MetadataOnly, NoTokens: m.Capture.NoTokens, NoModels: m.Capture.NoModels},
		Failures: failuresOnly(m.Failures),
	})
	return err
}

func indexProject(ctx context.Context, r *Reader, out *Writer, e manifest.ProjectEntry) error {
	p, err := r.Project(ctx, e.ID)
	if err != nil {
		return err
	}
	spool, err := out.NewSpool()
	if err != nil {
		return err
	}
	defer spool.Close()
	for rec, err := range r.Images(ctx, e.ID) {
		if err != nil {
			return err
		}
		img := manifest.Image{ID: rec.ID, Iterations: rec.Iterations, Blob: rec.Blob, Object: rec.Object}
		if rec.Failure != nil {
			img.Failure = &failuresOnly([]manifest.Failure{*rec.Failure})[0]
		}
		if err := spool.Append(&img); err != nil {
			return err
		}
	}
	members := ProjectMembers{
		Project: manifest.Project{ID: e.ID, Name: e.ID},
		Export:  manifest.Export{State: manifest.TokenOmitted, Expires: p.Export.Expires},
	}
	for _, it := range p.Iterations {
		members.Iterations = append(members.Iterations, indexIteration(it))
	}
	entry := manifest.ProjectEntry{ID: e.ID, Name: e.ID, Outcome: e.Outcome, Failures: failuresOnly(e.Failures)}
	return out.AddProject(entry, members, spool)
}

func indexIteration(it manifest.Iteration) manifest.Iteration {
	kept := manifest.Iteration{ID: it.ID, Name: it.ID, Status: it.Status, LastModified: it.LastModified}
	for _, m := range it.Models {
		kept.Models = append(kept.Models, manifest.ModelExport{
			Platform: m.Platform, Flavor: m.Flavor, Status: m.Status, NewerVersionAvailable: m.NewerVersionAvailable, Object: m.Object,
		})
	}
	return kept
}

// failuresOnly tells that there were failures, and of what kind.
func failuresOnly(list []manifest.Failure) []manifest.Failure {
	var kept []manifest.Failure
	for _, f := range list {
		kept = append(kept, manifest.Failure{Item: "see the archive", Code: f.Code, Message: "see the archive"})
	}
	return kept
}
