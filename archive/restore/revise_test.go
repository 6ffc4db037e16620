package restore_test

import (
	"errors"
	"fmt"
	"testing"

	"cvarchive/archive"
	"cvarchive/archive/backup"
	"cvarchive/archive/restore"
	"cvarchive/manifest"
	"cvarchive/manifest/plan"
	"cvarchive/remote/simulator"
)

// TestSavedPlanKilledAnywhere ends the carrying out of a saved plan at every
// step, and carries out the same plan again: what the first run has done is no
// change of the target, and the end is that of an uninterrupted run. A change
// that somebody else makes in between is one.
func TestSavedPlanKilledAnywhere(t *testing.T) {
	t.Parallel()
	e := newEnvironment(t, simulator.ResourceOptions{})
	var projects []*project
	for i, name := range []string{"one", "two", "three"} {
		p := newProject(name, classification, 1)
		p.add(e.vault, picture(i), 0)
		projects = append(projects, p)
	}
	r := archiveOf(t, projects...)
	opt := e.journaled()
	opt.NoContentProof = true
	saved, err := restore.Prepare(t.Context(), e.target, r, opt)
	check(t, err)
	saved = roundTrip(t, saved)
	opt.Saved = saved.Digest()

	begunOnce := false
	for n, step := 1, "-"; step != ""; n++ {
		if n > 100 {
			t.Fatal("it never comes to its end")
		}
		e.wipe()
		p, begun, err := restore.Revise(t.Context(), e.target, r, saved, opt)
		if err != nil || begun || p != saved {
			t.Fatalf("before anything was done: begun %t, %v", begun, err)
		}
		l := &lethal{Target: e.target, Journal: opt.Journal, left: n, after: true, steps: map[string]int{}}
		dying := opt
		dying.Journal = l
		_, err = restore.Apply(t.Context(), l, r, e.vault, p, dying)
		check(t, err)
		step = l.step
		when := fmt.Sprintf("step %d (%s)", n, step)

		p, begun, err = restore.Revise(t.Context(), e.target, r, saved, opt)
		if step == "" {
			if _, stale := errors.AsType[*restore.StaleError](err); !stale {
				t.Fatalf("a plan that is carried out holds still: %v", err)
			}
			break
		}
		if step == "journal's end" && err != nil {
			continue // it died after everything was done
		}
		if err != nil {
			t.Fatalf("%s: %v", when, err)
		}
		begunOnce = begunOnce || begun
		e.wantStale(when, r, saved, opt, begun)
		report, err := restore.Apply(t.Context(), e.target, r, e.vault, p, opt)
		check(t, err)
		wantEqual(t, report)
		e.wantProjects(when, "one", "two", "three")
		if n := e.journals(); n > 0 {
			t.Errorf("%s: %d files are left of the journal", when, n)
		}
		if t.Failed() {
			t.FailNow()
		}
	}
	if !begunOnce {
		t.Error("no run had to go on with another")
	}
}

// wantStale changes the target, and takes the change back.
func (e *environment) wantStale(when string, r *archive.Reader, saved *plan.Plan, opt restore.Options, begun bool) {
	e.t.Helper()
	stale := func(what string) {
		e.t.Helper()
		_, _, err := restore.Revise(e.t.Context(), e.target, r, saved, opt)
		if _, ok := errors.AsType[*restore.StaleError](err); !ok {
			e.t.Errorf("%s: %s, and the plan holds: %v", when, what, err)
		}
	}
	stranger, err := e.target.CreateProject(e.t.Context(), manifest.NewProject{Name: "stranger", DomainID: classification, ClassificationType: "Multilabel"})
	check(e.t, err)
	stale("somebody made a project")
	check(e.t, e.target.DeleteProject(e.t.Context(), stranger.ID))
	if begun {
		other := opt
		other.Saved[0]++
		_, _, err := restore.Revise(e.t.Context(), e.target, r, saved, other)
		if _, ok := errors.AsType[*restore.StaleError](err); !ok {
			e.t.Errorf("%s: what another plan did is taken for this one's: %v", when, err)
		}
	}
}

// TestSavedPlanDone changes a project that an interrupted run of a plan has
// restored: the plan does not pass over that.
func TestSavedPlanDone(t *testing.T) {
	for _, way := range []plan.OnConflict{plan.ConflictFail, plan.ConflictSkip} {
		t.Run(string(way), func(t *testing.T) { testSavedPlanDone(t, way) })
	}
}

func testSavedPlanDone(t *testing.T, way plan.OnConflict) {
	e := newEnvironment(t, simulator.ResourceOptions{})
	one, two := newProject("one", classification, 1), newProject("two", classification, 1)
	one.add(e.vault, picture(1), 0)
	two.add(e.vault, picture(2), 0)
	r := archiveOf(t, one, two)
	opt := e.journaled()
	opt.Plan.OnConflict = way
	saved, err := restore.Prepare(t.Context(), e.target, r, opt)
	check(t, err)
	opt.Saved = saved.Digest()
	l := &lethal{Target: e.target, Journal: opt.Journal, left: 9, after: true, steps: map[string]int{}}
	dying := opt
	dying.Journal, dying.Projects = l, 1
	report, err := restore.Apply(t.Context(), l, r, e.vault, saved, dying)
	check(t, err)
	if report.Projects[0].Outcome != manifest.Complete || report.Projects[1].Outcome == manifest.Complete {
		t.Fatalf("outcomes %s and %s", report.Projects[0].Outcome, report.Projects[1].Outcome)
	}
	_, err = e.target.CreateTag(t.Context(), report.Projects[0].TargetID, manifest.Tag{Name: "new", Type: manifest.TagRegular})
	check(t, err)
	if _, _, err = restore.Revise(t.Context(), e.target, r, saved, opt); err == nil {
		t.Error("a restored project was changed, and the plan holds")
	}
}

// TestSavedPlanAfterImports does the same to a plan whose imports fail: what
// they leave is the plan's own doing, stays on record when it is carried out,
// and can be cleaned up afterwards.
func TestSavedPlanAfterImports(t *testing.T) {
	e := newEnvironment(t, simulator.ResourceOptions{})
	one, two := newProject("one", classification, 1), newProject("two", classification, 1)
	one.add(e.vault, picture(1), 0)
	two.add(e.vault, picture(2), 0)
	e.seed(one, two)
	r := e.backUp(e.source, backup.Options{})
	e.sim.Resource("westeurope").SetDown(true)
	opt := e.journaled()
	opt.NoContentProof = true
	saved, err := restore.Prepare(t.Context(), e.target, r, opt)
	check(t, err)
	opt.Saved = saved.Digest()
	for n, step := 1, "-"; step != ""; n++ {
		l := &lethal{Target: e.target, Journal: opt.Journal, left: n, after: true, steps: map[string]int{}}
		dying := opt
		dying.Journal = l
		_, err := restore.Apply(t.Context(), l, r, e.vault, saved, dying)
		check(t, err)
		step = l.step
		when := fmt.Sprintf("step %d (%s)", n, step)
		p, _, err := restore.Revise(t.Context(), e.target, r, saved, opt)
		if step == "" {
			break
		}
		if err != nil && !(step == "journal's end" && len(e.names()) == 4) {
			t.Fatalf("%s: %v", when, err)
		}
		if err == nil {
			report, err := restore.Apply(t.Context(), e.target, r, e.vault, p, opt)
			check(t, err)
			wantEqual(t, report)
		}
		clean := e.journaled()
		clean.NoContentProof, clean.Plan.CleanUp = true, true
		_, report := e.restore(r, clean)
		wantEqual(t, report)
		e.wantProjects(when, "one", "two")
		e.wipe()
		e.forget()
		if n > 100 {
			t.Fatal("it never comes to its end")
		}
	}
}

// names are those of the target's projects.
func (e *environment) names() (names []string) {
	e.t.Helper()
	projects, err := e.target.Projects(e.t.Context())
	check(e.t, err)
	for _, p := range projects {
		names = append(names, p.Name)
	}
	return names
}

// forget removes every note, as time would: those of a plan that another
// restore finished are nobody's.
func (e *environment) forget() {
	e.t.Helper()
	var names []string
	for info, err := range e.vault.Store().List(e.t.Context(), "restores/") {
		check(e.t, err)
		names = append(names, info.Name)
	}
	for _, n := range names {
		check(e.t, e.vault.Store().Delete(e.t.Context(), n))
	}
}
