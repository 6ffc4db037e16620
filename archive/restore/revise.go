package restore

import (
	"context"

	"cvarchive/manifest"
	"cvarchive/manifest/plan"
)

// Revise plans again with the choices of a saved plan, whose digest
// [Options.Saved] is, and returns what is to be carried out: the saved plan
// or, when an interrupted run has carried out a part of it, what is left of
// it; begun says which. That part is known from the journal. Any other change
// of archive or target since the plan was made is a [*StaleError]; p, if there
// is one, is then what would be planned now.
func Revise(ctx context.Context, t Target, a Archive, saved *plan.Plan, opt Options) (p *plan.Plan, begun bool, err error) {
	opt = opt.withDefaults()
	// Another archive under the same name would be planned for nothing.
	if !saved.Archive.SHA256.IsZero() && saved.Archive.SHA256 != opt.ArchiveSHA256 {
		return nil, false, &StaleError{"the archive has changed: its SHA-256 is another"}
	}
	past, err := attempts(ctx, opt.Journal, a.Manifest().ID, opt.Target.Endpoint, opt.Now)
	if err != nil {
		return nil, false, err
	}
	now, projects, err := prepare(ctx, t, a, past, opt)
	if err != nil {
		return nil, false, err
	}
	own := ownOf(past, projects, opt.Saved)
	if why := saved.Moved(now, own); why != "" {
		return now, false, &StaleError{why}
	}
	if own == nil {
		return saved, false, nil
	}
	return now, true, nil
}

// ownOf gathers what the carrying out of a saved plan has made in the target;
// nil: nothing.
func ownOf(past []*attempt, projects []manifest.Project, saved manifest.Digest) *plan.Own {
	own := &plan.Own{Made: map[string]bool{}, Done: map[string]string{}}
	for _, a := range past {
		if saved.IsZero() || a.plan != saved {
			continue
		}
		for _, l := range a.left {
			own.Made[l.ID] = true
		}
		if a.project != nil {
			own.Made[a.project.ID] = true
		}
		if p, ok := a.locate(projects); ok {
			own.Made[p.ID] = true
			if a.done {
				own.Done[a.intent.Project] = p.ID
			}
		}
	}
	if len(own.Made) == 0 {
		return nil
	}
	return own
}

// forget removes what the journal keeps of a saved plan that is carried out.
// A file that stays is of no use and does no harm.
func forget(ctx context.Context, p *plan.Plan, opt Options) {
	if opt.Saved.IsZero() {
		return
	}
	past, err := attempts(ctx, opt.Journal, p.Archive.ID, p.Target.Endpoint, opt.Now)
	for _, a := range past {
		if err == nil && a.plan == opt.Saved && a.done && len(a.left) == 0 {
			err = a.drop(ctx, a.Names())
		}
	}
	if err != nil {
		opt.Logger.Warn("notes of a plan that is carried out stay", "error", err)
	}
}
