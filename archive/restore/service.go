package restore

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"cvarchive/archive/progress"
	"cvarchive/manifest"
	"cvarchive/manifest/plan"
)

// Training is what became of the training that follows a rebuild.
type Training struct {
	Iteration   string  `json:"iteration,omitempty"` // in the target
	Name        string  `json:"name,omitempty"`
	Type        string  `json:"type,omitempty"`        // as asked for
	BudgetHours int     `json:"budgetHours,omitempty"` // as asked for
	Status      string  `json:"status,omitempty"`      // the service's word
	Seconds     float64 `json:"seconds"`               // waited in this run
	// Overall and PerTag compare the archived figures with the new ones.
	// They say how well either did on its own test images, and need not be
	// equal.
	Overall *Comparison  `json:"overall,omitempty"`
	PerTag  []Comparison `json:"perTag,omitempty"`
}

// Comparison of what was archived with what the new training came to.
type Comparison struct {
	Tag      string  `json:"tag,omitempty"`
	Archived Figures `json:"archived"`
	Now      Figures `json:"now"`
}

// Figures are the service's numbers, as they came; empty where there is none.
type Figures struct {
	Precision        json.Number `json:"precision,omitempty"`
	Recall           json.Number `json:"recall,omitempty"`
	AveragePrecision json.Number `json:"averagePrecision,omitempty"`
}

// toService trains and publishes, as planned.
func (j *job) toService(ctx context.Context) {
	if ctx.Err() != nil || j.plan.Training == nil && len(j.plan.Publish) == 0 {
		return
	}
	ids := map[string]string{} // archived iteration → the target's
	switch {
	case j.report.By == plan.Import:
		ids = j.importedIterations(ctx)
	case j.plan.Training != nil:
		it, err := j.train(ctx, j.startTraining)
		if err != nil {
			j.failure("training", err)
			break
		}
		ids[j.plan.Training.Iteration] = it.ID
	}
	for _, p := range j.plan.Publish {
		j.publish(p, ids[p.Iteration])
	}
}

// serve trains and publishes a project that is there and equal. There is no
// journal of that: the target itself tells what is done.
func (j *job) serve(ctx context.Context) error {
	m, err := j.archive.Project(ctx, j.plan.ID)
	if err != nil {
		j.fail("", err)
		return err
	}
	j.archived = &plan.Archived{Iterations: m.Iterations}
	live, err := j.target.Iterations(ctx, j.plan.TargetID)
	if err != nil {
		j.fail("", fmt.Errorf("look at what is trained: %w", err))
		return context.Cause(ctx)
	}
	ids := plan.Counterparts(m.Iterations, live)
	if t := j.plan.Training; t != nil {
		under := slices.IndexFunc(live, func(it manifest.Iteration) bool { return it.Status == plan.StatusTraining })
		start := j.startTraining
		if under >= 0 { // an earlier run was stopped
			start = func(context.Context) (manifest.Iteration, error) { return live[under], nil }
		}
		it, err := j.train(ctx, start)
		if err != nil {
			j.failure("training", err)
			j.plan.Publish = nil
		}
		ids[t.Iteration] = it.ID
	}
	for _, p := range j.plan.Publish {
		j.publish(p, ids[p.Iteration])
	}
	j.settle()
	return context.Cause(ctx)
}

// importedIterations matches archived iterations with those that came with an
// import, which have new ids and the same names.
func (j *job) importedIterations(ctx context.Context) map[string]string {
	ids := map[string]string{}
	if len(j.plan.Publish) == 0 {
		return ids
	}
	live, err := j.target.Iterations(ctx, j.report.TargetID)
	if err != nil {
		j.failure("iterations", err)
		return ids
	}
	for _, a := range j.archived.Iterations {
		i := slices.IndexFunc(live, func(it manifest.Iteration) bool { return it.Name == a.Name && it.Trained() })
		if i >= 0 && a.Trained() {
			ids[a.ID] = live[i].ID
		}
	}
	return ids
}

func (j *job) publish(p plan.Publication, iteration string) {
	item := fmt.Sprintf("publication %q", p.Name)
	if iteration == "" {
		j.failure(item, fmt.Errorf("the target has no trained iteration for it"))
		return
	}
	if err := j.target.Publish(j.work, j.report.TargetID, iteration, p.Name, p.Resource, true); err != nil {
		j.failure(item, err)
		return
	}
	j.report.Published = append(j.report.Published, p)
}

// train waits for a training like the archived one, which start starts or
// finds, and compares its figures.
func (j *job) train(ctx context.Context, start func(context.Context) (manifest.Iteration, error)) (manifest.Iteration, error) {
	t := j.plan.Training
	j.report.Training = &Training{Type: t.Type, BudgetHours: t.BudgetHours}
	started := j.opt.Now()
	defer func() { j.report.Training.Seconds = j.opt.Now().Sub(started).Seconds() }()
	it, err := start(ctx)
	if err != nil {
		return it, err
	}
	j.opt.Progress.Send(progress.Event{Kind: progress.PhaseStarted, Project: j.plan.Name, Message: "train"})
	it, err = j.awaitTraining(ctx, it)
	r := j.report.Training
	r.Iteration, r.Name, r.Status = it.ID, it.Name, it.Status
	if err != nil {
		return it, err
	}
	now, err := j.target.IterationPerformance(ctx, j.report.TargetID, it.ID)
	if err != nil {
		return it, fmt.Errorf("read its performance: %w", err)
	}
	i := slices.IndexFunc(j.archived.Iterations, func(a manifest.Iteration) bool { return a.ID == t.Iteration })
	r.compare(j.archived.Iterations[i].Performance, now)
	return it, nil
}

func (j *job) startTraining(ctx context.Context) (manifest.Iteration, error) {
	if j.attempt != nil && j.attempt.training != nil {
		it, ok, err := j.earlierTraining(ctx)
		if err != nil || ok {
			return it, err
		}
	}
	j.note(j.work, note{Training: &training{}})
	it, err := j.target.Train(j.work, j.report.TargetID, manifest.TrainOptions{
		TrainingType: j.plan.Training.Type, ReservedBudgetInHours: j.plan.Training.BudgetHours,
	})
	if err == nil {
		j.note(j.work, note{Training: &training{Iteration: it.ID}})
	}
	return it, err
}

// earlierTraining finds the training that an earlier run started: by its id
// or, when the answer was lost, as the one begun since.
func (j *job) earlierTraining(ctx context.Context) (manifest.Iteration, bool, error) {
	all, err := j.target.Iterations(ctx, j.report.TargetID)
	if err != nil {
		return manifest.Iteration{}, false, fmt.Errorf("look for the training of an earlier run: %w", err)
	}
	for _, it := range all {
		id := j.attempt.training.Iteration
		if it.ID == id && it.Status != statusTrainingFailed || id == "" && (it.Trained() || it.Status == plan.StatusTraining) {
			return it, true, nil
		}
	}
	return manifest.Iteration{}, false, nil
}

// Words for the state of a training; the list is open.
const (
	statusTrainingFailed = "Failed"
)

// Bounds of the wait for a training: what is usual, beyond its budget.
const (
	trainingWait = 12 * time.Hour
	longestLook  = time.Minute
)

// awaitTraining looks at an iteration until its training has ended.
func (j *job) awaitTraining(ctx context.Context, it manifest.Iteration) (manifest.Iteration, error) {
	limit := trainingWait + time.Duration(j.plan.Training.BudgetHours)*time.Hour
	pause, waited := 2*time.Second, time.Duration(0)
	for !it.Trained() {
		if it.Status == statusTrainingFailed {
			return it, fmt.Errorf("the service says Failed, and no more")
		}
		if waited >= limit {
			return it, fmt.Errorf("it is still training after %s", waited.Round(time.Minute))
		}
		if err := j.opt.Wait(ctx, pause); err != nil {
			return it, err
		}
		waited += pause
		pause = min(pause*3/2, longestLook)
		now, err := j.target.Iteration(ctx, j.report.TargetID, it.ID)
		if err != nil {
			return it, fmt.Errorf("look at the training: %w", err)
		}
		it = now
	}
	return it, nil
}

// compare puts archived and new figures side by side, tags by name.
func (t *Training) compare(archived, now *manifest.IterationPerformance) {
	if archived == nil {
		archived = &manifest.IterationPerformance{}
	}
	t.Overall = &Comparison{
		Archived: Figures{archived.Precision, archived.Recall, archived.AveragePrecision},
		Now:      Figures{now.Precision, now.Recall, now.AveragePrecision},
	}
	for _, a := range archived.PerTagPerformance {
		t.PerTag = append(t.PerTag, Comparison{Tag: a.Name, Archived: figuresOf(a)})
	}
	for _, n := range now.PerTagPerformance {
		i := slices.IndexFunc(t.PerTag, func(c Comparison) bool { return c.Tag == n.Name })
		if i < 0 {
			i = len(t.PerTag)
			t.PerTag = append(t.PerTag, Comparison{Tag: n.Name})
		}
		t.PerTag[i].Now = figuresOf(n)
	}
}

func figuresOf(t manifest.TagPerformance) Figures {
	return Figures{t.Precision, t.Recall, t.AveragePrecision}
}
