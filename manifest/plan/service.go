package plan

import (
	"fmt"
	"maps"
	"slices"

	"cvarchive/manifest"
)

// Training is a training that follows a rebuild, as the archived project had
// one.
type Training struct {
	Iteration   string `json:"iteration"`             // archived id
	Name        string `json:"name"`                  // archived name
	Type        string `json:"type,omitempty"`        // Regular, Advanced
	BudgetHours int    `json:"budgetHours,omitempty"` // of an Advanced one
}

// Publication is a model to publish.
type Publication struct {
	Name string `json:"name"`
	// Resource is the Azure Resource Manager id of the prediction resource.
	Resource string `json:"resource"`
	// Iteration is the archived id of the iteration that is meant.
	Iteration string `json:"iteration"`
}

// Leftover is a project that a failed import of an earlier restore left in
// the target.
type Leftover struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	// Project is the name of the archived project.
	Project string `json:"project"`
	Remove  bool   `json:"remove"` // as asked for
}

// LastTrained returns the iteration that was trained last, or nil.
func LastTrained(iterations []manifest.Iteration) *manifest.Iteration {
	var last *manifest.Iteration
	for i := range iterations {
		it := &iterations[i]
		if it.Trained() && (last == nil || trainedAt(it) >= trainedAt(last)) {
			last = it
		}
	}
	return last
}

// trainedAt orders iterations; the service's timestamps have one form.
func trainedAt(it *manifest.Iteration) manifest.Timestamp {
	if it.TrainedAt != "" {
		return it.TrainedAt
	}
	return it.Created
}

// service plans training and publication.
func (b *builder) service(p *Project, a *Archived) {
	if !p.Action.Writes() {
		return
	}
	last := LastTrained(a.Iterations)
	rebuilt := p.Action == Rebuild || p.Action == Continue && (p.Resume.By == Rebuild || p.Resume.Status == manifest.StatusFailed)
	if b.opt.Train && last != nil {
		p.Training = &Training{Iteration: last.ID, Name: last.Name, Type: last.TrainingType, BudgetHours: last.ReservedBudgetInHours}
		if rebuilt {
			begun := a.Unfinished != nil && a.Unfinished.Training
			if p.Calls == nil {
				p.Calls = Calls{}
			}
			if !begun {
				p.Calls.count(TrainProject, 1)
			}
			p.ProofCalls.count(GetIterationPerformance, 1)
		}
	}
	if rebuilt && p.Training == nil {
		if len(b.opt.Publish) > 0 || b.opt.PublishAsBefore != "" {
			p.Notes = append(p.Notes, Note{What: "publication", Reason: "nothing is trained, so nothing can be published; ask for training, where the archive has a trained iteration"})
		}
		return
	}
	if last == nil {
		return
	}
	for _, name := range slices.Sorted(maps.Keys(b.opt.Publish)) {
		p.Publish = append(p.Publish, Publication{Name: name, Resource: b.opt.Publish[name], Iteration: last.ID})
	}
	if b.opt.PublishAsBefore != "" {
		for _, it := range a.Iterations {
			switch {
			case it.PublishName == "":
			case rebuilt && it.ID != last.ID:
				p.Notes = append(p.Notes, Note{What: fmt.Sprintf("publication %q", it.PublishName), Reason: "only the last trained iteration is trained again, and it was of another"})
			default:
				p.Publish = append(p.Publish, Publication{Name: it.PublishName, Resource: b.opt.PublishAsBefore, Iteration: it.ID})
			}
		}
	}
	if len(p.Publish) > 0 {
		if p.Calls == nil {
			p.Calls = Calls{}
		}
		p.Calls.count(PublishIteration, len(p.Publish))
	}
}
