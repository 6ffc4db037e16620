package drill

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"cvarchive/archive/journal"
	"cvarchive/archive/restore"
	"cvarchive/manifest"
	"cvarchive/manifest/plan"
)

// Drill is a rehearsal that is planned, to be run once.
type Drill struct {
	// ID is in the names of the projects that it creates.
	ID string
	// Plan says what is restored. It takes what is in Left for gone.
	Plan *plan.Plan
	// Left are projects that drills which were killed have left in the
	// target. They are removed first.
	Left []Project
	// Running are the ids of other drills into the target that still run,
	// and are left alone.
	Running []string

	opt     Options
	target  Target
	archive restore.Archive
	earlier []*trail
	planned time.Duration // the planning took
}

// Prepare plans a drill: it reads the target and the journals of earlier
// drills, and writes nothing.
func Prepare(ctx context.Context, t Target, a restore.Archive, opt Options) (*Drill, error) {
	opt, err := opt.withDefaults()
	if err != nil {
		return nil, err
	}
	d := &Drill{ID: journal.NewID(), target: t, archive: a, opt: opt}
	started := opt.Restore.Now()
	if d.earlier, d.Running, err = split(ctx, opt); err != nil {
		return nil, err
	}
	live, err := t.Projects(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the state of the target: %w", err)
	}
	for _, e := range d.earlier {
		own, _ := e.find(live)
		d.Left = append(d.Left, own...)
	}
	m := a.Manifest()
	choices := &d.opt.Restore.Plan
	choices.OnConflict, choices.Rename = plan.ConflictFail, nil
	if err := choices.CheckSelection(m.Projects); err != nil {
		return nil, err
	}
	choices.Rename = map[string]string{}
	for i, e := range m.Projects {
		if choices.Selects(e) {
			choices.Rename[e.ID] = nameOf(d.ID, i+1, e.Name)
		}
	}
	d.Plan, err = restore.Prepare(ctx, &recorder{Target: t, hidden: d.Left}, a, d.opt.Restore)
	d.planned = opt.Restore.Now().Sub(started)
	return d, err
}

// split tells the drills into the target that have ended without cleaning up
// from those that still run.
func split(ctx context.Context, opt Options) (ended []*trail, running []string, err error) {
	all, err := trails(ctx, opt)
	if err != nil || len(all) == 0 {
		return nil, nil, err
	}
	now, err := opt.Clock(ctx)
	if err != nil {
		return nil, nil, err
	}
	for _, t := range all {
		if t.running(opt.Process, now, opt.Beat) {
			running = append(running, t.id)
			continue
		}
		ended = append(ended, t)
	}
	return ended, running, nil
}

// Run carries out the drill and cleans up. What fails is in the report; an
// error is a journal that cannot be begun, an archive that cannot be read, or
// the end of ctx. In the latter cases, too, there is a report, and what was
// created is deleted: that is given some time after ctx has ended.
func (d *Drill) Run(ctx context.Context, objects restore.Objects) (*Report, error) {
	opt := d.opt.Restore
	own, err := beginTrail(ctx, d.opt, d.ID, d.archive.Manifest().ID)
	if err != nil {
		return nil, err
	}
	beating, quiet := context.WithCancel(context.WithoutCancel(ctx))
	var beats sync.WaitGroup
	beats.Go(func() { own.beats(beating, d.opt.Beat) })
	r := d.newReport()
	for _, e := range d.earlier {
		removed, failures := e.sweep(ctx, d.target)
		r.Earlier = append(r.Earlier, removed...)
		r.Failures = append(r.Failures, failures...)
	}
	before, err := d.target.Projects(ctx)
	if err == nil {
		started := opt.Now()
		var restored *restore.Report
		restored, err = restore.Apply(ctx, &recorder{Target: d.target, trail: own, hidden: d.Left}, d.archive, objects, d.Plan, opt)
		r.measure(restored, opt.Now().Sub(started))
	}
	quiet()
	beats.Wait()
	work, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanUpTime)
	defer cancel()
	d.end(work, own, r, before, err)
	return r, err
}

// end cleans up, or keeps what was created, and compares what else there is in
// the target with what there was.
func (d *Drill) end(ctx context.Context, own *trail, r *Report, before []manifest.Project, err error) {
	started := d.opt.Restore.Now()
	r.Passed = err == nil && r.proven()
	if !r.Passed && err == nil && d.opt.KeepFailed {
		r.Kept = slices.Clone(own.made)
		if err := own.write(ctx, note{Ended: true}); err != nil {
			r.Failures = append(r.Failures, manifest.FailureOf("journal", err))
		}
	} else {
		removed, failures := own.sweep(ctx, d.target)
		r.cleanedUp(removed, failures)
	}
	r.Recovery.CleanUpSeconds = d.opt.Restore.Now().Sub(started).Seconds()
	after, err := d.target.Projects(ctx)
	if err != nil {
		r.Failures = append(r.Failures, manifest.FailureOf("look at the target afterwards", err))
	} else {
		r.Others = othersOf(before, after, own)
	}
	r.Passed = r.Passed && len(r.Failures) == 0
	r.Finished = d.opt.Restore.Now().UTC()
}

// CleanUp deletes what drills into a target that were killed, or kept what
// they had created, have left there. Of the options, those of the journal and
// the target count.
func CleanUp(ctx context.Context, t Target, opt Options) (*Cleaned, error) {
	opt, err := opt.withDefaults()
	if err != nil {
		return nil, err
	}
	ended, running, err := split(ctx, opt)
	if err != nil {
		return nil, err
	}
	c := &Cleaned{FormatVersion: ReportVersion, Target: opt.Restore.Target, Drills: []string{}, Removed: []Project{}, Running: running}
	for _, e := range ended {
		if !e.done {
			c.Drills = append(c.Drills, e.id)
		}
		removed, failures := e.sweep(ctx, t)
		c.Removed = append(c.Removed, removed...)
		c.Failures = append(c.Failures, failures...)
		if ctx.Err() != nil {
			return c, context.Cause(ctx)
		}
	}
	return c, nil
}
