package restore_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"cvarchive/archive/restore"
	"cvarchive/manifest"
	"cvarchive/remote/simulator"
)

// heldTags is a target that makes no tag before it is let.
type heldTags struct {
	restore.Target
	projects atomic.Int64
	let      chan struct{}
}

func (h *heldTags) CreateProject(ctx context.Context, p manifest.NewProject) (manifest.Project, error) {
	h.projects.Add(1)
	return h.Target.CreateProject(ctx, p)
}

func (h *heldTags) CreateTag(ctx context.Context, projectID string, t manifest.Tag) (manifest.Tag, error) {
	<-h.let
	return h.Target.CreateTag(ctx, projectID, t)
}

// TestFewAreSetUpAtATime makes no more projects than are needed to keep the
// service busy before the first of them has its tags.
func TestFewAreSetUpAtATime(t *testing.T) {
	const projects = 6
	synctest.Test(t, func(t *testing.T) {
		e := newFastEnvironment(t, simulator.ResourceOptions{})
		var account []*project
		for i := range projects {
			p := newProject(fmt.Sprintf("cats %d", i), classification, 2)
			p.add(e.vault, picture(i), 0)
			account = append(account, p)
		}
		r := archiveOf(t, account...)
		target := &heldTags{Target: e.target, let: make(chan struct{})}
		pl, err := restore.Prepare(t.Context(), target, r, e.options())
		check(t, err)
		done := make(chan struct{})
		go func() {
			defer close(done)
			report, err := restore.Apply(t.Context(), target, r, e.vault, pl, e.options())
			if err != nil {
				t.Error(err)
				return
			}
			wantEqual(t, report)
		}()
		synctest.Wait()
		if n := target.projects.Load(); n != 3 {
			t.Errorf("%d projects were made before the first had a tag", n)
		}
		close(target.let)
		<-done
	})
}
