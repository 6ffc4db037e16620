package restore

import (
	"context"
	"fmt"
	"slices"

	"cvarchive/manifest"
	"cvarchive/manifest/plan"
)

// Prepare reads the target and makes the plan. It makes no writing call. A
// project is looked at closely only where the target has its name: GetTags
// and GetImageCount for each such, besides GetDomains and GetProjects.
func Prepare(ctx context.Context, t Target, a Archive, opt Options) (*plan.Plan, error) {
	opt = opt.withDefaults()
	m := a.Manifest()
	if err := opt.Plan.CheckSelection(m.Projects); err != nil {
		return nil, err
	}
	target, err := live(ctx, t, m.Projects, opt)
	if err != nil {
		return nil, fmt.Errorf("read the state of the target: %w", err)
	}
	source := &plan.ArchiveSide{
		Archive: describe(m, opt), MetadataOnly: m.Capture.MetadataOnly, Domains: m.Domains,
		Projects: func(yield func(*plan.Archived, error) bool) {
			for _, e := range m.Projects {
				if opt.Plan.Selects(e) && !yield(load(ctx, a, e, nil)) {
					return
				}
			}
		},
	}
	return plan.Build(source, target, opt.Plan)
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
	for _, p := range projects {
		l := plan.Live{Project: p, ImageCount: -1}
		concerned := slices.ContainsFunc(entries, func(e manifest.ProjectEntry) bool {
			return opt.Plan.Selects(e) && opt.Plan.Concerns(e, p.Name)
		})
		if concerned && (p.Status == "" || p.Status == manifest.StatusSucceeded) {
			if l.Tags, err = t.Tags(ctx, p.ID, ""); err != nil {
				return nil, err
			}
			if l.ImageCount, err = t.ImageCount(ctx, p.ID, ""); err != nil {
				return nil, err
			}
		}
		s.Projects = append(s.Projects, l)
	}
	return s, nil
}
