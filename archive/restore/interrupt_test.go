package restore_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cvarchive/archive"
	"cvarchive/archive/backup"
	"cvarchive/archive/restore"
	"cvarchive/manifest"
	"cvarchive/manifest/plan"
	"cvarchive/remote/simulator"
)

// errKilled ends a run at an instant, as kill -9 does: nothing that comes
// after it has an effect.
var errKilled = errors.New("killed")

// lethal is a target and a journal that a run dies at: at the n-th writing
// step, counted over both, before it takes effect or after.
type lethal struct {
	restore.Target
	restore.Journal
	after bool

	mu    sync.Mutex
	left  int
	dead  bool
	step  string         // at which it died
	steps map[string]int // so far
}

// do passes a step on while the run lives.
func do[T any](l *lethal, step string, call func() (T, error)) (out T, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.dead {
		return out, errKilled
	}
	l.steps[step]++
	if many := step == "CreateTag" || step == "journal's end"; many && l.steps[step]%15 != 2 {
		return call() // one is like the other
	}
	if l.left--; l.left > 0 {
		return call()
	}
	l.dead, l.step = true, step
	if l.after {
		_, _ = call()
	}
	return out, errKilled
}

func (l *lethal) CreateProject(ctx context.Context, p manifest.NewProject) (manifest.Project, error) {
	return do(l, "CreateProject", func() (manifest.Project, error) { return l.Target.CreateProject(ctx, p) })
}

func (l *lethal) UpdateProject(ctx context.Context, id string, p manifest.Project) (manifest.Project, error) {
	return do(l, "UpdateProject", func() (manifest.Project, error) { return l.Target.UpdateProject(ctx, id, p) })
}

func (l *lethal) ImportProject(ctx context.Context, token manifest.Secret, name string) (manifest.Project, error) {
	return do(l, "ImportProject", func() (manifest.Project, error) { return l.Target.ImportProject(ctx, token, name) })
}

func (l *lethal) Project(ctx context.Context, id string) (manifest.Project, error) {
	return do(l, "GetProject", func() (manifest.Project, error) { return l.Target.Project(ctx, id) })
}

func (l *lethal) CreateTag(ctx context.Context, id string, t manifest.Tag) (manifest.Tag, error) {
	return do(l, "CreateTag", func() (manifest.Tag, error) { return l.Target.CreateTag(ctx, id, t) })
}

func (l *lethal) CreateImagesFromFiles(ctx context.Context, id string, b manifest.ImageBatch) (manifest.ImageCreateSummary, error) {
	return do(l, "CreateImagesFromFiles", func() (manifest.ImageCreateSummary, error) { return l.Target.CreateImagesFromFiles(ctx, id, b) })
}

func (l *lethal) UpdateImageMetadata(ctx context.Context, id string, ids []string, m map[string]string) ([]manifest.MetadataResult, error) {
	return do(l, "UpdateImageMetadata", func() ([]manifest.MetadataResult, error) { return l.Target.UpdateImageMetadata(ctx, id, ids, m) })
}

func (l *lethal) CreateImageTags(ctx context.Context, id string, e []manifest.ImageTagEntry) (manifest.TagSummary, error) {
	return do(l, "CreateImageTags", func() (manifest.TagSummary, error) { return l.Target.CreateImageTags(ctx, id, e) })
}

func (l *lethal) CreateImageRegions(ctx context.Context, id string, e []manifest.ImageRegionEntry) (manifest.RegionSummary, error) {
	return do(l, "CreateImageRegions", func() (manifest.RegionSummary, error) { return l.Target.CreateImageRegions(ctx, id, e) })
}

func (l *lethal) Images(ctx context.Context, id string, q manifest.ImageQuery) ([]manifest.ListedImage, error) {
	return do(l, "GetImages", func() ([]manifest.ListedImage, error) { return l.Target.Images(ctx, id, q) })
}

func (l *lethal) Create(ctx context.Context, name string, body io.ReadSeeker) error {
	_, err := do(l, "journal", func() (struct{}, error) { return struct{}{}, l.Journal.Create(ctx, name, body) })
	return err
}

func (l *lethal) Delete(ctx context.Context, name string) error {
	_, err := do(l, "journal's end", func() (struct{}, error) { return struct{}{}, l.Journal.Delete(ctx, name) })
	return err
}

// stepwise has small projects that need every kind of call.
func stepwise(e *environment) []*project {
	boxes := newProject("boxes", detection, 30)
	many := boxes.add(e.vault, picture(100))
	for k := range 22 {
		boxes.box(many, k, "0.2", "0.2", "0.3", "0.4")
	}
	for i := range 6 { // pairs of equal metadata and disjoint tags
		img := boxes.add(e.vault, picture(i))
		for k := range 15 {
			for _, left := range []json.Number{"0.1", "0.2", "0.3", "0.4", "0.5"} {
				boxes.box(img, i%2*15+k, left, "0.2", "0.3", "0.4")
			}
		}
		img.Metadata = map[string]string{"pair": fmt.Sprint(i / 2)}
	}
	tags := newProject("tags", classification, 22)
	for i := range 6 {
		img := tags.add(e.vault, picture(1000+i), i%2)
		for k := 2; i < 3 && k < 22; k++ {
			img.Tags = append(img.Tags, manifest.ImageTag{TagID: tags.tags[k].ID})
		}
	}
	return []*project{boxes, tags}
}

// journaled notes progress in the environment's vault.
func (e *environment) journaled() restore.Options {
	opt := e.options()
	opt.Journal = e.vault.Store()
	opt.Batches, opt.Projects = 1, 1 // so that runs die at every kind of step
	opt.Target.Name = "dr"
	return opt
}

// wipe deletes projects of the target; without names, every one.
func (e *environment) wipe(names ...string) {
	e.t.Helper()
	projects, err := e.target.Projects(e.t.Context())
	check(e.t, err)
	for _, p := range projects {
		if len(names) == 0 || slices.Contains(names, p.Name) {
			check(e.t, e.target.DeleteProject(e.t.Context(), p.ID))
		}
	}
}

// journals counts what is left of journals.
func (e *environment) journals() (n int) {
	e.t.Helper()
	for _, err := range e.vault.Store().List(e.t.Context(), "restores/") {
		check(e.t, err)
		n++
	}
	return n
}

// dieAt runs a restore that dies at a step, and reports at which; "" when it
// came to its end first.
func (e *environment) dieAt(r *archive.Reader, n int, after bool) string {
	e.t.Helper()
	opt := e.journaled()
	p, err := restore.Prepare(e.t.Context(), e.target, r, opt)
	check(e.t, err)
	l := &lethal{Target: e.target, Journal: opt.Journal, left: n, after: after, steps: map[string]int{}}
	opt.Journal = l
	_, err = restore.Apply(e.t.Context(), l, r, e.vault, p, opt)
	check(e.t, err)
	return l.step
}

// TestKilledAnywhere ends a rebuild at every step that it takes, before and
// after the step had its effect, and runs it again: the end is that of an
// uninterrupted one, no project is there twice, the plan predicts what
// remains, and at most the step at hand is repeated.
func TestKilledAnywhere(t *testing.T) {
	t.Parallel()
	e := newFastEnvironment(t, simulator.ResourceOptions{})
	r := archiveOf(t, stepwise(e)...)
	seen := map[string]int{}
	repeated := 0
	for n := 1; ; n++ {
		if n > 300 {
			t.Fatal("it never comes to its end")
		}
		ended := false
		for _, after := range instants(n) {
			e.wipe()
			step := e.dieAt(r, n, after)
			seen[step]++
			ended = step == ""
			report := e.goOn(r, fmt.Sprintf("step %d (%s), after %t", n, step, after), !ended)
			for _, pr := range report.Projects {
				repeated += pr.Repeated
			}
		}
		if ended {
			break
		}
	}
	if want := seen["CreateImagesFromFiles"]; repeated < want {
		t.Errorf("%d repeated calls were noticed, want at least %d", repeated, want)
	}
	for _, step := range []string{
		"journal", "CreateProject", "UpdateProject", "CreateTag", "CreateImagesFromFiles",
		"CreateImageRegions", "CreateImageTags", "UpdateImageMetadata", "GetImages", "journal's end",
	} {
		if seen[step] == 0 {
			t.Errorf("no run died at %s: %v", step, seen)
		}
	}
}

// goOn runs a restore again and compares its end with what is archived.
func (e *environment) goOn(r *archive.Reader, when string, quick bool) *restore.Report {
	e.t.Helper()
	e.sim.Resource("northeurope").ResetCalls()
	opt := e.journaled()
	opt.NoContentProof = quick
	p, report := e.restore(r, opt)
	wantEqual(e.t, report)
	if d := cmp.Diff(p.Totals.Calls, e.writes()); d != "" {
		e.t.Errorf("%s: planned calls (-) are not those made (+):\n%s", when, d)
	}
	var bytes int64
	for _, pr := range report.Projects {
		bytes += pr.Bytes
		if pr.Repeated > 1 {
			e.t.Errorf("%s: %d calls were repeated", when, pr.Repeated)
		}
	}
	if bytes != p.Totals.Bytes {
		e.t.Errorf("%s: %d bytes were sent, %d planned", when, bytes, p.Totals.Bytes)
	}
	projects, err := e.target.Projects(e.t.Context())
	check(e.t, err)
	if len(projects) != len(r.Manifest().Projects) {
		e.t.Errorf("%s: the target has %d projects", when, len(projects))
	}
	if n := e.journals(); n > 0 {
		e.t.Errorf("%s: %d files are left of the journal", when, n)
	}
	if e.t.Failed() {
		e.t.FailNow()
	}
	return report
}

// instants says when to die at the n-th step: a death after a step had its
// effect leaves the same as one before the next step.
func instants(n int) []bool {
	if n == 1 {
		return []bool{false, true}
	}
	return []bool{true}
}

// TestKilledImport does the same to imports, of which one succeeds, and one
// fails and is followed by a rebuild. What the failed one left is removed when
// that is asked for, and nothing else.
func TestKilledImport(t *testing.T) {
	for _, down := range []bool{false, true} {
		e := newEnvironment(t, simulator.ResourceOptions{})
		small := newProject("cats", classification, 2)
		for i := range 5 {
			small.add(e.vault, picture(i), i%2)
		}
		e.seed(small)
		r := e.backUp(e.source, backup.Options{})
		e.sim.Resource("westeurope").SetDown(down)
		stranger, err := e.target.CreateProject(t.Context(), manifest.NewProject{Name: "cats (incomplete import 00000000)", DomainID: classification, ClassificationType: "Multilabel"})
		check(t, err)
		for n, step := 1, "-"; step != ""; n++ {
			for _, after := range instants(n) {
				step = e.dieAt(r, n, after)
				when := fmt.Sprintf("down %t, step %d (%s), after %t", down, n, step, after)
				opt := e.journaled()
				opt.NoContentProof = true
				p, report := e.restore(r, opt)
				wantEqual(t, report)
				if pr := report.Projects[0]; p.Pending && step != "" && (pr.By == plan.Rebuild) != down {
					t.Errorf("%s: restored by %s", when, pr.By)
				}
				want := []string{stranger.Name, "cats"}
				if down {
					p, err = restore.Prepare(t.Context(), e.target, r, opt)
					check(t, err)
					if len(p.Leftovers) != 1 || !strings.HasPrefix(p.Leftovers[0].Name, "cats (incomplete import ") {
						t.Fatalf("%s: leftovers %+v", when, p.Leftovers)
					}
					want = append(want, p.Leftovers[0].Name)
				}
				e.wantProjects(when, want...)
				opt.Plan.CleanUp = true
				_, report = e.restore(r, opt)
				wantEqual(t, report)
				e.wantProjects(when, want[:2]...)
				if n := e.journals(); n > 0 || len(report.Removed) != len(want)-2 {
					t.Errorf("%s: %d files are left of the journal, removed %v", when, n, report.Removed)
				}
				if t.Failed() {
					t.FailNow()
				}
				e.wipe("cats")
			}
			if n > 60 {
				t.Fatal("it never comes to its end")
			}
		}
	}
}

// wantProjects compares the names of the target's projects.
func (e *environment) wantProjects(when string, want ...string) {
	e.t.Helper()
	projects, err := e.target.Projects(e.t.Context())
	check(e.t, err)
	var got []string
	for _, p := range projects {
		got = append(got, p.Name)
	}
	slices.Sort(got)
	slices.Sort(want)
	if d := cmp.Diff(want, got); d != "" {
		e.t.Fatalf("%s: projects (-want +got):\n%s", when, d)
	}
}
