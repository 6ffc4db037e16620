package restore_test

import (
	"bytes"
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"cvarchive/archive"
	"cvarchive/archive/backup"
	"cvarchive/archive/restore"
	"cvarchive/manifest"
	"cvarchive/manifest/plan"
	"cvarchive/remote/simulator"
)

const predictions = "/subscriptions/0/resourceGroups/g/providers/Microsoft.CognitiveServices/accounts/predict"

// trained captures a project with one published iteration, and has its token
// expire.
func (e *environment) trained(images int) *archive.Reader {
	e.t.Helper()
	p := newProject("cats", classification, 2)
	for i := range images {
		p.add(e.vault, picture(i), i%2)
	}
	e.seed(p)
	projects, err := e.source.Projects(e.t.Context())
	check(e.t, err)
	id := projects[slices.IndexFunc(projects, func(p manifest.Project) bool { return p.Name == "cats" })].ID
	it, err := e.source.Train(e.t.Context(), id, manifest.TrainOptions{TrainingType: "Advanced", ReservedBudgetInHours: 2})
	check(e.t, err)
	e.sim.Service.Advance(3 * time.Hour)
	check(e.t, e.source.Publish(e.t.Context(), id, it.ID, "till", predictions, false))
	return e.backUp(e.source, backup.Options{})
}

// TestTrainAndPublish rebuilds a trained project, trains it like the archived
// one, and publishes it under the archived name and another.
func TestTrainAndPublish(t *testing.T) {
	e := newEnvironment(t, simulator.ResourceOptions{})
	r := e.trained(12)
	e.sim.Service.Advance(48 * time.Hour)
	opt := e.journaled()
	opt.Plan.Train, opt.Plan.PublishAsBefore = true, predictions
	p, report := e.restore(r, opt)
	wantEqual(t, report)
	if d := cmp.Diff(p.Totals.Calls, e.writes()); d != "" {
		t.Errorf("planned calls (-) are not those made (+):\n%s", d)
	}
	pr := report.Projects[0]
	tr := pr.Training
	if tr == nil || tr.Status != "Completed" || tr.Type != "Advanced" || tr.BudgetHours != 2 || tr.Overall == nil || len(tr.PerTag) != 2 {
		t.Fatalf("training %+v", tr)
	}
	for _, c := range append(tr.PerTag, *tr.Overall) {
		if c.Archived.Precision == "" || c.Now.Precision == "" || c.Archived.Recall == "" || c.Now.AveragePrecision == "" {
			t.Errorf("figures %+v", c)
		}
	}
	live, err := e.target.Iteration(t.Context(), pr.TargetID, tr.Iteration)
	check(t, err)
	if live.PublishName != "till" || live.TrainingType != "Advanced" || live.ReservedBudgetInHours != 2 {
		t.Errorf("the target has %+v", live)
	}
	if len(pr.Published) != 1 || pr.Published[0].Name != "till" {
		t.Errorf("published %+v", pr.Published)
	}
}

// TestPublishAfterImport publishes the iteration that came with the token,
// without a training.
func TestPublishAfterImport(t *testing.T) {
	e := newEnvironment(t, simulator.ResourceOptions{})
	r := e.trained(12)
	opt := e.options()
	opt.NoContentProof = true
	opt.Plan.Train, opt.Plan.Publish = true, map[string]string{"new till": predictions}
	_, report := e.restore(r, opt)
	wantEqual(t, report)
	pr := report.Projects[0]
	its, err := e.target.Iterations(t.Context(), pr.TargetID)
	check(t, err)
	if len(its) != 1 || its[0].PublishName != "new till" || e.writes()[plan.TrainProject] != 0 || pr.Training != nil {
		t.Errorf("iterations %+v, calls %v", its, e.writes())
	}
}

// mortal is a target whose run dies when it asks how the training goes, or
// before the answer to the call that begins it.
type mortal struct {
	restore.Target
	cancel  context.CancelFunc
	atStart bool
}

func (m mortal) Train(ctx context.Context, id string, o manifest.TrainOptions) (manifest.Iteration, error) {
	it, err := m.Target.Train(ctx, id, o)
	if m.atStart {
		m.cancel()
		return manifest.Iteration{}, errKilled
	}
	return it, err
}

func (m mortal) Iteration(ctx context.Context, id, it string) (manifest.Iteration, error) {
	m.cancel()
	return manifest.Iteration{}, context.Canceled
}

// TestTrainingIsGoneOnWith stops a run while it waits for a training: the
// next one waits for the same training.
func TestTrainingIsGoneOnWith(t *testing.T) {
	for _, atStart := range []bool{false, true} {
		e := newEnvironment(t, simulator.ResourceOptions{})
		r := e.trained(12)
		opt := e.journaled()
		opt.Plan.Mode, opt.Plan.Train, opt.NoContentProof = plan.ModeRebuild, true, true
		p, err := restore.Prepare(t.Context(), e.target, r, opt)
		check(t, err)
		ctx, cancel := context.WithCancel(t.Context())
		report, err := restore.Apply(ctx, mortal{e.target, cancel, atStart}, r, e.vault, p, opt)
		if err == nil || report.Whole() {
			t.Fatalf("at start %t: err %v, report %+v", atStart, err, report)
		}
		p, report = e.restore(r, opt)
		wantEqual(t, report)
		pp, pr := p.Projects[0], report.Projects[0]
		if pp.Action != plan.Continue || pr.Training == nil || pr.Training.Status != "Completed" || e.writes()[plan.TrainProject] != 1 {
			t.Errorf("at start %t: planned %s (%s), training %+v, calls %v", atStart, pp.Action, pp.Reason, pr.Training, e.writes())
		}
		if n := e.journals(); n > 0 {
			t.Errorf("at start %t: %d files are left of the journal", atStart, n)
		}
	}
}

// TestServeLater trains and publishes what an earlier restore brought without
// that, once, and goes on with a training that was stopped.
func TestServeLater(t *testing.T) {
	for _, mode := range []plan.Mode{plan.ModeRebuild, plan.ModeImport} {
		for _, stopped := range []bool{false, true} {
			e := newEnvironment(t, simulator.ResourceOptions{})
			r := e.trained(12)
			opt := e.journaled()
			opt.Plan.Mode, opt.NoContentProof = mode, true
			_, report := e.restore(r, opt)
			wantEqual(t, report)
			e.sim.Resource("northeurope").ResetCalls()

			opt.Plan.Train, opt.Plan.PublishAsBefore = true, predictions
			if stopped {
				p, err := restore.Prepare(t.Context(), e.target, r, opt)
				check(t, err)
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				_, _ = restore.Apply(ctx, mortal{e.target, cancel, true}, r, e.vault, p, opt)
			}
			p, report := e.restore(r, opt)
			wantEqual(t, report)
			pr := report.Projects[0]
			if p.Projects[0].Action != plan.Serve || !p.Pending || pr.Action != plan.Serve {
				// An import that was not stopped has its publication by now.
				if !(stopped && mode == plan.ModeImport) {
					t.Errorf("%s, stopped %t: planned %+v", mode, stopped, p.Projects[0])
				}
			}
			want := plan.Calls{plan.PublishIteration: 1}
			if mode == plan.ModeRebuild {
				want[plan.TrainProject] = 1
			}
			if d := cmp.Diff(want, e.writes()); d != "" {
				t.Errorf("%s, stopped %t: calls (-want +got):\n%s", mode, stopped, d)
			}
			its, err := e.target.Iterations(t.Context(), pr.TargetID)
			check(t, err)
			if len(its) != 1 || its[0].PublishName != "till" {
				t.Errorf("%s, stopped %t: iterations %+v", mode, stopped, its)
			}
			p, err = restore.Prepare(t.Context(), e.target, r, opt)
			check(t, err)
			if p.Pending || p.Projects[0].Action != plan.Skip {
				t.Errorf("%s, stopped %t: left to do: %+v", mode, stopped, p.Projects[0])
			}
		}
	}
}

// TestTrainingRefused has too few images to train with: the project is there
// and proven, and the report says what is not.
func TestTrainingRefused(t *testing.T) {
	e := newEnvironment(t, simulator.ResourceOptions{})
	r := e.trained(12)
	e.sim.Resource("northeurope").Inject(simulator.Fault{
		Operation: "TrainProject", Status: 400, Body: `{"code":"BadRequestTrainingNotNeeded","message":"Nothing changed since last training"}`,
	})
	opt := e.options()
	opt.Plan.Mode, opt.Plan.Train, opt.Plan.PublishAsBefore = plan.ModeRebuild, true, predictions
	_, report := e.restore(r, opt)
	pr := report.Projects[0]
	if pr.Outcome != manifest.Partial || !pr.Proof.Equal() || len(pr.Failures) != 2 || pr.Failures[0].Item != "training" || pr.Failures[1].Item != `publication "till"` {
		t.Errorf("outcome %s, failures %+v", pr.Outcome, pr.Failures)
	}
}

// TestRefreshedTokens has a token that expired and a source that lives and
// has moved on: a fresh token is imported, and what differs is told.
func TestRefreshedTokens(t *testing.T) {
	e := newEnvironment(t, simulator.ResourceOptions{})
	gone := newProject("dogs", classification, 1)
	e.seed(gone)
	r := e.trained(12)
	e.sim.Service.Advance(48 * time.Hour)
	projects, err := e.source.Projects(t.Context())
	check(t, err)
	for _, p := range projects {
		if p.Name == "dogs" {
			check(t, e.source.DeleteProject(t.Context(), p.ID))
			continue
		}
		_, err = e.source.CreateImagesFromFiles(t.Context(), p.ID, manifest.ImageBatch{Images: []manifest.NewImage{{Name: "new", Contents: picture(500)}}})
		check(t, err)
	}
	opt := e.options()
	fresh, failed, err := restore.RefreshTokens(t.Context(), e.source, r.Manifest(), opt.Plan, e.sim.Service.Now)
	check(t, err)
	if len(fresh) != 1 || len(failed) != 1 || !strings.Contains(failed[0].Item, "dogs") {
		t.Fatalf("%d fresh, failed %+v", len(fresh), failed)
	}
	opt.Exports = fresh
	p, report := e.restore(r, opt)
	for i, pp := range p.Projects {
		pr := report.Projects[i]
		if pp.Name == "dogs" {
			if pr.By != plan.Rebuild {
				t.Errorf("dogs restored by %s", pr.By)
			}
			continue
		}
		last := pp.Notes[len(pp.Notes)-1]
		if pr.By != plan.Import || !strings.Contains(last.Reason, "13 images, 2 tags, 0 regions; the archive has 12, 2 and 0") {
			t.Errorf("restored by %s, notes %+v", pr.By, pp.Notes)
		}
		if len(pr.Proof.Changes) == 0 {
			t.Error("the proof sees no difference")
		}
	}
	text, err := json.Marshal(struct{ P, R any }{p, report})
	check(t, err)
	if bytes.Contains(text, []byte("sig=")) {
		t.Error("a token is in the plan or the report")
	}
}

// TestProveAll compares a whole archive with a target under mapped names.
func TestProveAll(t *testing.T) {
	e := newEnvironment(t, simulator.ResourceOptions{})
	one, two, three := newProject("one", classification, 1), newProject("two", detection, 1), newProject("three", classification, 0)
	one.add(e.vault, picture(1), 0)
	one.add(e.vault, picture(1), 0) // twice the same bytes
	two.box(two.add(e.vault, picture(2)), 0, "0.1", "0.1", "0.1", "0.1")
	r := archiveOf(t, one, two, three)
	opt := e.options()
	opt.Plan.Rename = map[string]string{"*": "drill *"}
	opt.Plan.Projects = []string{"one", "two"}
	_, report := e.restore(r, opt)
	wantEqual(t, report)

	proof, err := restore.ProveAll(t.Context(), e.target, r, opt)
	check(t, err)
	if !proof.Equal() || len(proof.Projects) != 2 || proof.Projects[1].TargetName != "drill two" || proof.Projects[0].Proof.ByContent != 1 {
		t.Errorf("proof %+v", proof)
	}
	opt.Plan.Projects = nil
	proof, err = restore.ProveAll(t.Context(), e.target, r, opt)
	check(t, err)
	if proof.Equal() || proof.Projects[2].Reason == "" || proof.Projects[2].TargetID != "" {
		t.Errorf("a project that is not there: %+v", proof.Projects[2])
	}
	live, err := e.target.Tags(t.Context(), proof.Projects[1].TargetID, "")
	check(t, err)
	live[0].Description = "changed"
	_, err = e.target.UpdateTag(t.Context(), proof.Projects[1].TargetID, live[0])
	check(t, err)
	opt.Plan.Projects = []string{"two"}
	proof, err = restore.ProveAll(t.Context(), e.target, r, opt)
	check(t, err)
	if proof.Equal() || len(proof.Projects[0].Proof.Changes) != 1 {
		t.Errorf("a change is not seen: %+v", proof.Projects[0].Proof)
	}
}

// TestDocument writes a report with hostile names as Markdown and HTML.
func TestDocument(t *testing.T) {
	e := newEnvironment(t, simulator.ResourceOptions{})
	name := "<script>alert(1)</script> | *cats* `x`\n# heading"
	p := newProject(name, classification, 1)
	p.add(e.vault, picture(1), 0)
	p.images[0].Object, p.images[0].Failure = nil, &manifest.Failure{Item: "image", Message: "gone"}
	p.add(e.vault, picture(2), 0)
	_, report := e.restore(archiveOf(t, p), e.options())
	var md, page bytes.Buffer
	check(t, report.Document().Markdown(&md))
	check(t, report.Document().HTML(&page))
	if s := page.String(); strings.Contains(s, "<script") || !strings.Contains(s, "&lt;script&gt;") || !strings.Contains(s, p.images[0].ID) {
		t.Errorf("page:\n%s", s)
	}
	if s := md.String(); strings.Contains(strings.ReplaceAll(s, `\<`, ""), "<script") || strings.Contains(s, "\n# heading") || strings.Contains(s, " | \\*cats") || !strings.Contains(s, p.images[0].ID) {
		t.Errorf("Markdown:\n%s", s)
	}
}
