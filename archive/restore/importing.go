package restore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"cvarchive/archive/progress"
	"cvarchive/manifest"
	"cvarchive/manifest/plan"
)

// importing replays the token. When the service refuses it, or what arrives
// is less than what was exported, a rebuild follows where the plan has one.
func (j *job) importing(ctx context.Context) error {
	j.report.By = plan.Import
	if err := context.Cause(ctx); err != nil {
		return err
	}
	j.begin(plan.Import)
	meant := j.opt.Now()
	p, err := j.target.ImportProject(j.work, j.archived.Export.Token, j.plan.TargetName)
	if err != nil {
		p, err = j.unanswered(err, intent{Name: j.plan.TargetName}, meant)
	}
	if err != nil {
		return j.instead(ctx, nil, fmt.Errorf("import project %q: %w", j.plan.Name, err))
	}
	j.note(j.work, note{Project: &made{p.ID, p.Name}})
	return j.finishImport(ctx, p)
}

// finishImport waits for an import that was started, and judges it.
func (j *job) finishImport(ctx context.Context, p manifest.Project) error {
	j.opt.Progress.Send(progress.Event{Kind: progress.PhaseStarted, Project: j.plan.Name, Message: "import"})
	j.report.TargetID, j.report.TargetName = p.ID, p.Name
	p, err := j.awaitImport(ctx, p)
	if err == nil {
		err = j.checkImport(ctx, p)
	}
	if err != nil {
		return j.instead(ctx, &p, fmt.Errorf("import project %q: %w", j.plan.Name, err))
	}
	if p.Name != j.plan.TargetName {
		j.failure("name", fmt.Errorf("the service named the project %q, not %q", p.Name, j.plan.TargetName))
	}
	return nil
}

// Bounds of the wait for an import. The service's own estimate is trusted
// tenfold.
const (
	minImportWait = 15 * time.Minute
	firstLook     = 500 * time.Millisecond
	longestPause  = 15 * time.Second
)

// awaitImport looks at the project until its import has ended.
func (j *job) awaitImport(ctx context.Context, p manifest.Project) (manifest.Project, error) {
	limit := max(minImportWait, 10*time.Duration(j.plan.Expect.EstimatedImportTimeInMS)*time.Millisecond)
	pause, waited := firstLook, time.Duration(0)
	for {
		switch p.Status {
		case manifest.StatusFailed:
			return p, errors.New("the service says Failed, and no more")
		case manifest.StatusImporting:
		default: // Succeeded, or a service that tells no status
			return p, nil
		}
		if waited >= limit {
			return p, fmt.Errorf("it is still importing after %s", waited.Round(time.Second))
		}
		if err := j.opt.Wait(ctx, pause); err != nil {
			return p, err
		}
		waited += pause
		j.showImport(waited)
		pause = min(pause*3/2, longestPause)
		now, err := j.target.Project(ctx, p.ID)
		if err != nil {
			return p, fmt.Errorf("look at the import: %w", err)
		}
		p = now
	}
}

// showImport moves the progress on by the service's own estimate, and never
// to its end.
func (j *job) showImport(waited time.Duration) {
	e := j.plan.Expect
	if e.EstimatedImportTimeInMS <= 0 || e.Images <= 0 {
		return
	}
	share := min(0.99, float64(waited.Milliseconds())/float64(e.EstimatedImportTimeInMS))
	j.opt.Progress.Send(progress.Event{
		Kind: progress.ItemDone, Project: j.plan.Name, Item: "import", Done: int64(share * float64(e.Images)), Total: int64(e.Images),
	})
}

// checkImport compares what arrived with what ExportProject counted. What it
// asks for is part of the proof, which takes it from here: the project's last
// state, its tags, and the page of images that shows whether all are there.
func (j *job) checkImport(ctx context.Context, p manifest.Project) error {
	tags, err := j.target.Tags(ctx, p.ID, "")
	if err != nil {
		return fmt.Errorf("count the imported tags: %w", err)
	}
	j.arrived = &arrival{project: p, tags: tags}
	images, err := j.countArrived(ctx, p.ID)
	if err != nil {
		return fmt.Errorf("count the imported images: %w", err)
	}
	j.report.Created, j.there = Created{Tags: len(tags), Images: images}, images
	if want := j.plan.Expect; images < want.Images || len(tags) < want.Tags {
		return fmt.Errorf("%d images and %d tags arrived, the export counted %d and %d", images, len(tags), want.Images, want.Tags)
	}
	j.checkIterations(ctx, p.ID)
	return nil
}

// arrival is what is known of an import that has ended.
type arrival struct {
	project manifest.Project
	tags    []manifest.Tag
	skip    int                    // of the page
	page    []manifest.ListedImage // the last one that was expected
}

// countArrived tells how many of the expected images are there, by the page
// that has the last of them. It counts them all only if that page is not
// there.
func (j *job) countArrived(ctx context.Context, projectID string) (int, error) {
	want := j.plan.Expect.Images
	if want == 0 {
		return 0, nil
	}
	a := j.arrived
	a.skip = (want - 1) / manifest.MaxPage * manifest.MaxPage
	var err error
	if a.page, err = j.target.Images(ctx, projectID, manifest.ImageQuery{Skip: a.skip, Take: manifest.MaxPage}); err != nil {
		return 0, err
	}
	if len(a.page) == 0 && a.skip > 0 {
		return j.target.ImageCount(ctx, projectID, "")
	}
	return a.skip + len(a.page), nil
}

// checkIterations counts the trained iterations that arrived. Missing ones
// are a failure, and no reason to rebuild: that would bring none.
func (j *job) checkIterations(ctx context.Context, projectID string) {
	live, err := j.target.Iterations(ctx, projectID)
	if err != nil {
		j.failure("iterations", fmt.Errorf("count the imported iterations: %w", err))
		return
	}
	j.report.Created.Iterations = trained(live)
	if want := trained(j.archived.Iterations); j.report.Created.Iterations < want {
		j.failure("iterations", fmt.Errorf("%d of %d trained iterations arrived", j.report.Created.Iterations, want))
	}
}

func trained(iterations []manifest.Iteration) (n int) {
	for i := range iterations {
		if iterations[i].Trained() {
			n++
		}
	}
	return n
}

// instead rebuilds after an import that did not do. The project that it left
// gives up its name and is reported, not deleted.
func (j *job) instead(ctx context.Context, left *manifest.Project, cause error) error {
	if ctx.Err() != nil {
		return cause
	}
	if left != nil {
		j.report.Abandoned = &Abandoned{ID: left.ID, Name: left.Name, Reason: cause.Error()}
	}
	if j.plan.Fallback == nil {
		return cause
	}
	j.opt.Logger.Warn("import failed, rebuilding", "project", j.plan.Name, "error", cause)
	j.opt.Progress.Send(progress.Event{Kind: progress.Warning, Project: j.plan.Name, Message: cause.Error() + "; rebuilding from the content"})
	j.report.TargetID, j.report.TargetName, j.report.Created, j.arrived = "", j.plan.TargetName, Created{}, nil
	if left != nil {
		if err := j.moveAside(ctx, left); err != nil {
			return errors.Join(cause, err)
		}
	}
	j.report.Reason = cause.Error() + "; rebuilt from the content"
	return j.rebuild(ctx, nil)
}

// moveAside renames an unfinished project so that its name is free.
func (j *job) moveAside(ctx context.Context, left *manifest.Project) error {
	if err := context.Cause(ctx); err != nil {
		return err
	}
	p := *left
	p.Name = fmt.Sprintf("%s (incomplete import %.8s)", j.plan.TargetName, left.ID)
	j.note(j.work, note{Left: &made{left.ID, p.Name}})
	if _, err := j.target.UpdateProject(j.work, left.ID, p); err != nil {
		return fmt.Errorf("move the unfinished project %s aside: %w", left.ID, err)
	}
	j.report.Abandoned.Name = p.Name
	return nil
}
