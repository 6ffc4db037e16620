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

// StatusTraining is the status of an iteration that is being trained.
const StatusTraining = "Training"

// service plans training and publication.
func (b *builder) service(p *Project, a *Archived) {
	if !p.Action.Writes() {
		return
	}
	last := LastTrained(a.Iterations)
	rebuilt := p.Action == Rebuild || p.Action == Continue && (p.Resume.By == Rebuild || p.Resume.Status == manifest.StatusFailed)
	if b.opt.Train && last != nil {
		p.Training = trainingLike(last)
		if rebuilt {
			b.countTraining(p, a.Unfinished != nil && a.Unfinished.Training)
		}
	}
	if rebuilt && p.Training == nil {
		b.cannotPublish(p)
		return
	}
	if last != nil {
		b.publish(p, a, func(it *manifest.Iteration) bool { return !rebuilt || it.ID == last.ID })
	}
}

// serve plans training and publication of a project that is there and equal,
// as far as they are not done.
func (b *builder) serve(p *Project, a *Archived) {
	last := LastTrained(a.Iterations)
	live, there := b.names.lookup(p.TargetName)
	if !p.Equal || !b.opt.Serves() || last == nil || !there || live == nil {
		return
	}
	have := Counterparts(a.Iterations, live.Iterations)
	if b.opt.Train && len(have) == 0 {
		p.Training = trainingLike(last)
		b.countTraining(p, slices.ContainsFunc(live.Iterations, func(it manifest.Iteration) bool { return it.Status == StatusTraining }))
		have = map[string]string{last.ID: ""}
	}
	if len(have) == 0 {
		if !b.opt.Train {
			p.Reason += "; nothing is trained there, so nothing can be published: ask for training too"
		}
		return
	}
	b.publish(p, a, func(it *manifest.Iteration) bool { _, ok := have[it.ID]; return ok })
	done := func(pub Publication) bool {
		return slices.ContainsFunc(live.Iterations, func(it manifest.Iteration) bool {
			return it.ID == have[pub.Iteration] && it.PublishName == pub.Name
		})
	}
	p.Publish = slices.DeleteFunc(p.Publish, done)
	delete(p.Calls, PublishIteration)
	if p.Training == nil && len(p.Publish) == 0 {
		p.Calls, p.Publish = nil, nil
		return
	}
	p.Action = Serve
	p.count(PublishIteration, len(p.Publish))
	if p.ProofCalls == nil {
		p.ProofCalls = Calls{}
	}
	p.ProofCalls.count(GetIterations, 1)
}

// Counterparts finds what stands for archived trained iterations in the
// target: after an import the ones of the same names; after a rebuild, with
// fewer of them, the last one for the last one.
func Counterparts(archived, live []manifest.Iteration) map[string]string {
	ids := map[string]string{}
	imported := true
	for i := range archived {
		a := &archived[i]
		if !a.Trained() {
			continue
		}
		n := slices.IndexFunc(live, func(it manifest.Iteration) bool { return it.Name == a.Name && it.Trained() })
		if n < 0 {
			imported = false
			continue
		}
		ids[a.ID] = live[n].ID
	}
	if imported {
		return ids
	}
	clear(ids)
	if last, now := LastTrained(archived), LastTrained(live); last != nil && now != nil {
		ids[last.ID] = now.ID
	}
	return ids
}

func trainingLike(it *manifest.Iteration) *Training {
	return &Training{Iteration: it.ID, Name: it.Name, Type: it.TrainingType, BudgetHours: it.ReservedBudgetInHours}
}

// countTraining counts the calls of a training, which may have been begun.
func (b *builder) countTraining(p *Project, begun bool) {
	if !begun {
		p.count(TrainProject, 1)
	}
	if p.ProofCalls == nil {
		p.ProofCalls = Calls{}
	}
	p.ProofCalls.count(GetIterationPerformance, 1)
}

func (p *Project) count(op string, n int) {
	if p.Calls == nil {
		p.Calls = Calls{}
	}
	p.Calls.count(op, n)
}

// cannotPublish notes that a publication which was asked for is not possible.
func (b *builder) cannotPublish(p *Project) {
	if len(b.opt.Publish) > 0 || b.opt.PublishAsBefore != "" {
		p.Notes = append(p.Notes, Note{What: "publication", Reason: "nothing is trained, so nothing can be published; ask for training, where the archive has a trained iteration"})
	}
}

// publish plans the publications that were asked for, of iterations that the
// target will have.
func (b *builder) publish(p *Project, a *Archived, has func(*manifest.Iteration) bool) {
	last := LastTrained(a.Iterations)
	for _, name := range slices.Sorted(maps.Keys(b.opt.Publish)) {
		p.Publish = append(p.Publish, Publication{Name: name, Resource: b.opt.Publish[name], Iteration: last.ID})
	}
	for i := range a.Iterations {
		it := &a.Iterations[i]
		switch {
		case b.opt.PublishAsBefore == "" || it.PublishName == "":
		case !has(it):
			p.Notes = append(p.Notes, Note{What: fmt.Sprintf("publication %q", it.PublishName), Reason: "only the last trained iteration is trained again, and it was of another"})
		default:
			p.Publish = append(p.Publish, Publication{Name: it.PublishName, Resource: b.opt.PublishAsBefore, Iteration: it.ID})
		}
	}
	if len(p.Publish) > 0 {
		p.count(PublishIteration, len(p.Publish))
	}
}
