package restore

import (
	"context"
	"fmt"
	"time"

	"cvarchive/archive/progress"
	"cvarchive/manifest"
	"cvarchive/manifest/plan"
)

// StaleError says that a plan does not belong to what it is to be applied to.
type StaleError struct{ Reason string }

// Error says why, and what to do.
func (e *StaleError) Error() string {
	return "the plan is out of date: " + e.Reason + "; make a new one"
}

// Apply carries out a plan and proves the result. What fails within a project
// is in the report; an error is a plan of something else ([*StaleError]), an
// archive that cannot be read, or the end of ctx, and the report then holds
// what was done before.
func Apply(ctx context.Context, t Target, a Archive, objects Objects, p *plan.Plan, opt Options) (*Report, error) {
	opt = opt.withDefaults()
	if err := check(a.Manifest(), p, opt); err != nil {
		return nil, err
	}
	r := &Report{FormatVersion: ReportVersion, Archive: p.Archive, Target: p.Target, Started: opt.Now().UTC(), Projects: []ProjectReport{}}
	past, err := attempts(ctx, opt.Journal, p.Archive.ID, p.Target.Endpoint, opt.Now)
	if err != nil {
		return nil, err
	}
	reports := make([]*ProjectReport, len(p.Projects))
	own := byProject(past) // now, for jobs change them
	common := newShared(opt)
	err = together(ctx, opt, len(reports), func(i int) int { return weight(a.Manifest(), &p.Projects[i]) }, func(i int, light func()) error {
		j := &job{
			target: newCounted(t), archive: a, objects: objects, opt: opt, plan: &p.Projects[i], report: reportOf(&p.Projects[i]),
			number: i, shared: common, light: light, pen: pen{past: own[p.Projects[i].ID]},
		}
		reports[i] = j.report
		return j.apply(ctx)
	})
	for _, pr := range reports {
		if pr != nil {
			r.Projects = append(r.Projects, *pr)
		}
	}
	if err == nil {
		err = cleanUp(ctx, t, p.Leftovers, past, r)
	}
	if err == nil && r.Whole() {
		forget(ctx, p, opt)
	}
	r.Finished = opt.Now().UTC()
	return r, err
}

// check refuses a plan that was made from another archive or for another
// target, as far as both are known.
func check(m *manifest.Manifest, p *plan.Plan, opt Options) error {
	switch {
	case p.FormatVersion != plan.FormatVersion:
		return &StaleError{fmt.Sprintf("it has format version %d, this program knows %d", p.FormatVersion, plan.FormatVersion)}
	case p.Archive.ID != m.ID:
		return &StaleError{fmt.Sprintf("it was made from archive %s, not %s", p.Archive.ID, m.ID)}
	case !p.Archive.SHA256.IsZero() && !opt.ArchiveSHA256.IsZero() && p.Archive.SHA256 != opt.ArchiveSHA256:
		return &StaleError{"the archive's SHA-256 is another"}
	case opt.Target.Endpoint != "" && p.Target.Endpoint != opt.Target.Endpoint:
		return &StaleError{fmt.Sprintf("it was made for %s, not %s", p.Target.Endpoint, opt.Target.Endpoint)}
	}
	return nil
}

// job is the restore of one project.
type job struct {
	target  *counted
	archive Archive
	objects Objects
	opt     Options
	plan    *plan.Project
	report  *ProjectReport

	archived *plan.Archived
	records  *records
	arrived  *arrival // by an import; nil: built
	there    int      // images in the target, as far as is known
	early    *readback

	number int     // in the plan
	shared *shared // by all projects
	light  func()  // says that the content is in memory no longer

	pen
	// work is the context of calls that write. It outlives the caller's by
	// the grace, so that what is under way when the run is stopped comes to
	// its end and is noted.
	work context.Context
}

// reportOf begins the report on a project.
func reportOf(p *plan.Project) *ProjectReport {
	return &ProjectReport{
		ID: p.ID, Name: p.Name, TargetID: p.TargetID, TargetName: p.TargetName,
		Action: p.Action, Reason: p.Reason, Next: p.Next, NotCarried: p.NotCarried, Resumed: p.Resume,
	}
}

// apply does with the project what the plan says.
func (j *job) apply(ctx context.Context) error {
	p, r := j.plan, j.report
	switch {
	case p.Action == plan.Skip:
		r.Outcome = manifest.Complete
		return nil
	case !p.Action.Writes() && p.Action != plan.Serve:
		r.Outcome = manifest.Failed
		return nil
	}
	started := j.opt.Now()
	j.opt.Progress.Send(progress.Event{Kind: progress.ProjectStarted, Project: p.Name, ID: p.ID, Total: int64(p.Creates.Images)})
	work, end := graceful(ctx, j.opt.Grace)
	defer end()
	j.work = work
	var err error
	if p.Action == plan.Serve {
		err = j.serve(ctx)
	} else {
		err = j.run(ctx)
	}
	r.NoJournal = j.unnoted()
	r.Calls = j.target.counts()
	r.Seconds = j.opt.Now().Sub(started).Seconds()
	j.opt.Progress.Send(progress.Event{Kind: progress.ProjectFinished, Project: p.Name, ID: p.ID, Message: string(r.Outcome)})
	return err
}

// graceful returns a context that ends some time after another one.
func graceful(ctx context.Context, grace time.Duration) (context.Context, context.CancelFunc) {
	work, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		t := time.AfterFunc(grace, cancel)
		context.AfterFunc(work, func() { t.Stop() })
	})
	return work, func() { stop(); cancel() }
}

// run restores the project and proves it. Errors of the service are the
// project's; only the end of ctx and a broken archive are the caller's.
func (j *job) run(ctx context.Context) error {
	recs, err := newRecords(j.opt.TempDir)
	if err != nil {
		j.fail("", err)
		return err
	}
	defer recs.close()
	j.records = recs
	i := indexOf(j.archive.Manifest(), j.plan.ID)
	if i < 0 {
		err := &StaleError{fmt.Sprintf("the archive holds no project %q", j.plan.Name)}
		j.fail("", err)
		return err
	}
	if j.archived, err = load(ctx, j.archive, j.archive.Manifest().Projects[i], recs); err != nil {
		j.fail("", err)
		return err
	}
	if err := token(j.archived, j.opt); err != nil {
		j.fail("", err)
		return err
	}
	j.archived.Content.By(j.plan.Transfer)
	defer func() { j.early.stop() }()
	if err := j.create(ctx); err != nil {
		j.fail("", err)
		return context.Cause(ctx)
	}
	started := j.opt.Now()
	if err := j.prove(ctx); err != nil {
		j.failure("proof", err)
	}
	j.report.ProofSeconds = j.opt.Now().Sub(started).Seconds()
	j.early.stop()
	j.early, j.archived.Content = nil, nil // a training may take hours
	j.light()
	j.toService(ctx)
	j.settle()
	if ctx.Err() == nil {
		j.finish()
	}
	return context.Cause(ctx)
}

// create brings the project into the target.
func (j *job) create(ctx context.Context) error {
	switch j.plan.Action {
	case plan.Import:
		return j.importing(ctx)
	case plan.Continue:
		return j.goOn(ctx)
	default:
		return j.rebuild(ctx, nil)
	}
}

func indexOf(m *manifest.Manifest, id string) int {
	for i := range m.Projects {
		if m.Projects[i].ID == id {
			return i
		}
	}
	return -1
}

// settle says how far the project came.
func (j *job) settle() {
	j.report.Outcome = manifest.Complete
	if len(j.report.Failures) > 0 {
		j.report.Outcome = manifest.Partial
	}
}

// finish closes the journal of a project that is there as it should be, and
// leaves open that of one that another run could make better.
func (j *job) finish() {
	better := j.report.By == plan.Rebuild && (j.report.Proof == nil || !j.report.Proof.Equal())
	if j.report.Outcome != manifest.Complete || better {
		if j.attempt != nil {
			j.report.Next = "run the same command again to try what is missing once more"
		}
		return
	}
	j.removeAbandoned()
	j.closeAttempt(j.work, j.report.Abandoned == nil || !j.report.Abandoned.Removed)
}

// removeAbandoned deletes what the failed import of this run left, if asked
// for.
func (j *job) removeAbandoned() {
	left := j.report.Abandoned
	if left == nil || !j.opt.Plan.CleanUp {
		return
	}
	if err := j.target.DeleteProject(j.work, left.ID); err != nil {
		j.failure(fmt.Sprintf("removal of project %q", left.Name), err)
		return
	}
	left.Removed = true
}

// fail ends the project. What is in the target already stays there.
func (j *job) fail(item string, err error) {
	j.report.Outcome = manifest.Failed
	if item == "" {
		item = fmt.Sprintf("project %q", j.plan.Name)
	}
	j.failure(item, err)
	j.report.Reason = err.Error()
	switch {
	case j.attempt != nil && j.unnoted() == "":
		j.report.Next = "run the same command again to go on where it stopped"
	case j.report.TargetID != "":
		j.report.Next = fmt.Sprintf("project %q (%s) in the target is unfinished; remove it before restoring again", j.report.TargetName, j.report.TargetID)
	}
}

func (j *job) failure(item string, err error) {
	j.report.Failures = append(j.report.Failures, manifest.FailureOf(item, err))
	j.opt.Progress.Send(progress.Event{Kind: progress.ItemFailed, Project: j.plan.Name, Item: item, Err: err})
}
