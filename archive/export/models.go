package export

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"

	"cvarchive/archive"
	"cvarchive/archive/progress"
	"cvarchive/manifest"
)

// Archive is what is exported from; [archive.Reader] is one.
type Archive interface {
	Manifest() *manifest.Manifest
	Project(ctx context.Context, id string) (archive.ProjectMembers, error)
}

// Objects gives the bytes of images and models; a vault is one. The reader
// must check size and digest before it returns [io.EOF].
type Objects interface {
	OpenObject(ctx context.Context, o manifest.Object) (io.ReadCloser, error)
}

// Options say what to export, and where to.
type Options struct {
	// Dir is the folder; it is made if it is missing, for its owner only.
	Dir string
	// Projects are those that are wanted, of the archive's.
	Projects []manifest.ProjectEntry
	Progress progress.Func
}

// Outcome is what became of one model.
type Outcome string

// Outcomes.
const (
	Written Outcome = "written"
	Present Outcome = "present" // an equal file was there
	Absent  Outcome = "absent"  // there never was a finished export to capture
	Failed  Outcome = "failed"
)

// Model is one exported model of an iteration, and what became of it.
type Model struct {
	ProjectID   string `json:"projectId"`
	Project     string `json:"project"` // name
	IterationID string `json:"iterationId"`
	Iteration   string `json:"iteration"` // name
	Platform    string `json:"platform"`
	Flavor      string `json:"flavor,omitempty"`
	// File is its path below the folder, with slashes; empty for one that
	// the archive has no bytes of.
	File    string           `json:"file,omitempty"`
	Object  *manifest.Object `json:"object,omitempty"`
	Outcome Outcome          `json:"outcome"`
	Reason  string           `json:"reason,omitempty"` // a clause
}

// Report says what an export of models came to.
type Report struct {
	Models []Model
	// Failures are projects whose models could not be looked up.
	Failures []manifest.Failure
}

// Count returns how many models had an outcome, and their bytes.
func (r *Report) Count(o Outcome) (n int, bytes int64) {
	for i := range r.Models {
		if m := &r.Models[i]; m.Outcome == o {
			n++
			if m.Object != nil {
				bytes += m.Object.Size
			}
		}
	}
	return n, bytes
}

// Whole reports whether every model that there was to capture is in the
// folder.
func (r *Report) Whole() bool {
	failed, _ := r.Count(Failed)
	return failed+len(r.Failures) == 0
}

// Models writes the exported models of the chosen projects as
// <project>/<iteration>/<platform> <flavor>.<extension> below a folder. What
// cannot be written is in the report, and the rest goes on; an error is an
// archive or a folder that cannot be used, or the end of ctx.
func Models(ctx context.Context, a Archive, objects Objects, opt Options) (*Report, error) {
	if err := os.MkdirAll(opt.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the folder %s: %w", opt.Dir, cause(err))
	}
	root, err := os.OpenRoot(opt.Dir)
	if err != nil {
		return nil, fmt.Errorf("open the folder %s: %w", opt.Dir, cause(err))
	}
	defer root.Close()
	x := &models{archive: a, objects: objects, root: root, report: &Report{Models: []Model{}}, progress: opt.Progress, taken: map[string]bool{}}
	folders := elements(a.Manifest().Projects, projectName, projectID)
	for _, e := range opt.Projects {
		if err := x.project(ctx, e, folders[e.ID]); err != nil {
			return x.report, err
		}
	}
	return x.report, nil
}

func projectName(e manifest.ProjectEntry) string { return e.Name }
func projectID(e manifest.ProjectEntry) string   { return e.ID }

type models struct {
	archive  Archive
	objects  Objects
	root     *os.Root
	report   *Report
	progress progress.Func
	taken    map[string]bool // files of this run
}

func (x *models) project(ctx context.Context, e manifest.ProjectEntry, folder string) error {
	if e.Outcome == manifest.Failed {
		x.report.Failures = append(x.report.Failures, manifest.Failure{Item: fmt.Sprintf("project %q", e.Name), Message: "the backup could not read this project"})
		return nil
	}
	members, err := x.archive.Project(ctx, e.ID)
	if err != nil {
		return fmt.Errorf("read project %q of the archive: %w", e.Name, err)
	}
	names := elements(members.Iterations,
		func(it manifest.Iteration) string { return it.Name },
		func(it manifest.Iteration) string { return it.ID })
	for i := range members.Iterations {
		it := &members.Iterations[i]
		for _, captured := range it.Models {
			m := Model{
				ProjectID: e.ID, Project: e.Name, IterationID: it.ID, Iteration: it.Name,
				Platform: captured.Platform, Flavor: captured.Flavor, Object: captured.Object,
			}
			if captured.Object == nil {
				m.Outcome, m.Reason = lacking(&captured, x.archive.Manifest().Capture)
			} else {
				m.File = x.file(path.Join(folder, names[it.ID]), &captured)
				m.Outcome, m.Reason = x.write(ctx, m.File, *captured.Object)
			}
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			x.report.Models = append(x.report.Models, m)
			x.progress.Send(progress.Event{Kind: progress.ItemDone, Project: e.Name, Item: "model " + m.File})
		}
	}
	return nil
}

// lacking says why the archive has no bytes of a model.
func lacking(m *manifest.ModelExport, c manifest.Capture) (Outcome, string) {
	switch {
	case m.Failure != nil:
		return Failed, "the backup could not capture it: " + m.Failure.Message
	case m.Status != manifest.ExportDone:
		return Absent, fmt.Sprintf("its export had the status %s when the archive was made", m.Status)
	case c.MetadataOnly:
		return Failed, "the archive holds metadata only"
	}
	return Failed, "its bytes are not in the archive"
}

// file chooses the path of a model, which no other of this run has.
func (x *models) file(folder string, m *manifest.ModelExport) string {
	name := strings.TrimSpace(m.Platform + " " + m.Flavor)
	file := path.Join(folder, element(name)+"."+m.Object.Ext)
	if x.taken[fold(file)] {
		file = path.Join(folder, element(name)+" ~"+short(m.Object.SHA256.String())+"."+m.Object.Ext)
	}
	x.taken[fold(file)] = true
	return file
}

// write brings a model into the folder, or says why not.
func (x *models) write(ctx context.Context, file string, o manifest.Object) (Outcome, string) {
	same, err := sameFile(ctx, x.root, filepath.FromSlash(file), o)
	switch {
	case err != nil:
		return Failed, err.Error()
	case same:
		return Present, ""
	}
	body, err := x.objects.OpenObject(ctx, o)
	if err == nil {
		err = errors.Join(create(x.root, filepath.FromSlash(file), body), body.Close())
	}
	if err != nil {
		return Failed, err.Error()
	}
	return Written, ""
}
