package restore_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"cvarchive/archive/backup"
	"cvarchive/archive/restore"
	"cvarchive/manifest/diff"
	"cvarchive/manifest/plan"
	"cvarchive/remote/simulator"
)

var (
	fidelitySeed = flag.Uint64("seed", 1, "the first account of TestRandomAccountsComeBackEqual")
	fidelityRuns = flag.Int("accounts", 25, "how many accounts TestRandomAccountsComeBackEqual tries")
)

// projectsOfAccount are the cases of one account.
const projectsOfAccount = 12

// TestRandomAccountsComeBackEqual makes accounts of random projects, captures
// them, rebuilds them in an empty resource, and reads that back: nothing may
// differ, and it takes the calls and bytes that were planned. Each account has a
// seed; for thousands of cases, or one again:
//
//	go test ./archive/restore -run RandomAccounts -args -seed 1000 -accounts 500
//	go test ./archive/restore -run RandomAccounts -args -seed 17 -accounts 1
func TestRandomAccountsComeBackEqual(t *testing.T) {
	t.Parallel()
	var seen tallied
	t.Run("accounts", func(t *testing.T) {
		for i := range *fidelityRuns {
			seed := *fidelitySeed + uint64(i)
			t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
				t.Parallel()
				defer func() {
					if t.Failed() {
						t.Logf("again: go test ./archive/restore -run RandomAccounts -args -seed %d -accounts 1", seed)
					}
				}()
				accountComesBack(t, seed, &seen)
			})
		}
	})
	t.Logf("%d projects with %d images, %d tags and %d regions; %d calls followed creates",
		seen.projects.Load(), seen.images.Load(), seen.tags.Load(), seen.regions.Load(), seen.followed.Load())
	if *fidelityRuns >= 25 && seen.followed.Load() == 0 {
		t.Error("no image needed a follow-up call: the accounts are too small")
	}
}

// tallied counts what was tried.
type tallied struct{ projects, images, tags, regions, followed atomic.Int64 }

func accountComesBack(t *testing.T, seed uint64, seen *tallied) {
	c := &chance{Rand: rand.New(rand.NewPCG(seed, 3))}
	e := newFastEnvironment(t, simulator.ResourceOptions{ApplyToDuplicates: c.oneIn(2), QuoteSourceURL: c.oneIn(2)})
	want := map[string]*modelProject{}
	for range projectsOfAccount {
		p := c.project(20 + 120*c.IntN(2))
		want[p.Name] = p
		seedModel(t, e.source, p)
	}
	if d := differences(want, readModel(t, e.source)); d != "" {
		t.Fatalf("the source is not as it was made (-want +got):\n%s", d)
	}

	opt := e.options()
	opt.NoContentProof = true // contents are compared below
	opt.Plan.Mode = plan.ModeRebuild
	r := e.backUp(e.source, backup.Options{})
	p, report := e.restore(r, opt)
	wantEqual(t, report)
	if d := differences(want, readModel(t, e.target)); d != "" {
		t.Errorf("what was archived (-) is not what came back (+):\n%s", d)
	}
	wantPredicted(t, e, p, report)
	again, err := restore.Prepare(t.Context(), e.target, r, opt)
	check(t, err)
	if again.Pending || again.Totals.Skip != projectsOfAccount {
		t.Errorf("a second plan would do %+v", again.Totals)
	}
	seen.projects.Add(projectsOfAccount)
	seen.images.Add(int64(p.Totals.Images))
	seen.tags.Add(int64(p.Totals.Tags))
	seen.regions.Add(int64(p.Totals.Regions))
	seen.followed.Add(int64(p.Totals.Calls[plan.CreateImageTags] + p.Totals.Calls[plan.CreateImageRegions] + p.Totals.Calls[plan.UpdateImageMetadata]))
}

// differences compares two resources. A region may have been moved inside its
// image, by less than the proof allows.
func differences(want, got map[string]*modelProject) string {
	return gocmp.Diff(want, got, cmpopts.EquateEmpty(), cmpopts.EquateApprox(0, diff.Tolerance),
		cmpopts.IgnoreUnexported(modelImage{}))
}

// wantPredicted compares what a run took, as the simulator and the report
// count it, with what its plan said.
func wantPredicted(t *testing.T, e *environment, p *plan.Plan, report *restore.Report) {
	t.Helper()
	if d := gocmp.Diff(p.Totals.Calls, e.writes()); d != "" {
		t.Errorf("planned calls (-) are not those made (+):\n%s", d)
	}
	var bytes int64
	for _, pr := range report.Projects {
		bytes += pr.Bytes
	}
	if bytes != p.Totals.Bytes {
		t.Errorf("%d bytes were sent, %d planned", bytes, p.Totals.Bytes)
	}
}
