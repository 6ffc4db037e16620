package restore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"cvarchive/archive/seal"
	"cvarchive/manifest"
	"cvarchive/manifest/plan"
)

// Exporter is a source that still lives. The Training API client implements
// it.
type Exporter interface {
	Projects(ctx context.Context) ([]manifest.Project, error)
	ExportProject(ctx context.Context, projectID string) (manifest.Export, error)
}

// RefreshTokens exports the chosen projects of an archive afresh from the
// source that they were captured from, for [Options.Exports]. Such a token
// brings the project as it is now; the plan says how that differs from the
// archive. Projects that the source no longer has, or does not export, are
// returned as failures and keep the archive's token.
func RefreshTokens(ctx context.Context, src Exporter, m *manifest.Manifest, opt plan.Options, now func() time.Time) (map[string]manifest.Export, []manifest.Failure, error) {
	live, err := src.Projects(ctx)
	if err != nil {
		return nil, nil, fmt.Errorf("refresh tokens: list the projects of the source: %w", err)
	}
	fresh := map[string]manifest.Export{}
	var failed []manifest.Failure
	for _, e := range m.Projects {
		if !opt.Selects(e) || e.Outcome == manifest.Failed {
			continue
		}
		item := fmt.Sprintf("token of project %q", e.Name)
		if !slices.ContainsFunc(live, func(p manifest.Project) bool { return strings.EqualFold(p.ID, e.ID) }) {
			failed = append(failed, manifest.Failure{Item: item, Message: "the source no longer has the project"})
			continue
		}
		x, err := src.ExportProject(ctx, e.ID)
		if ctx.Err() != nil {
			return nil, nil, context.Cause(ctx)
		}
		if err != nil {
			failed = append(failed, manifest.FailureOf(item, err))
			continue
		}
		x.Requested = manifest.Timestamp(now().UTC().Format(time.RFC3339))
		fresh[e.ID] = x
	}
	return fresh, failed, nil
}

// token gives an archived project the token that it is imported with: a fresh
// export record in the place of the archived one, or a sealed one opened. One
// that was sealed to others leaves the rest of the archive as good as it is;
// an identity that cannot be used is an error.
func token(a *plan.Archived, opt Options) error {
	if x, ok := opt.Exports[a.Entry.ID]; ok {
		a.Export = x
	}
	if opt.Sealed == nil || a.Export.State != manifest.TokenSealed {
		return nil
	}
	secret, err := opt.Sealed.OpenText(a.Export.SealedToken)
	switch _, locked := errors.AsType[*seal.LockedError](err); {
	case locked:
		return err
	case errors.Is(err, seal.ErrNoMatch):
		a.Sealed = "not to the identities that were given"
	case err != nil:
		a.Sealed = err.Error()
	}
	a.Export.Token = secret
	return nil
}

// noteRefreshed says in the plan how what an import would bring differs from
// the archive, by its counts.
func noteRefreshed(p *plan.Plan, m *manifest.Manifest, exports map[string]manifest.Export) {
	for i := range p.Projects {
		pp := &p.Projects[i]
		x, ok := exports[pp.ID]
		e := m.Project(pp.ID)
		if !ok || e == nil {
			continue
		}
		images := e.Counts.Images - e.Counts.IterationOnly
		reason := "it brings the project as it is now, with as many images, tags and regions as the archive has"
		if x.ImageCount != images || x.TagCount != e.Counts.Tags || x.RegionCount != e.Counts.Regions {
			reason = fmt.Sprintf("it brings the project as it is now: %d images, %d tags, %d regions; the archive has %d, %d and %d",
				x.ImageCount, x.TagCount, x.RegionCount, images, e.Counts.Tags, e.Counts.Regions)
		}
		pp.Notes = append(pp.Notes, plan.Note{What: "fresh token", Reason: reason})
	}
}
