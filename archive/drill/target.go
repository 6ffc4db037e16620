package drill

import (
	"context"
	"errors"
	"slices"

	"cvarchive/archive/restore"
	"cvarchive/manifest"
)

// Target is the resource to rehearse in.
type Target = restore.Target

// recorder is a target that notes in the drill's journal what is created,
// before and after, and hides what earlier drills left, which is removed
// first.
type recorder struct {
	Target
	trail  *trail
	hidden []Project
}

func (r *recorder) CreateProject(ctx context.Context, p manifest.NewProject) (manifest.Project, error) {
	return r.create(ctx, p.Name, func() (manifest.Project, error) { return r.Target.CreateProject(ctx, p) })
}

func (r *recorder) ImportProject(ctx context.Context, token manifest.Secret, name string) (manifest.Project, error) {
	return r.create(ctx, name, func() (manifest.Project, error) { return r.Target.ImportProject(ctx, token, name) })
}

// create makes a call that creates a project, between two notes. Without the
// first there is no call; without the second, nothing is done with what it
// has made.
func (r *recorder) create(ctx context.Context, name string, call func() (manifest.Project, error)) (manifest.Project, error) {
	if err := r.trail.write(ctx, note{Intent: name}); err != nil {
		return manifest.Project{}, err
	}
	p, err := call()
	if err != nil {
		if refused(err) {
			err = errors.Join(err, r.trail.write(ctx, note{Settled: name}))
		}
		return p, err
	}
	if err := r.made(ctx, Project{p.ID, p.Name}, name); err != nil {
		return manifest.Project{}, err
	}
	return p, nil
}

// refused reports whether an answer says that nothing was created.
func refused(err error) bool {
	se, ok := errors.AsType[*manifest.ServiceError](err)
	return ok && se.StatusCode >= 400 && se.StatusCode < 500 && se.StatusCode != 408
}

// made notes a project that was created, as intended under a name. It is known for the clean-up of this
// run even where the note cannot be written.
func (r *recorder) made(ctx context.Context, p Project, intent string) error {
	n := note{Made: &p, Settled: intent}
	err := r.trail.write(ctx, n)
	if err != nil {
		r.trail.mu.Lock()
		defer r.trail.mu.Unlock()
		r.trail.take(&n)
	}
	return err
}

// UpdateProject notes a project that was found by its name after the answer
// of the call that created it was lost: it may get another name now.
func (r *recorder) UpdateProject(ctx context.Context, id string, p manifest.Project) (manifest.Project, error) {
	if !r.trail.knows(id) {
		live, err := r.Target.Project(ctx, id)
		if err == nil {
			err = r.made(ctx, Project{live.ID, live.Name}, live.Name)
		}
		if err != nil {
			return manifest.Project{}, err
		}
	}
	return r.Target.UpdateProject(ctx, id, p)
}

func (r *recorder) Projects(ctx context.Context) ([]manifest.Project, error) {
	projects, err := r.Target.Projects(ctx)
	return slices.DeleteFunc(projects, func(p manifest.Project) bool {
		return slices.ContainsFunc(r.hidden, func(h Project) bool { return h.ID == p.ID })
	}), err
}
