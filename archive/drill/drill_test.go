package drill_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"cvarchive/archive/drill"
	"cvarchive/archive/journal"
	"cvarchive/manifest"
	"cvarchive/manifest/plan"
	"cvarchive/remote/simulator"
)

// TestDrill rehearses by token and from the content: the target is afterwards
// as it was, a project with a name like those of drills included, and the
// report says what a compliance file needs.
func TestDrill(t *testing.T) {
	e := newEnvironment(t, simulator.ResourceOptions{})
	e.sim.Service.Advance(3 * time.Hour)
	for mode, by := range map[plan.Mode]plan.Action{plan.ModeImport: plan.Import, plan.ModeRebuild: plan.Rebuild} {
		opt := e.options()
		opt.Restore.Plan.Mode = mode
		r := e.drill(e.target, opt)
		e.wantUntouched(string(mode))
		e.wantNoJournal(string(mode))
		if !r.Passed || len(r.Projects) != 2 || len(r.Removed) != 2 || len(r.Failures) > 0 {
			t.Fatalf("%s: report %+v", mode, r)
		}
		for i, p := range r.Projects {
			if want := fmt.Sprintf("drill-%s-%d %s", r.Drill, i+1, p.Name); p.TargetName != want || p.By != by || p.Proof == nil {
				t.Errorf("%s: project %+v, want the name %q", mode, p, want)
			}
		}
		if r.Data.AgeSeconds < 3*3600 || r.Others.Before != 1 || r.Others.After != 1 || r.Others.Changed != nil {
			t.Errorf("%s: data %+v, others %+v", mode, r.Data, r.Others)
		}
		c := r.Recovery
		if sum := c.PlanSeconds + c.RestoreSeconds + c.ProofSeconds + c.TrainingSeconds; c.Seconds < sum-0.001 || c.Seconds > sum+0.001 {
			t.Errorf("%s: phases of %+v", mode, c)
		}
		var text bytes.Buffer
		check(t, r.Document().Markdown(&text))
		for _, want := range []string{"Passed: ", r.Archive.SHA256.String(), "cvarchive test", "Time to recovery (RTO)", "Age of the data (RPO)", "Project Fruit", e.target.Endpoint()} {
			if !strings.Contains(strings.ReplaceAll(text.String(), `\`, ""), want) {
				t.Errorf("%s: the document lacks %q:\n%s", mode, want, &text)
			}
		}
	}
}

// errKilled ends a run at an instant, as kill -9 does.
var errKilled = errors.New("killed")

// lethal is a target and a journal that a run dies at: at the n-th step that
// creates or deletes something, before it takes effect or after.
type lethal struct {
	drill.Target
	journal.Store
	after bool

	mu   sync.Mutex
	left int
	step string // at which it died
}

func do[T any](l *lethal, step string, call func() (T, error)) (out T, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.step != "" {
		return out, errKilled
	}
	if l.left--; l.left > 0 {
		return call()
	}
	l.step = step
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

func (l *lethal) DeleteProject(ctx context.Context, id string) error {
	_, err := do(l, "DeleteProject", func() (struct{}, error) { return struct{}{}, l.Target.DeleteProject(ctx, id) })
	return err
}

// Projects dies with the rest, so that a dead run does not clean up.
func (l *lethal) Projects(ctx context.Context) ([]manifest.Project, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.step != "" {
		return nil, errKilled
	}
	return l.Target.Projects(ctx)
}

func (l *lethal) Create(ctx context.Context, name string, body io.ReadSeeker) error {
	_, err := do(l, "note", func() (struct{}, error) { return struct{}{}, l.Store.Create(ctx, name, body) })
	return err
}

func (l *lethal) Delete(ctx context.Context, name string) error {
	_, err := do(l, "end of a note", func() (struct{}, error) { return struct{}{}, l.Store.Delete(ctx, name) })
	return err
}

// TestKilledAnywhere ends a drill at every step at which it creates or deletes
// something. The next one leaves the target exactly as it was, and no notes.
// Imports fail, so that their projects are moved aside, and rebuilds follow.
func TestKilledAnywhere(t *testing.T) {
	e := newEnvironment(t, simulator.ResourceOptions{})
	e.sim.Resource("westeurope").SetDown(true)
	seen := map[string]int{}
	for n, step := 1, "-"; step != ""; n++ {
		if n > 100 {
			t.Fatal("it never comes to its end")
		}
		// A death after a step had its effect leaves the same as one
		// before the next step.
		for _, after := range []bool{false, true}[min(1, n-1):] {
			opt := e.options()
			opt.Restore.Plan.Mode = plan.ModeAuto
			opt.Restore.NoContentProof = true
			l := &lethal{Target: e.target, Store: e.store, left: n, after: after}
			opt.Journal = l
			d, err := drill.Prepare(t.Context(), l, e.archive, opt)
			check(t, err)
			_, _ = d.Run(t.Context(), e.vault)
			step = l.step
			seen[step]++
			when := fmt.Sprintf("step %d (%s), after %t", n, step, after)

			next := e.later(e.options())
			next.Restore.NoContentProof = true
			if r := e.drill(e.target, next); !r.Passed {
				t.Errorf("%s: the next drill: %+v", when, r)
			}
			e.wantUntouched(when)
			e.wantNoJournal(when)
		}
	}
	for _, step := range []string{"note", "ImportProject", "UpdateProject", "CreateProject", "DeleteProject", "end of a note"} {
		if seen[step] == 0 {
			t.Errorf("no run died at %s: %v", step, seen)
		}
	}
}

// TestAnotherRuns leaves a drill alone that may still run, and removes what it
// has created once it gives no sign any more; but not what somebody has
// renamed.
func TestAnotherRuns(t *testing.T) {
	e := newEnvironment(t, simulator.ResourceOptions{})
	l := &lethal{Target: e.target, Store: e.store, left: 8, after: true}
	opt := e.options()
	opt.Journal = l
	d, err := drill.Prepare(t.Context(), l, e.archive, opt)
	check(t, err)
	_, _ = d.Run(t.Context(), e.vault)
	if len(e.list()) != 3 {
		t.Fatalf("it died at %s, having created %d projects", l.step, len(e.list())-1)
	}

	other := e.options()
	other.Process.ID = 2
	r := e.drill(e.target, other)
	if !r.Passed || len(r.Running) != 1 || len(e.list()) != 3 {
		t.Errorf("beside a drill that runs: %+v, %d projects", r, len(e.list()))
	}
	var renamed manifest.Project
	for _, p := range e.list() {
		if strings.HasPrefix(p.Name, "drill-"+d.ID+"-1 ") {
			p.Name = "mine now"
			renamed, err = e.target.UpdateProject(t.Context(), p.ID, p)
			check(t, err)
		}
	}
	cleaned, err := drill.CleanUp(t.Context(), e.target, e.later(other))
	check(t, err)
	if len(cleaned.Removed) != 1 || len(cleaned.Running) != 0 || len(cleaned.Failures) != 1 || !strings.Contains(cleaned.Failures[0].Item, "mine now") {
		t.Errorf("clean-up: %+v", cleaned)
	}
	check(t, e.target.DeleteProject(t.Context(), renamed.ID))
	e.wantUntouched("after all")
	e.wantNoJournal("after all")
}

// TestNotPassed has the target lose an image: that stands in the report, and
// what was created is deleted all the same, or kept if asked for until the
// next clean-up.
func TestNotPassed(t *testing.T) {
	e := newEnvironment(t, simulator.ResourceOptions{})
	lose := func() { // for the restore and for its proof
		e.sim.Resource("northeurope").Inject(simulator.Fault{Operation: simulator.BlobOperation, Status: 404, Times: 2})
	}
	lose()
	opt := e.options()
	opt.Restore.Downloads = 1
	r := e.drill(e.target, opt)
	if r.Passed || len(r.Projects[0].Failures) != 1 || len(r.Removed) != 2 {
		t.Errorf("report %+v", r)
	}
	e.wantUntouched("not passed")
	var page bytes.Buffer
	check(t, r.Document().HTML(&page))
	if !strings.Contains(page.String(), "Not passed") || !strings.Contains(page.String(), "content of image") {
		t.Errorf("page:\n%s", &page)
	}

	lose()
	opt.KeepFailed = true
	r = e.drill(e.target, opt)
	if r.Passed || len(r.Kept) != 2 || len(r.Removed) != 0 || len(e.list()) != 3 {
		t.Errorf("asked to keep: %+v", r)
	}
	cleaned, err := drill.CleanUp(t.Context(), e.target, e.options())
	check(t, err)
	if len(cleaned.Removed) != 2 || len(cleaned.Failures) > 0 {
		t.Errorf("clean-up: %+v", cleaned)
	}
	e.wantUntouched("cleaned up")
	e.wantNoJournal("cleaned up")
}

// TestUnkindService loses the answers of creations, refuses one, and has no
// room for the second project.
func TestUnkindService(t *testing.T) {
	e := newEnvironment(t, simulator.ResourceOptions{})
	resource := e.sim.Resource("northeurope")
	resource.Inject(simulator.Fault{Operation: "CreateProject", Lose: true})
	if r := e.drill(e.target, e.options()); !r.Passed || len(r.Removed) != 2 {
		t.Errorf("an answer was lost: %+v", r)
	}
	e.wantUntouched("an answer was lost")

	opt := e.options()
	opt.Restore.Projects = 1 // so that the first is refused
	resource.Inject(simulator.Fault{Operation: "CreateProject", Status: 400, Body: `{"code":"BadRequest"}`})
	if r := e.drill(e.target, opt); r.Passed || len(r.Removed) != 1 || r.Projects[0].Outcome != manifest.Failed {
		t.Errorf("a creation was refused: %+v", r)
	}
	e.wantUntouched("a creation was refused")
	e.wantNoJournal("a creation was refused")

	opt = e.options()
	opt.Restore.Plan.Tier = plan.F0 // two projects, and there is one
	if r := e.drill(e.target, opt); r.Passed || len(r.Removed) != 1 || r.Projects[1].Action != plan.Blocked {
		t.Errorf("there was no room: %+v", r)
	}
	e.wantUntouched("there was no room")

	resource.Inject(simulator.Fault{Operation: "DeleteProject", Status: 400, Body: `{"code":"BadRequest"}`})
	r := e.drill(e.target, e.options())
	if r.Passed || len(r.Failures) != 1 || len(r.Removed) != 1 {
		t.Errorf("a deletion was refused: %+v", r)
	}
	opt = e.options() // what is left takes no room, for it is removed first
	opt.Restore.Plan.Tier, opt.Restore.Plan.Projects = plan.F0, []string{"Fruit"}
	if r = e.drill(e.target, opt); !r.Passed || len(r.Earlier) != 1 {
		t.Errorf("the drill after that: %+v", r)
	}
	e.wantUntouched("a deletion was refused")
	e.wantNoJournal("a deletion was refused")
}

// TestNoJournalNoProject creates nothing that it cannot note.
func TestNoJournalNoProject(t *testing.T) {
	e := newEnvironment(t, simulator.ResourceOptions{})
	for n := range 2 {
		opt := e.options()
		opt.Journal = &lethal{Store: e.store, left: n + 1}
		d, err := drill.Prepare(t.Context(), e.target, e.archive, opt)
		check(t, err)
		e.sim.Resource("northeurope").ResetCalls()
		r, err := d.Run(t.Context(), e.vault)
		if n == 0 && !errors.Is(err, errKilled) || n > 0 && (err != nil || r.Passed) {
			t.Errorf("after %d notes: %v, %+v", n, err, r)
		}
		if calls := e.sim.Resource("northeurope").Calls()["CreateProject"]; calls > 0 {
			t.Errorf("after %d notes: %d projects were created", n, calls)
		}
		e.wantUntouched("no journal")
	}
}

// keeper is a journal that deletes nothing, as in a vault under a policy.
type keeper struct{ journal.Store }

func (keeper) Delete(context.Context, string) error { return errKilled }

// TestJournalThatStays passes where notes cannot be deleted: the last one says
// that nothing is left.
func TestJournalThatStays(t *testing.T) {
	e := newEnvironment(t, simulator.ResourceOptions{})
	for range 2 {
		opt := e.later(e.options())
		opt.Journal = keeper{e.store}
		if r := e.drill(e.target, opt); !r.Passed || len(r.Failures)+len(r.Running)+len(r.Earlier) > 0 {
			t.Errorf("report %+v", r)
		}
		e.wantUntouched("notes stay")
	}
}
