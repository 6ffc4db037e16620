package restore

import (
	"context"
	"fmt"
	"slices"

	"golang.org/x/sync/errgroup"

	"cvarchive/manifest"
	"cvarchive/manifest/plan"
)

// Prepare reads the target and makes the plan. It makes no writing call. A
// project is looked at closely only where the target has its name: GetTags
// and GetImageCount for each such (and GetIterations, where training or
// publication is asked for), besides GetDomains and GetProjects. What
// an interrupted restore left is listed completely.
func Prepare(ctx context.Context, t Target, a Archive, opt Options) (*plan.Plan, error) {
	opt = opt.withDefaults()
	past, err := attempts(ctx, opt.Journal, a.Manifest().ID, opt.Target.Endpoint, opt.Now)
	if err != nil {
		return nil, err
	}
	p, _, err := prepare(ctx, t, a, past, opt)
	return p, err
}

// prepare makes the plan and returns the target's projects with it.
func prepare(ctx context.Context, t Target, a Archive, past []*attempt, opt Options) (*plan.Plan, []manifest.Project, error) {
	m := a.Manifest()
	if err := opt.Plan.CheckSelection(m.Projects); err != nil {
		return nil, nil, err
	}
	var err error
	if opt.Plan.Transfer, err = chooseTransfer(ctx, opt); err != nil {
		return nil, nil, err
	}
	target, err := live(ctx, t, m.Projects, opt)
	if err != nil {
		return nil, nil, fmt.Errorf("read the state of the target: %w", err)
	}
	projects := make([]manifest.Project, len(target.Projects))
	for i := range target.Projects {
		projects[i] = target.Projects[i].Project
	}
	target.Leftovers = leftovers(past, projects)
	archived := func(e manifest.ProjectEntry) (*plan.Archived, error) {
		mine := wants(e.ID, opt.Plan.TargetName(e), opt.ArchiveSHA256)
		at, p := openAttempt(past, projects, mine)
		if at == nil || e.Outcome == manifest.Failed {
			archived, err := load(ctx, a, e, nil)
			if err == nil {
				archived.ImportFailed = slices.ContainsFunc(past, func(a *attempt) bool {
					return !a.done && mine(a) && a.intent.By == plan.Rebuild && len(a.left) > 0
				})
			}
			return archived, err
		}
		return unfinished(ctx, t, a, e, at, p, opt)
	}
	source := &plan.ArchiveSide{
		Archive: describe(m, opt), MetadataOnly: m.Capture.MetadataOnly, Domains: m.Domains,
		Projects: func(yield func(*plan.Archived, error) bool) {
			for _, e := range m.Projects {
				if !opt.Plan.Selects(e) {
					continue
				}
				p, err := archived(e)
				if err == nil {
					err = token(p, opt)
				}
				if !yield(p, err) {
					return
				}
			}
		},
	}
	p, err := plan.Build(source, target, opt.Plan)
	if err == nil {
		noteRefreshed(p, m, opt.Exports)
		noteEncrypted(p, opt)
	}
	return p, projects, err
}

// leftovers are the projects of the target that failed imports left.
func leftovers(past []*attempt, projects []manifest.Project) []plan.Leftover {
	var left []plan.Leftover
	for _, a := range past {
		for _, l := range a.left {
			i := slices.IndexFunc(projects, func(p manifest.Project) bool { return p.ID == l.ID })
			known := slices.ContainsFunc(left, func(have plan.Leftover) bool { return have.ID == l.ID })
			if i >= 0 && !known {
				left = append(left, plan.Leftover{ID: l.ID, Name: projects[i].Name, Project: a.intent.Title})
			}
		}
	}
	return left
}

func describe(m *manifest.Manifest, opt Options) plan.Archive {
	return plan.Archive{
		ID: m.ID, Name: opt.ArchiveName, SHA256: opt.ArchiveSHA256,
		Source: m.Source.Name, Created: m.Started,
	}
}

// live reads the target as far as the plan needs it.
func live(ctx context.Context, t Target, entries []manifest.ProjectEntry, opt Options) (*plan.TargetSide, error) {
	s := &plan.TargetSide{Target: opt.Target}
	var err error
	if s.Domains, err = t.Domains(ctx); err != nil {
		return nil, err
	}
	projects, err := t.Projects(ctx)
	if err != nil {
		return nil, err
	}
	s.Projects = make([]plan.Live, len(projects))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(opt.Projects)
	for i, p := range projects {
		s.Projects[i] = plan.Live{Project: p, ImageCount: -1}
		concerned := slices.ContainsFunc(entries, func(e manifest.ProjectEntry) bool {
			return opt.Plan.Selects(e) && opt.Plan.Concerns(e, p.Name)
		})
		if concerned && (p.Status == "" || p.Status == manifest.StatusSucceeded) {
			g.Go(func() error { return look(ctx, t, &s.Projects[i], opt) })
		}
	}
	return s, g.Wait()
}

// look reads what else the plan needs of a project that may be one of those.
func look(ctx context.Context, t Target, l *plan.Live, opt Options) (err error) {
	if l.Tags, err = t.Tags(ctx, l.Project.ID, ""); err != nil {
		return err
	}
	if l.ImageCount, err = t.ImageCount(ctx, l.Project.ID, ""); err != nil {
		return err
	}
	if opt.Plan.Serves() {
		l.Iterations, err = t.Iterations(ctx, l.Project.ID)
	}
	return err
}
