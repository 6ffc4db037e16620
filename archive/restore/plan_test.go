package restore_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"cvarchive/archive/backup"
	"cvarchive/archive/restore"
	"cvarchive/manifest"
	"cvarchive/manifest/diff"
	"cvarchive/manifest/plan"
	"cvarchive/remote/simulator"
)

func TestImport(t *testing.T) {
	t.Parallel()
	e := newEnvironment(t, simulator.ResourceOptions{})
	e.seed(account(e)...)
	r := e.backUp(e.source, backup.Options{})
	p, report := e.restore(r, e.options())
	if p.Totals.Import != 6 {
		t.Fatalf("the plan's totals are %+v", p.Totals)
	}
	wantEqual(t, report)
	var images, regions int
	for i, pr := range report.Projects {
		want := p.Projects[i].Creates
		if got := pr.Created; got.Images != want.Images || got.Tags != want.Tags || got.Regions != want.Regions {
			t.Errorf("%s: created %+v, planned %+v", pr.Name, got, want)
		}
		images, regions = images+pr.Created.Images, regions+pr.Created.Regions
	}
	if images == 0 || regions == 0 {
		t.Error("nothing was imported")
	}
	if w := e.writes(); w[plan.ImportProject] != 6 || w.Total() != 6 {
		t.Errorf("writing calls %v", w)
	}
	text, err := json.Marshal(struct{ P, R any }{p, report})
	check(t, err)
	if strings.Contains(string(text), "sig=") {
		t.Error("a token is in the plan or the report")
	}

	// Without a look at the bytes nothing differs either.
	opt := e.options()
	opt.NoContentProof = true
	res, unread, err := restore.Prove(t.Context(), e.target, r, &p.Projects[2], report.Projects[2].TargetID, opt)
	check(t, err)
	if !res.Equal() || res.ByContent != 0 || len(unread) != 0 {
		t.Errorf("proof without content: %+v", res)
	}
}

// TestImportFallsThrough has imports that end Failed because the source's
// region is gone: a rebuild follows under the right name.
func TestImportFallsThrough(t *testing.T) {
	t.Parallel()
	e := newEnvironment(t, simulator.ResourceOptions{})
	e.seed(account(e)[:3]...)
	r := e.backUp(e.source, backup.Options{})
	e.sim.Resource("westeurope").SetDown(true)
	p, report := e.restore(r, e.options())
	wantEqual(t, report)
	for i, pr := range report.Projects {
		if p.Projects[i].Action != plan.Import || pr.By != plan.Rebuild || pr.TargetName != pr.Name {
			t.Errorf("%s: planned %s, done by %s as %q", pr.Name, p.Projects[i].Action, pr.By, pr.TargetName)
		}
		if pr.Abandoned == nil || !strings.Contains(pr.Abandoned.Name, "incomplete import") || pr.Abandoned.ID == pr.TargetID {
			t.Fatalf("%s: abandoned %+v", pr.Name, pr.Abandoned)
		}
		left, err := e.target.Project(t.Context(), pr.Abandoned.ID)
		check(t, err)
		if left.Name != pr.Abandoned.Name {
			t.Errorf("the partial project is called %q", left.Name)
		}
	}

	// By import only, the failure stays one.
	opt := e.options()
	opt.Plan.Mode = plan.ModeImport
	opt.Plan.Rename = map[string]string{"*": "again *"}
	_, report = e.restore(r, opt)
	for _, pr := range report.Projects {
		if pr.Outcome != manifest.Failed || pr.Abandoned == nil || len(pr.Failures) != 1 {
			t.Errorf("%s: %s, abandoned %+v", pr.Name, pr.Outcome, pr.Abandoned)
		}
	}
}

func TestImportWithoutMetadataIsSeen(t *testing.T) {
	e := newEnvironment(t, simulator.ResourceOptions{ImportDropsMetadata: true})
	e.seed(account(e)[:1]...)
	_, report := e.restore(e.backUp(e.source, backup.Options{}), e.options())
	c := report.Projects[0].Proof.Changes
	if report.Equal() || len(c) != 1 || c[0].Kind != diff.ImageMetadata {
		t.Errorf("changes %v", c)
	}
}

// TestMetadataOnly imports while the token lives, and is blocked after.
func TestMetadataOnly(t *testing.T) {
	e := newEnvironment(t, simulator.ResourceOptions{})
	e.seed(account(e)[:1]...)
	r := e.backUp(e.source, backup.Options{MetadataOnly: true})
	opt := e.options()
	opt.Plan.Rename = map[string]string{r.Manifest().Projects[0].Name: "other"}
	p, report := e.restore(r, opt)
	if p.Projects[0].Action != plan.Import || p.Projects[0].Fallback != nil || report.Projects[0].TargetName != "other" {
		t.Errorf("plan %+v", p.Projects[0])
	}
	wantEqual(t, report)
	e.sim.Service.Advance(48 * time.Hour)
	p, report = e.restore(r, e.options())
	if pp := p.Projects[0]; pp.Action != plan.Blocked || !strings.Contains(pp.Reason, "expired") || !strings.Contains(pp.Reason, "metadata-only") {
		t.Errorf("plan %+v", pp)
	}
	if report.Whole() {
		t.Error("a blocked project counts as restored")
	}
}

// TestConflict goes all the ways out of a name that is taken. Planning never
// writes.
func TestConflict(t *testing.T) {
	e := newEnvironment(t, simulator.ResourceOptions{})
	p := newProject("cats", classification, 1)
	p.add(e.vault, picture(1), 0)
	r := archiveOf(t, p)
	_, err := e.target.CreateProject(t.Context(), manifest.NewProject{Name: "cats", DomainID: classification, ClassificationType: "Multiclass"})
	check(t, err)
	e.sim.Resource("northeurope").ResetCalls()
	prepare := func(way plan.OnConflict) plan.Project {
		opt := e.options()
		opt.Plan.OnConflict = way
		pl, err := restore.Prepare(t.Context(), e.target, r, opt)
		check(t, err)
		return pl.Projects[0]
	}
	if got := prepare(""); got.Action != plan.Conflict || got.TargetID == "" || len(got.Differs) == 0 || got.Next == "" {
		t.Errorf("fail: %+v", got)
	}
	if got := prepare(plan.ConflictSkip); got.Action != plan.Skip || got.Equal {
		t.Errorf("skip: %+v", got)
	}
	renamed := "cats (restored " + e.sim.Service.Now().UTC().Format(time.DateOnly) + ")"
	if got := prepare(plan.ConflictRename); got.Action != plan.Rebuild || got.TargetName != renamed {
		t.Errorf("rename: %+v", got)
	}
	if w := e.writes(); len(w) != 0 {
		t.Errorf("planning made %v", w)
	}

	opt := e.options()
	opt.Plan.OnConflict = plan.ConflictRename
	_, report := e.restore(r, opt)
	wantEqual(t, report)
	if got := prepare(plan.ConflictRename); got.Action != plan.Skip || !got.Equal || got.TargetName != renamed {
		t.Errorf("rename, again: %+v", got)
	}
}

// TestOneImageMoreIsAConflict adds an untagged image to a restored project:
// only the number of images tells.
func TestOneImageMoreIsAConflict(t *testing.T) {
	e := newEnvironment(t, simulator.ResourceOptions{})
	p := newProject("cats", classification, 1)
	p.add(e.vault, picture(1), 0)
	r := archiveOf(t, p)
	_, report := e.restore(r, e.options())
	wantEqual(t, report)
	_, err := e.target.CreateImagesFromFiles(t.Context(), report.Projects[0].TargetID,
		manifest.ImageBatch{Images: []manifest.NewImage{{Name: "x", Contents: picture(2)}}})
	check(t, err)
	pl, err := restore.Prepare(t.Context(), e.target, r, e.options())
	check(t, err)
	if got := pl.Projects[0]; got.Action != plan.Conflict || !strings.Contains(got.Reason, "2 images, archived 1") {
		t.Errorf("%s: %s", got.Action, got.Reason)
	}
}

func TestRetiredDomain(t *testing.T) {
	e := newEnvironment(t, simulator.ResourceOptions{RetiredDomains: []string{classification}})
	p := newProject("cats", classification, 1)
	p.add(e.vault, picture(1), 0)
	pl, report := e.restore(archiveOf(t, p), e.options())
	if pp := pl.Projects[0]; pp.Action != plan.Blocked || !strings.Contains(pp.Reason, `"General"`) || pl.Pending {
		t.Errorf("plan %+v", pp)
	}
	if report.Whole() || len(e.writes()) != 0 {
		t.Errorf("whole %t, calls %v", report.Whole(), e.writes())
	}
}

// TestProofSeesTampering changes a restored project in every way that the
// proof promises to see.
func TestProofSeesTampering(t *testing.T) {
	e := newEnvironment(t, simulator.ResourceOptions{})
	p := newProject("shelf", detection, 2)
	for i := range 5 {
		p.box(p.add(e.vault, picture(i)), 0, "0.1", "0.2", "0.3", "0.4")
	}
	r := archiveOf(t, p)
	pl, report := e.restore(r, e.options())
	wantEqual(t, report)
	id := report.Projects[0].TargetID
	ctx := t.Context()
	live, err := e.target.Images(ctx, id, manifest.ImageQuery{Take: 256})
	check(t, err)
	tags, err := e.target.Tags(ctx, id, "")
	check(t, err)

	_, err = e.target.CreateTag(ctx, id, manifest.Tag{Name: "extra"})
	check(t, err)
	moved := live[0].Regions[0]
	check(t, e.target.DeleteImageRegions(ctx, id, []string{moved.ID}))
	_, err = e.target.CreateImageRegions(ctx, id, []manifest.ImageRegionEntry{{ImageID: live[0].ID, Region: manifest.Region{
		TagID: moved.TagID, Left: "0.11", Top: moved.Top, Width: moved.Width, Height: moved.Height}}})
	check(t, err)
	_, err = e.target.UpdateImageMetadata(ctx, id, []string{live[1].ID}, map[string]string{"k": "v"})
	check(t, err)
	_, err = e.target.CreateImageTags(ctx, id, []manifest.ImageTagEntry{{ImageID: live[2].ID, TagID: tags[1].ID}})
	check(t, err)
	_, err = e.target.CreateImagesFromFiles(ctx, id, manifest.ImageBatch{Images: []manifest.NewImage{{Name: "x", Contents: picture(77)}}})
	check(t, err)
	project, err := e.target.Project(ctx, id)
	check(t, err)
	project.Description = "changed"
	_, err = e.target.UpdateProject(ctx, id, project)
	check(t, err)
	tag := tags[0]
	tag.Description = "changed too"
	_, err = e.target.UpdateTag(ctx, id, tag)
	check(t, err)

	for _, noContent := range []bool{false, true} {
		opt := e.options()
		opt.NoContentProof = noContent
		res, _, err := restore.Prove(ctx, e.target, r, &pl.Projects[0], id, opt)
		check(t, err)
		got := map[diff.Kind]int{}
		for _, c := range res.Changes {
			got[c.Kind]++
			if c.Text == "" {
				t.Errorf("no text for %+v", c)
			}
		}
		for _, kind := range []diff.Kind{diff.Setting, diff.TagExtra, diff.TagChanged, diff.ImageRegions, diff.ImageMetadata, diff.ImageTags, diff.ImageExtra} {
			if got[kind] != 1 {
				t.Errorf("without content %t: %d changes of kind %s: %v", noContent, got[kind], kind, res.Changes)
			}
		}
	}
}

func TestStalePlanIsRefused(t *testing.T) {
	e := newEnvironment(t, simulator.ResourceOptions{})
	p := newProject("cats", classification, 1)
	p.add(e.vault, picture(1), 0)
	r := archiveOf(t, p)
	pl, err := restore.Prepare(t.Context(), e.target, r, e.options())
	check(t, err)
	for name, change := range map[string]func(*plan.Plan){
		"version": func(p *plan.Plan) { p.FormatVersion++ },
		"archive": func(p *plan.Plan) { p.Archive.ID = "ffffffff" },
		"target":  func(p *plan.Plan) { p.Target.Endpoint = "https://other" },
	} {
		q := roundTrip(t, pl)
		change(q)
		if _, err := restore.Apply(t.Context(), e.target, r, e.vault, q, e.options()); !isStale(err) {
			t.Errorf("%s: err %v", name, err)
		}
	}
	q := roundTrip(t, pl)
	q.Projects[0].Calls[plan.CreateTag]++
	report, err := restore.Apply(t.Context(), e.target, r, e.vault, q, e.options())
	check(t, err)
	if report.Projects[0].Outcome != manifest.Failed || len(e.writes()) != 0 {
		t.Errorf("a plan with other calls was carried out: %+v, %v", report.Projects[0], e.writes())
	}
}

func isStale(err error) bool {
	_, ok := errors.AsType[*restore.StaleError](err)
	return ok
}

func TestSelection(t *testing.T) {
	e := newEnvironment(t, simulator.ResourceOptions{})
	r := archiveOf(t, newProject("a", classification, 1), newProject("b", classification, 1))
	opt := e.options()
	opt.Plan.Projects = []string{"b"}
	pl, err := restore.Prepare(t.Context(), e.target, r, opt)
	check(t, err)
	if len(pl.Projects) != 1 || pl.Projects[0].Name != "b" {
		t.Errorf("plan %+v", pl.Projects)
	}
	opt.Plan.Projects = []string{"c"}
	if _, err = restore.Prepare(t.Context(), e.target, r, opt); err == nil || !strings.Contains(err.Error(), `"c"`) {
		t.Errorf("err %v", err)
	}
}

// TestImportTakesTheLeastCalls asks for nothing twice, around the sizes at
// which the page that tells whether all images arrived is another one.
func TestImportTakesTheLeastCalls(t *testing.T) {
	for _, images := range []int{0, 1, 256, 257} {
		e := newEnvironment(t, simulator.ResourceOptions{})
		p := newProject("cats", classification, 1)
		for i := range images {
			p.add(e.vault, picture(i), 0)
		}
		e.seed(p)
		pl, report := e.restore(e.backUp(e.source, backup.Options{}), e.options())
		wantEqual(t, report)
		pr := report.Projects[0]
		want := plan.Calls{plan.ImportProject: 1, plan.GetProject: pr.Calls[plan.GetProject], plan.GetTags: 1, plan.GetIterations: 1, plan.GetImages: images/manifest.MaxPage + 1}
		if d := cmp.Diff(want, pr.Calls); d != "" || pr.By != plan.Import || pr.Created.Images != images {
			t.Errorf("%d images: by %s, created %+v, calls (-want +got):\n%s", images, pr.By, pr.Created, d)
		}
		if polls := pr.Calls[plan.GetProject] - 1; pr.Calls.Total() != pl.Totals.Calls.Total()+pl.Totals.ProofCalls.Total()+polls {
			t.Errorf("%d images: calls %v, planned %v and %v", images, pr.Calls, pl.Totals.Calls, pl.Totals.ProofCalls)
		}
	}
}

// TestIterationsAreCounted imports a trained project, once with and once
// without its iteration.
func TestIterationsAreCounted(t *testing.T) {
	e := newEnvironment(t, simulator.ResourceOptions{})
	p := newProject("cats", classification, 2)
	for i := range 20 {
		p.add(e.vault, picture(i), i%2)
	}
	e.seed(p)
	projects, err := e.source.Projects(t.Context())
	check(t, err)
	_, err = e.source.Train(t.Context(), projects[0].ID, manifest.TrainOptions{TrainingType: "Regular"})
	check(t, err)
	e.sim.Service.Advance(time.Hour)
	r := e.backUp(e.source, backup.Options{})
	opt := e.options()
	opt.NoContentProof = true
	pl, report := e.restore(r, opt)
	wantEqual(t, report)
	if report.Projects[0].Created.Iterations != 1 {
		t.Errorf("created %+v", report.Projects[0].Created)
	}
	polls := report.Projects[0].Calls[plan.GetProject] - 1
	if want := pl.Totals.Calls.Total() + pl.Totals.ProofCalls.Total() + polls; report.Projects[0].Calls.Total() != want {
		t.Errorf("calls %v, planned %v and %v", report.Projects[0].Calls, pl.Totals.Calls, pl.Totals.ProofCalls)
	}

	e.sim.Resource("northeurope").Inject(simulator.Fault{Operation: "GetIterations", Status: 200, Body: "[]"})
	opt.Plan.Rename = map[string]string{"*": "again"}
	_, report = e.restore(r, opt)
	pr := report.Projects[0]
	if pr.By != plan.Import || pr.Outcome != manifest.Partial || len(pr.Failures) != 1 || pr.Failures[0].Message != "0 of 1 trained iterations arrived" {
		t.Errorf("by %s, failures %+v", pr.By, pr.Failures)
	}
}

// TestBrokenDownloads cuts connections while the proof reads the bytes back,
// fewer than one download is tried.
func TestBrokenDownloads(t *testing.T) {
	e := newEnvironment(t, simulator.ResourceOptions{})
	p := newProject("cats", classification, 1)
	for i := range 20 {
		p.add(e.vault, picture(i), 0)
	}
	cut := e.sim.Resource("northeurope").Inject(simulator.Fault{Operation: simulator.BlobOperation, Times: 4, DropAfter: 100})
	_, report := e.restore(archiveOf(t, p), e.options())
	wantEqual(t, report)
	if pr := report.Projects[0]; cut.Hits() != 4 || pr.Proof.ByContent != 20 {
		t.Errorf("%d connections cut, %d images proven by content", cut.Hits(), pr.Proof.ByContent)
	}

	// Once when the image is there, and once more when the proof has listed it.
	gone := e.sim.Resource("northeurope").Inject(simulator.Fault{Operation: simulator.BlobOperation, Status: 404, Times: 2})
	opt := e.options()
	opt.Downloads = 1
	opt.Plan.Rename = map[string]string{"*": "again"}
	_, report = e.restore(archiveOf(t, p), opt)
	if pr := report.Projects[0]; gone.Hits() != 2 || len(pr.Failures) != 1 || !strings.HasPrefix(pr.Failures[0].Item, "content of image ") || pr.Outcome != manifest.Partial || !pr.Proof.Equal() {
		t.Errorf("failures %+v, proof %+v", pr.Failures, pr.Proof)
	}
}

// TestShortImport has an import that ends Succeeded with fewer images than
// were exported.
func TestShortImport(t *testing.T) {
	e := newEnvironment(t, simulator.ResourceOptions{})
	e.seed(account(e)[1])
	r := e.backUp(e.source, backup.Options{})
	short := e.sim.Resource("northeurope").Inject(simulator.Fault{Operation: "GetImages", Status: 200, Body: "[]"})
	_, report := e.restore(r, e.options())
	wantEqual(t, report)
	pr := report.Projects[0]
	if short.Hits() != 1 || pr.By != plan.Rebuild || pr.Abandoned == nil || !strings.Contains(pr.Abandoned.Reason, "0 images and 25 tags arrived, the export counted 90 and 25") {
		t.Errorf("by %s, abandoned %+v", pr.By, pr.Abandoned)
	}
}

// TestRefusedToken has a token that looks alive and is not: nothing is left
// behind by the import, and the project is rebuilt.
func TestRefusedToken(t *testing.T) {
	e := newEnvironment(t, simulator.ResourceOptions{})
	p := newProject("cats", classification, 1)
	p.add(e.vault, picture(1), 0)
	p.export = manifest.Export{
		State: manifest.TokenStored, ImageCount: 1, TagCount: 1, Requested: "2026-11-24T00:00:00Z",
		Expires: manifest.Timestamp(e.sim.Service.Now().UTC().Add(time.Hour).Format(time.RFC3339)),
		Token:   manifest.NewSecret(e.sim.URL + "/westeurope/blob/prjexp-0/project-export-info?sv=2017-04-17&sr=b&sig=c2VjcmV0%3D&sp=r"),
	}
	pl, report := e.restore(archiveOf(t, p), e.options())
	wantEqual(t, report)
	pr := report.Projects[0]
	if pl.Projects[0].Action != plan.Import || pr.By != plan.Rebuild || pr.Abandoned != nil || pr.TargetName != "cats" {
		t.Errorf("planned %s, done by %s, abandoned %+v", pl.Projects[0].Action, pr.By, pr.Abandoned)
	}
	if !strings.Contains(pr.Reason, "ImportProject") || strings.Contains(pr.Reason, "c2VjcmV0") {
		t.Errorf("reason %q", pr.Reason)
	}
	if w := e.writes(); w[plan.ImportProject] != 1 || w.Total() != 1+pl.Projects[0].Fallback.Calls.Total() {
		t.Errorf("calls %v, planned fallback %v", w, pl.Projects[0].Fallback)
	}
}
