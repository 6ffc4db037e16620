package restore

import (
	"context"
	"errors"
	"fmt"
	"maps"

	"golang.org/x/sync/errgroup"

	"cvarchive/archive/progress"
	"cvarchive/manifest"
	"cvarchive/manifest/plan"
)

// rebuild makes the project anew from its content.
func (j *job) rebuild(ctx context.Context) error {
	j.report.By = plan.Rebuild
	schedule := j.archived.Content.Schedule()
	if err := j.checkSchedule(schedule); err != nil {
		return err
	}
	p, err := j.createProject(ctx)
	if err != nil {
		return err
	}
	tags, err := j.createTags(ctx, p.ID)
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
	return j.upload(ctx, p.ID, tags, schedule)
}

var errNoContent = errors.New("its bytes are not in the archive")

// checkSchedule makes sure that what follows is what the plan says.
func (j *job) checkSchedule(s *plan.Schedule) error {
	planned := j.plan.Calls
	if f := j.plan.Fallback; f != nil {
		planned = f.Calls
	}
	if !maps.Equal(planned, j.archived.Content.Calls(s)) || j.plan.Domain == nil {
		return &StaleError{fmt.Sprintf("its calls for project %q are not those that the archive asks for", j.plan.Name)}
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

// createProject calls CreateProject, and UpdateProject for the settings that
// only that can set.
func (j *job) createProject(ctx context.Context) (manifest.Project, error) {
	a := &j.archived.Project
	p, err := j.target.CreateProject(ctx, manifest.NewProject{
		Name: j.plan.TargetName, Description: a.Description, DomainID: j.plan.Domain.ID,
		ClassificationType: a.Settings.ClassificationType, TargetExportPlatforms: a.Settings.TargetExportPlatforms,
	})
	if err != nil {
		return p, fmt.Errorf("create project %q: %w", j.plan.TargetName, err)
	}
	j.report.TargetID, j.report.TargetName = p.ID, p.Name
	if !plan.NeedsUpdate(a.Settings) {
		return p, nil
	}
	p.Name, p.Description = j.plan.TargetName, a.Description
	p.Settings.ImageProcessingSettings = a.Settings.ImageProcessingSettings
	if _, err := j.target.UpdateProject(ctx, p.ID, p); err != nil {
		if fatal(ctx, err) {
			return p, fmt.Errorf("set up project %q: %w", j.plan.TargetName, err)
		}
		j.failure("settings", err)
	}
	return p, nil
}

// createTags makes the tags in the archived order and returns their new ids
// in that order; that of a refused tag is empty.
func (j *job) createTags(ctx context.Context, projectID string) ([]string, error) {
	tags := j.archived.Content.Tags()
	ids := make([]string, len(tags))
	for i, t := range tags {
		made, err := j.target.CreateTag(ctx, projectID, manifest.Tag{Name: t.Name, Description: t.Description, Type: t.Type})
		switch {
		case err == nil:
			ids[i] = made.ID
			j.report.Created.Tags++
		case fatal(ctx, err):
			return nil, fmt.Errorf("create tag %q: %w", t.Name, err)
		default:
			j.failure(fmt.Sprintf("tag %q", t.Name), err)
		}
	}
	return ids, nil
}

// upload sends the batches, a few at a time, and then what follows them.
func (j *job) upload(ctx context.Context, projectID string, tags []string, s *plan.Schedule) error {
	j.opt.Progress.Send(progress.Event{Kind: progress.PhaseStarted, Project: j.plan.Name, Message: "upload", Total: int64(j.archived.Content.Len())})
	u := newUploader(j, projectID, tags)
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(j.opt.Batches)
	for i := range s.Batches {
		if gctx.Err() != nil {
			break
		}
		g.Go(func() error { return u.batch(gctx, &s.Batches[i]) })
	}
	err := g.Wait()
	if err == nil {
		err = u.flush(ctx)
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
