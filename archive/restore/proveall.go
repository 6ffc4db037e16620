package restore

import (
	"context"
	"fmt"
	"time"

	"cvarchive/archive/progress"
	"cvarchive/manifest"
	"cvarchive/manifest/diff"
	"cvarchive/manifest/plan"
)

// ProofReport compares the projects of an archive with those of a target that
// have their names.
type ProofReport struct {
	FormatVersion int            `json:"formatVersion"`
	Archive       plan.Archive   `json:"archive"`
	Target        plan.Target    `json:"target"`
	Started       time.Time      `json:"started"`
	Finished      time.Time      `json:"finished"`
	Projects      []ProjectProof `json:"projects"`
}

// ProjectProof is the comparison of one project.
type ProjectProof struct {
	ID         string `json:"id"`   // archived
	Name       string `json:"name"` // archived
	TargetName string `json:"targetName"`
	TargetID   string `json:"targetId,omitempty"`
	// Missing says that the target has no project of that name.
	Missing bool `json:"missing,omitempty"`
	// Reason says why there is no proof.
	Reason string       `json:"reason,omitempty"`
	Proof  *diff.Result `json:"proof,omitempty"`
	// Failures are images of the target whose bytes could not be read, or
	// what else kept the proof from being made.
	Failures []manifest.Failure `json:"failures,omitempty"`
	Calls    plan.Calls         `json:"calls,omitempty"`
}

// Equal reports whether every project is there and equal to the archive.
func (r *ProofReport) Equal() bool {
	for i := range r.Projects {
		p := &r.Projects[i]
		if p.Proof == nil || !p.Proof.Equal() || len(p.Failures) > 0 {
			return false
		}
	}
	return true
}

// Whole reports whether every project could be compared. One that the target
// lacks was: it differs.
func (r *ProofReport) Whole() bool {
	for i := range r.Projects {
		p := &r.Projects[i]
		if len(p.Failures) > 0 || p.Proof == nil && !p.Missing {
			return false
		}
	}
	return true
}

// ProveAll compares the chosen projects of an archive with a target, as
// [Prove] does. Names are mapped as for a restore, by [plan.Options.Rename].
// A project that the target lacks, or that cannot be read, is in the report;
// an error is an archive that cannot be read, a target that does not answer,
// or the end of ctx.
func ProveAll(ctx context.Context, t Target, a Archive, opt Options) (*ProofReport, error) {
	opt = opt.withDefaults()
	m := a.Manifest()
	if err := opt.Plan.CheckSelection(m.Projects); err != nil {
		return nil, err
	}
	domains, err := t.Domains(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the state of the target: %w", err)
	}
	projects, err := t.Projects(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the state of the target: %w", err)
	}
	r := &ProofReport{FormatVersion: ReportVersion, Archive: describe(m, opt), Target: opt.Target, Started: opt.Now().UTC(), Projects: []ProjectProof{}}
	var chosen []manifest.ProjectEntry
	for _, e := range m.Projects {
		if opt.Plan.Selects(e) {
			chosen = append(chosen, e)
		}
	}
	proofs := make([]*ProjectProof, len(chosen))
	common := newShared(opt)
	err = together(ctx, opt, len(chosen), func(i int) int { return chosen[i].Counts.Images }, func(i int, _ func()) error {
		e := chosen[i]
		p := &ProjectProof{ID: e.ID, Name: e.Name, TargetName: opt.Plan.TargetName(e)}
		opt.Progress.Send(progress.Event{Kind: progress.ProjectStarted, Project: p.Name, ID: p.ID, Total: int64(e.Counts.Images - e.Counts.IterationOnly)})
		if err := p.prove(ctx, t, a, e, domains, projects, common, opt); err != nil {
			return err
		}
		proofs[i] = p
		opt.Progress.Send(progress.Event{Kind: progress.ProjectFinished, Project: p.Name, ID: p.ID, Message: p.Verdict()})
		return nil
	})
	for _, p := range proofs {
		if p != nil {
			r.Projects = append(r.Projects, *p)
		}
	}
	if err == nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		return r, err
	}
	r.Finished = opt.Now().UTC()
	return r, nil
}

// Verdict is what came of it, in a word or two: equal, differs, missing or not
// compared.
func (p *ProjectProof) Verdict() string {
	switch {
	case p.Missing:
		return "missing"
	case p.Proof == nil:
		return "not compared"
	case !p.Proof.Equal():
		return "differs"
	case len(p.Failures) > 0:
		return "not compared in full"
	}
	return "equal"
}

func (p *ProjectProof) prove(ctx context.Context, t Target, a Archive, e manifest.ProjectEntry, domains []manifest.Domain, projects []manifest.Project, common *shared, opt Options) error {
	var live *manifest.Project
	for i := range projects {
		if projects[i].Name == p.TargetName {
			live = &projects[i]
		}
	}
	switch {
	case e.Outcome == manifest.Failed:
		p.Reason = "the backup could not read this project"
		return nil
	case live == nil:
		p.Missing, p.Reason = true, "the target has no project of that name"
		return nil
	}
	p.TargetID = live.ID
	recs, err := newRecords(opt.TempDir)
	if err != nil {
		return err
	}
	defer recs.close()
	archived, err := load(ctx, a, e, recs)
	if err != nil {
		return err
	}
	counting := newCounted(t)
	v := &prover{target: counting, archived: archived, records: recs, opt: opt, shared: common, name: p.TargetName}
	if d, ok := plan.ChooseDomain(archived, a.Manifest().Domains, domains); ok {
		v.domainID = d.ID
	}
	// A rebuild has images with the same bytes once. An import may have
	// them as often as the source had.
	count, err := counting.ImageCount(ctx, live.ID, "")
	if err == nil {
		v.expected = count
		v.merged = count <= archived.Content.Restorable().Images
		p.Proof, err = v.prove(ctx, live.ID)
	}
	p.Failures, p.Calls = v.unread, counting.counts()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err != nil {
		p.Proof, p.Reason = nil, err.Error()
		p.Failures = append(p.Failures, manifest.FailureOf("proof", err))
	}
	return nil
}
