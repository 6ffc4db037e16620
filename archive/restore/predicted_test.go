package restore_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cvarchive/archive"
	"cvarchive/archive/backup"
	"cvarchive/archive/restore"
	"cvarchive/manifest"
	"cvarchive/manifest/plan"
	"cvarchive/remote/simulator"
)

// TestPlanPredictsTheRun compares what plans say with what the service then
// counted: every writing call by its name, the calls that prove, and the bytes
// of images that came with calls, were fetched by the service, and were read
// back.
func TestPlanPredictsTheRun(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		// arrange says how to restore, given the archive of an account.
		arrange func(e *environment, r *archive.Reader, opt *restore.Options)
		// want is what the plan must have in it, so that the case is the
		// one that it is meant to be.
		want func(p *plan.Plan) bool
	}{
		{"import", func(*environment, *archive.Reader, *restore.Options) {},
			func(p *plan.Plan) bool { return p.Totals.Import == 5 }},
		{"rebuild by upload", func(e *environment, _ *archive.Reader, opt *restore.Options) {
			opt.Plan.Mode = plan.ModeRebuild
		}, func(p *plan.Plan) bool { return p.Totals.Rebuild == 5 && p.Estimate.UploadBytes > 0 }},
		{"rebuild by url", func(e *environment, _ *archive.Reader, opt *restore.Options) {
			opt.Plan.Mode = plan.ModeRebuild
			opt.Links = serveLinks(e.t, e.vault, func(string) bool { return false })
		}, func(p *plan.Plan) bool { return p.Totals.BytesByURL > 0 && p.Estimate.UploadBytes == 0 }},
		{"some by import, some rebuilt, some there", func(e *environment, r *archive.Reader, opt *restore.Options) {
			before := e.options()
			before.Plan.Mode, before.Plan.Projects = plan.ModeRebuild, []string{"shelf"}
			_, report := e.restore(r, before)
			wantEqual(e.t, report)
			omitted := manifest.Export{State: manifest.TokenOmitted}
			entries := r.Manifest().Projects
			opt.Exports = map[string]manifest.Export{entries[0].ID: omitted, entries[3].ID: omitted}
		}, func(p *plan.Plan) bool { return p.Totals.Import == 2 && p.Totals.Rebuild == 2 && p.Totals.Skip == 1 }},
		{"gone on by upload", func(e *environment, r *archive.Reader, opt *restore.Options) {
			e.stopAt(r, 4)
			opt.Plan.Mode, opt.Journal = plan.ModeRebuild, e.vault.Store()
		}, func(p *plan.Plan) bool { return p.Totals.Resume == 1 && p.Totals.Rebuild >= 1 }},
		{"gone on by url", func(e *environment, r *archive.Reader, opt *restore.Options) {
			e.stopAt(r, 4)
			opt.Plan.Mode, opt.Journal = plan.ModeRebuild, e.vault.Store()
			opt.Links = serveLinks(e.t, e.vault, func(string) bool { return false })
		}, func(p *plan.Plan) bool { return p.Totals.Resume == 1 && p.Totals.BytesByURL > 0 }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			e := newFastEnvironment(t, simulator.ResourceOptions{})
			e.seed(slices.Delete(account(e), 3, 4)...) // without the largest
			r := e.backUp(e.source, backup.Options{})
			opt := e.options()
			tt.arrange(e, r, &opt)
			p, err := restore.Prepare(t.Context(), e.target, r, opt)
			check(t, err)
			if !tt.want(p) {
				t.Fatalf("this is not the case that is meant: %+v, %+v", p.Totals, p.Estimate)
			}
			north := e.sim.Resource("northeurope")
			north.ResetCalls()
			report, err := restore.Apply(t.Context(), e.target, r, e.vault, p, opt)
			check(t, err)
			wantEqual(t, report)
			wantTook(t, north, p, report)
		})
	}
}

// took is what a restore takes, without the polls of imports, of which there
// are as many as the service is slow.
type took struct {
	Writes, Reads                                plan.Calls
	Uploaded, Encoded, Fetched, ReadBack, Report int64
}

func wantTook(t *testing.T, north *simulator.Resource, p *plan.Plan, report *restore.Report) {
	t.Helper()
	received := north.Received()
	_, readBack := north.BlobReads()
	want := took{
		Writes: p.Totals.Calls, Reads: plan.Calls{}, Uploaded: p.Totals.Bytes - p.Totals.BytesByURL, Encoded: p.Estimate.UploadBytes,
		Fetched: p.Totals.BytesByURL, ReadBack: p.Estimate.ProofBytes, Report: p.Totals.Bytes,
	}
	want.Reads.Add(p.Totals.ProofCalls)
	got := took{
		Writes: plan.Calls{}, Reads: plan.Calls{}, Uploaded: received.Uploaded, Encoded: received.Encoded, Fetched: received.Fetched,
		ReadBack: readBack,
	}
	for op, n := range north.Calls() {
		if isRead(op) {
			got.Reads[op] = n
		} else {
			got.Writes[op] = n
		}
	}
	for _, pr := range report.Projects {
		got.Report += pr.Bytes
	}
	if p.Totals.Import > 0 {
		delete(want.Reads, plan.GetProject)
		delete(got.Reads, plan.GetProject)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("planned (-) is not what it took (+):\n%s", d)
	}
	if p.Estimate.Calls != p.Totals.Calls.Total()+p.Totals.ProofCalls.Total() {
		t.Errorf("the estimate has %d calls, the totals have %v and %v", p.Estimate.Calls, p.Totals.Calls, p.Totals.ProofCalls)
	}
}

// stopAt ends a rebuild of one project at a time, in good order at its n-th
// create call.
func (e *environment) stopAt(r *archive.Reader, n int) {
	e.t.Helper()
	ctx, cancel := context.WithCancel(e.t.Context())
	defer cancel()
	e.sim.Resource("northeurope").Inject(simulator.Fault{Operation: "CreateImagesFromFiles", After: n - 1, Do: cancel})
	opt := e.journaled()
	opt.Projects = 1 // of which one is under way then
	opt.Plan.Mode = plan.ModeRebuild
	p, err := restore.Prepare(ctx, e.target, r, opt)
	check(e.t, err)
	if _, err = restore.Apply(ctx, e.target, r, e.vault, p, opt); !errors.Is(err, context.Canceled) {
		e.t.Fatalf("the restore ended with %v", err)
	}
}
