package restore

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"

	"cvarchive/archive/progress"
	"cvarchive/manifest"
	"cvarchive/manifest/plan"
)

// pen writes the journal of a job. A journal that cannot be written does not
// stop a restore: what it costs is that the restore cannot be gone on with.
type pen struct {
	past    []*attempt
	attempt *attempt // nil: there is no journal

	mu  sync.Mutex
	err error // why the journal is not complete
}

// begin notes that the project is about to be made: in the attempt at hand,
// or in a new one that takes the place of earlier ones.
func (j *job) begin(by plan.Action) {
	domain := ""
	if by == plan.Rebuild {
		domain = j.plan.Domain.ID
	}
	in := intent{
		SHA256: j.opt.ArchiveSHA256, Endpoint: j.opt.Target.Endpoint,
		Project: j.plan.ID, Title: j.plan.Name, Wanted: cmp.Or(j.plan.Wanted, j.plan.TargetName), Name: j.plan.TargetName,
		By: by, DomainID: domain,
	}
	if j.opt.Journal == nil {
		j.err = errNoJournal
		return
	}
	if j.attempt == nil {
		j.attempt = newAttempt(j.opt.Journal, j.archive.Manifest().ID, j.opt.Target.Endpoint, j.opt.Now)
		j.replace(in)
	}
	j.note(j.work, note{Plan: j.opt.Saved, Intent: &in})
}

// replace closes earlier attempts at the same project, whose project in the
// target has gone. What failed imports left stays on record.
func (j *job) replace(in intent) {
	mine := wants(in.Project, in.Wanted, in.SHA256)
	for _, a := range j.past {
		if !a.done && mine(a) {
			if err := a.close(j.work, true); err != nil {
				j.opt.Logger.Warn("an earlier journal stays", "error", err)
			}
		}
	}
}

// resume finds the attempt that the plan goes on with.
func (j *job) resume() error {
	for _, a := range slices.Backward(j.past) {
		in := &a.intent
		if a.done || in.Project != j.plan.ID || in.By != j.plan.Resume.By {
			continue
		}
		if a.project != nil && a.project.ID == j.plan.TargetID || a.project == nil && in.Name == j.plan.TargetName {
			j.attempt = a
			if !j.opt.Saved.IsZero() && a.plan != j.opt.Saved {
				j.note(j.work, note{Plan: j.opt.Saved})
			}
			if a.project == nil {
				j.note(j.work, note{Project: &made{j.plan.TargetID, j.plan.TargetName}})
			}
			return nil
		}
	}
	return &StaleError{fmt.Sprintf("there is no journal of an unfinished restore of project %q", j.plan.Name)}
}

var errNoJournal = fmt.Errorf("there is no place for a journal")

// note writes into the journal, if there is one.
func (j *job) note(ctx context.Context, n note) {
	if j.attempt == nil {
		return
	}
	err := j.attempt.write(ctx, n)
	if err == nil {
		return
	}
	j.mu.Lock()
	first := j.err == nil
	j.err = cmp.Or(j.err, err)
	j.mu.Unlock()
	if first {
		j.opt.Progress.Send(progress.Event{Kind: progress.Warning, Project: j.plan.Name, Message: err.Error() + "; should this restore be stopped, it may have to begin anew"})
	}
}

// unnoted says why the journal is not complete; "" when it is.
func (j *job) unnoted() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.err == nil {
		return ""
	}
	return j.err.Error()
}

func (j *job) closeAttempt(ctx context.Context, keepLeft bool) {
	if j.attempt == nil {
		return
	}
	if err := j.attempt.close(ctx, keepLeft); err != nil {
		j.opt.Logger.Warn("the journal stays", "error", err)
	}
}

// cleanUp deletes what the plan says, and journals that are about nothing
// anymore.
func cleanUp(ctx context.Context, t Target, left []plan.Leftover, past []*attempt, r *Report) error {
	gone := map[string]bool{}
	for _, l := range left {
		if !l.Remove {
			continue
		}
		if !slices.ContainsFunc(past, func(a *attempt) bool {
			return slices.ContainsFunc(a.left, func(m made) bool { return m.ID == l.ID })
		}) {
			return &StaleError{fmt.Sprintf("no journal says that project %q was left by a failed import", l.Name)}
		}
		if err := t.DeleteProject(ctx, l.ID); err != nil {
			r.Failures = append(r.Failures, manifest.FailureOf(fmt.Sprintf("removal of project %q", l.Name), err))
			continue
		}
		gone[l.ID] = true
		r.Removed = append(r.Removed, l)
	}
	for _, a := range past {
		// What a saved plan has made stays on record, unless it is all about
		// what is gone now.
		if a.done && (a.plan.IsZero() || len(a.left) > 0) && !slices.ContainsFunc(a.left, func(m made) bool { return !gone[m.ID] }) {
			if err := a.drop(ctx, a.Names()); err != nil && ctx.Err() == nil {
				return nil // it says done, which is enough
			}
		}
	}
	return context.Cause(ctx)
}
