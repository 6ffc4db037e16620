package restore

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"golang.org/x/sync/errgroup"

	"cvarchive/archive/progress"
	"cvarchive/manifest"
	"cvarchive/manifest/plan"
)

// rebuild makes the project anew from its content, or what is left of it.
func (j *job) rebuild(ctx context.Context, left *found) error {
	j.report.By = plan.Rebuild
	schedule := j.archived.Content.Schedule()
	calls := j.archived.Content.Calls(schedule)
	if left != nil {
		schedule = j.archived.Content.Rest(schedule, left.Images)
		calls = j.archived.Content.RestCalls(schedule, &left.Unfinished)
	}
	if err := j.checkSchedule(calls); err != nil {
		return err
	}
	left, err := j.setUp(ctx, left)
	if err != nil {
		return err
	}
	for _, l := range j.archived.Content.Lost() {
		j.failure("image "+l.ID, errNoContent)
	}
	for _, m := range j.archived.Content.Merged() {
		if err := j.noteMerged(m); err != nil {
			return err
		}
	}
	return j.upload(ctx, left, schedule)
}

// setUp makes the project and its tags, or what is left of them.
func (j *job) setUp(ctx context.Context, left *found) (*found, error) {
	if err := j.shared.setups.Acquire(ctx, 1); err != nil {
		return nil, context.Cause(ctx)
	}
	defer j.shared.setups.Release(1)
	if left == nil {
		left = &found{tags: make([]string, len(j.archived.Content.Tags()))}
		p, err := j.createProject(ctx)
		if err != nil {
			return nil, err
		}
		left.project = p
		left.Update = plan.NeedsUpdate(j.archived.Project.Settings)
	}
	if err := j.updateProject(ctx, left); err != nil {
		return nil, err
	}
	return left, j.createTags(ctx, left)
}

// goOn finishes what an earlier restore began.
func (j *job) goOn(ctx context.Context) error {
	if err := j.resume(); err != nil {
		return err
	}
	p, err := j.target.Project(ctx, j.plan.TargetID)
	if err != nil {
		return fmt.Errorf("look at the unfinished project: %w", err)
	}
	if j.plan.Resume.By == plan.Import {
		j.report.By = plan.Import
		return j.finishImport(ctx, p)
	}
	j.opt.Progress.Send(progress.Event{Kind: progress.PhaseStarted, Project: j.plan.Name, Message: "look at what is there"})
	left, err := survey(ctx, j.target, j.archived, j.records, j.attempt, p)
	if err != nil {
		return fmt.Errorf("look at the unfinished project: %w", err)
	}
	j.attempt.images = nil
	return j.rebuild(ctx, left)
}

var errNoContent = errors.New("its bytes are not in the archive")

// checkSchedule makes sure that what follows is what the plan says.
func (j *job) checkSchedule(calls plan.Calls) error {
	planned := j.plan.Calls
	if f := j.plan.Fallback; f != nil {
		planned = f.Calls
	}
	planned = maps.Clone(planned)
	delete(planned, plan.TrainProject)
	delete(planned, plan.PublishIteration)
	if !maps.Equal(planned, calls) || j.plan.Domain == nil {
		return &StaleError{fmt.Sprintf("its calls for project %q are not those that remain to be made", j.plan.Name)}
	}
	return nil
}

func (j *job) noteMerged(m plan.Merged) error {
	img, err := j.records.get(m.Record)
	if err != nil {
		return err
	}
	into, err := j.records.get(m.Into)
	if err != nil {
		return err
	}
	j.report.Merged = append(j.report.Merged, Merged{ID: img.ID, Into: into.ID})
	return nil
}

// createProject calls CreateProject. A project whose making was answered into
// the void is found by its name.
func (j *job) createProject(ctx context.Context) (manifest.Project, error) {
	if err := context.Cause(ctx); err != nil {
		return manifest.Project{}, err
	}
	a := &j.archived.Project
	j.begin(plan.Rebuild)
	meant := j.opt.Now()
	p, err := j.target.CreateProject(j.work, manifest.NewProject{
		Name: j.plan.TargetName, Description: a.Description, DomainID: j.plan.Domain.ID,
		ClassificationType: a.Settings.ClassificationType, TargetExportPlatforms: a.Settings.TargetExportPlatforms,
	})
	if err != nil {
		p, err = j.unanswered(err, intent{Name: j.plan.TargetName, DomainID: j.plan.Domain.ID}, meant)
	}
	if err != nil {
		return p, fmt.Errorf("create project %q: %w", j.plan.TargetName, err)
	}
	j.report.TargetID, j.report.TargetName = p.ID, p.Name
	j.note(j.work, note{Project: &made{p.ID, p.Name}})
	return p, nil
}

// unanswered looks for what a call has made whose answer did not come.
func (j *job) unanswered(cause error, in intent, meant time.Time) (manifest.Project, error) {
	se, ok := errors.AsType[*manifest.ServiceError](cause)
	if !ok || se.StatusCode != 0 || j.work.Err() != nil {
		return manifest.Project{}, cause
	}
	projects, err := j.target.Projects(j.work)
	if err != nil {
		return manifest.Project{}, cause
	}
	for _, p := range projects {
		if in.made(p, meant) {
			return p, nil
		}
	}
	return manifest.Project{}, cause
}

// updateProject sets what only UpdateProject can set.
func (j *job) updateProject(ctx context.Context, left *found) error {
	j.report.TargetID, j.report.TargetName = left.project.ID, left.project.Name
	if !left.Update {
		return nil
	}
	if err := context.Cause(ctx); err != nil {
		return err
	}
	a, p := &j.archived.Project, left.project
	p.Name, p.Description = j.plan.TargetName, a.Description
	p.Settings.ImageProcessingSettings = a.Settings.ImageProcessingSettings
	if _, err := j.target.UpdateProject(j.work, p.ID, p); err != nil {
		if fatal(j.work, err) {
			return fmt.Errorf("set up project %q: %w", j.plan.TargetName, err)
		}
		j.failure("settings", err)
	}
	return nil
}

// createTags makes the tags that are not there, one after the other, since
// the service lists them in the order in which they were made; the id of a
// refused one stays empty.
func (j *job) createTags(ctx context.Context, left *found) error {
	for i, t := range j.archived.Content.Tags() {
		if left.tags[i] != "" {
			continue
		}
		if err := context.Cause(ctx); err != nil {
			return err
		}
		made, err := j.target.CreateTag(j.work, left.project.ID, manifest.Tag{Name: t.Name, Description: t.Description, Type: t.Type})
		if err != nil && !fatal(j.work, err) {
			made.ID, err = j.knownTag(left.project.ID, t.Name, err)
		}
		switch {
		case err == nil:
			left.tags[i] = made.ID
			j.report.Created.Tags++
		case fatal(j.work, err):
			return fmt.Errorf("create tag %q: %w", t.Name, err)
		default:
			j.failure(fmt.Sprintf("tag %q", t.Name), err)
		}
	}
	return nil
}

// knownTag finds a tag whose call was repeated after its answer had been
// lost: the repetition is refused because the name is taken.
func (j *job) knownTag(projectID, name string, cause error) (string, error) {
	tags, err := j.target.Tags(j.work, projectID, "")
	if err != nil {
		return "", cause
	}
	for _, t := range tags {
		if t.Name == name {
			return t.ID, nil
		}
	}
	return "", cause
}

// upload sends the batches, many at a time, and then what follows them. Once
// ctx has ended no batch is begun, and those under way are finished.
func (j *job) upload(ctx context.Context, left *found, s *plan.Schedule) error {
	images := 0
	for _, b := range s.Batches {
		images += len(b.Images)
	}
	j.opt.Progress.Send(progress.Event{Kind: progress.PhaseStarted, Project: j.plan.Name, Message: "upload", Total: int64(images)})
	if !j.opt.NoContentProof {
		j.early = newReadback(ctx, j.target, left.project.ID, j.shared)
	}
	u := newUploader(j, left)
	g, work := errgroup.WithContext(j.work)
	batches := j.shared.batches
	for i := range s.Batches {
		if ctx.Err() != nil || batches.enter(work, j.number) != nil {
			break
		}
		g.Go(func() error {
			started := j.opt.Now()
			defer func() { batches.leave(j.opt.Now().Sub(started)) }()
			if ctx.Err() != nil {
				return nil
			}
			return u.batch(work, &s.Batches[i])
		})
	}
	err := g.Wait()
	if err == nil {
		err = context.Cause(ctx)
	}
	if err == nil {
		err = u.follow(j.work, left.lacking)
	}
	if err == nil {
		err = u.flush(j.work)
	}
	u.report()
	return err
}

// fatal reports that going on with the project makes no sense: the run was
// stopped, the resource does not answer or does not let us.
func fatal(ctx context.Context, err error) bool {
	if ctx.Err() != nil {
		return true
	}
	se, ok := errors.AsType[*manifest.ServiceError](err)
	if !ok {
		return true
	}
	switch se.StatusCode {
	case 0, 401, 403, 404, 429:
		return true
	}
	return se.StatusCode >= 500
}
