package restore_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"cvarchive/archive"
	"cvarchive/archive/backup"
	"cvarchive/archive/restore"
	"cvarchive/manifest"
	"cvarchive/manifest/plan"
	"cvarchive/remote/simulator"
)

// account is a set of projects with everything that a project can have.
func account(e *environment) []*project {
	v := e.vault
	multi := newProject("Früchte 🍎 פירות", classification, 2)
	multi.Description = "Äpfel & Birnen, \"reif\"\n第二行"
	multi.Settings.TargetExportPlatforms = []string{"ONNX", "CoreML"}
	negative := multi.tag("nothing to see", manifest.TagNegative)
	multi.tag("unused", manifest.TagRegular)
	multi.add(v, picture(1), 0, 1).Metadata = map[string]string{"Kamera": "北", "": ""}
	delete(multi.images[0].Metadata, "")
	multi.add(v, picture(2), 1)
	multi.add(v, picture(3), negative)
	multi.add(v, picture(4))

	single := newProject("one of each", classification, 25)
	single.Settings.ClassificationType = "Multiclass"
	for i := range 90 {
		single.add(v, picture(1000+i), i%25)
	}

	boxes := newProject("shelf", detection, 30)
	for i := range 70 {
		img := boxes.add(v, picture(2000+i))
		for k := range 1 + i%4 {
			boxes.box(img, (i+k)%30, "0.123456789", "0.1", "0.25", "0.333333343")
		}
	}
	boxes.add(v, picture(2999)) // no boxes, no tags

	big := newProject("big", classification, 3)
	for i := range 650 {
		img := big.add(v, picture(5000+i))
		if i%3 > 0 {
			img.Tags = []manifest.ImageTag{{TagID: big.tags[i%3].ID}}
		}
	}
	untagged := newProject("nothing but pictures", classification, 0)
	for i := range 3 {
		untagged.add(v, picture(9000+i))
	}
	return []*project{multi, single, boxes, big, untagged, newProject("empty", detection, 0)}
}

// backUp captures a resource for real and opens the archive.
func (e *environment) backUp(src backup.Source, opt backup.Options) *archive.Reader {
	e.t.Helper()
	opt.Source = manifest.Source{Name: "prod", Endpoint: "https://example.invalid", APIVersion: "v3.3"}
	opt.Now, opt.TempDir = e.sim.Service.Now, e.t.TempDir()
	res, err := backup.Run(e.t.Context(), src, e.vault, opt)
	check(e.t, err)
	if !res.Whole() {
		e.t.Fatalf("the backup is not whole: %+v", res.Manifest.Projects)
	}
	f, err := e.vault.OpenArchive(e.t.Context(), res.Archive)
	check(e.t, err)
	e.t.Cleanup(func() { f.Close() })
	r, err := archive.NewReader(f, f.Size())
	check(e.t, err)
	return r
}

// seed fills the source resource, by a restore into it.
func (e *environment) seed(projects ...*project) {
	e.t.Helper()
	opt := e.options()
	opt.NoContentProof = true
	opt.Target = plan.Target{Name: "prod"}
	r := archiveOf(e.t, projects...)
	p, err := restore.Prepare(e.t.Context(), e.source, r, opt)
	check(e.t, err)
	report, err := restore.Apply(e.t.Context(), e.source, r, e.vault, p, opt)
	check(e.t, err)
	wantEqual(e.t, report)
}

// TestDisaster is the whole story: an account is captured, its token expires,
// its region is gone, and everything comes back elsewhere from the content.
func TestDisaster(t *testing.T) {
	t.Parallel()
	e := newEnvironment(t, simulator.ResourceOptions{QuoteSourceURL: true})
	e.seed(account(e)...)
	r := e.backUp(e.source, backup.Options{})
	e.sim.Service.Advance(25 * time.Hour)
	e.sim.Resource("westeurope").SetDown(true)

	p, report := e.restore(r, e.options())
	wantEqual(t, report)
	if p.Totals.Rebuild != 6 || !p.Pending {
		t.Errorf("the plan's totals are %+v", p.Totals)
	}
	for _, pp := range p.Projects {
		if !strings.Contains(pp.Reason, "expired") {
			t.Errorf("%s: reason %q", pp.Name, pp.Reason)
		}
	}
	if d := cmp.Diff(p.Totals.Calls, e.writes()); d != "" {
		t.Errorf("planned calls (-) are not those made (+):\n%s", d)
	}
	var bytes int64
	for _, pr := range report.Projects {
		bytes += pr.Bytes
		if pr.Proof.ByContent != pr.Created.Images || pr.Proof.Images != pr.Created.Images {
			t.Errorf("%s: %d images, proven %+v", pr.Name, pr.Created.Images, pr.Proof)
		}
	}
	if bytes != p.Totals.Bytes {
		t.Errorf("%d bytes, planned %d", bytes, p.Totals.Bytes)
	}

	// The same again finds nothing to do, and touches nothing.
	e.sim.Resource("northeurope").ResetCalls()
	p, report = e.restore(r, e.options())
	wantEqual(t, report)
	if p.Pending || p.Totals.Skip != 6 || len(e.writes()) != 0 {
		t.Errorf("a second restore plans %+v and made %v", p.Totals, e.writes())
	}
}

// objects wraps the vault: some objects are missing, others are not the
// picture that they should be.
type objects struct {
	restore.Objects
	missing, garbage manifest.Digest
}

func (o objects) OpenObject(ctx context.Context, ob manifest.Object) (io.ReadCloser, error) {
	switch ob.SHA256 {
	case o.missing:
		return nil, errors.New("no such object")
	case o.garbage:
		return io.NopCloser(bytes.NewReader(make([]byte, ob.Size))), nil
	}
	return o.Objects.OpenObject(ctx, ob)
}

// picky refuses every create call that has a certain picture in it.
type picky struct {
	restore.Target
	content []byte
}

func (p picky) CreateImagesFromFiles(ctx context.Context, id string, b manifest.ImageBatch) (manifest.ImageCreateSummary, error) {
	for _, img := range b.Images {
		if bytes.Equal(img.Contents, p.content) {
			return manifest.ImageCreateSummary{}, &manifest.ServiceError{
				Resource: "dr", Operation: "CreateImagesFromFiles", StatusCode: 400, Code: "BadRequestImageBatch", Message: "No valid image files",
			}
		}
	}
	return p.Target.CreateImagesFromFiles(ctx, id, b)
}

// TestBadImages has four images that cannot be restored, each for its own
// reason: each is named once, and all the others arrive.
func TestBadImages(t *testing.T) {
	e := newEnvironment(t, simulator.ResourceOptions{})
	p := newProject("mixed", classification, 2)
	for i := range 100 {
		p.add(e.vault, picture(i), i%2)
	}
	p.images[30].Object, p.images[30].Failure = nil, &manifest.Failure{Item: "image", Message: "the link had expired"}
	r := archiveOf(t, p)
	opt := e.options()
	pl, err := restore.Prepare(t.Context(), e.target, r, opt)
	check(t, err)
	if pl.Projects[0].Creates.Images != 99 {
		t.Errorf("the plan creates %d images, want 99", pl.Projects[0].Creates.Images)
	}
	target := picky{e.target, picture(20)}
	report, err := restore.Apply(t.Context(), target, r, objects{e.vault, p.images[10].Object.SHA256, p.images[40].Object.SHA256}, pl, opt)
	check(t, err)
	pr := report.Projects[0]
	got := map[string]string{}
	for _, f := range pr.Failures {
		if got[f.Item] != "" {
			t.Errorf("%s is named twice", f.Item)
		}
		got[f.Item] = f.Code + " " + f.Message
	}
	want := map[string]string{
		"image " + p.images[10].ID: " read its bytes from the vault: no such object",
		"image " + p.images[20].ID: "BadRequestImageBatch No valid image files",
		"image " + p.images[30].ID: " its bytes are not in the archive",
		"image " + p.images[40].ID: "ErrorImageFormat the service refused the image",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("failures (-want +got):\n%s", d)
	}
	if pr.Outcome != manifest.Partial || report.Whole() || report.Equal() || pr.Created.Images != 96 {
		t.Errorf("outcome %s, whole %t, equal %t, %d created", pr.Outcome, report.Whole(), report.Equal(), pr.Created.Images)
	}
	if n := len(pr.Proof.Changes); n != 4 || pr.Proof.Matched != 96 {
		t.Errorf("the proof matched %d and found %v", pr.Proof.Matched, pr.Proof.Changes)
	}

	// What is there now is not what is archived, and is not touched again.
	pl, err = restore.Prepare(t.Context(), e.target, r, opt)
	check(t, err)
	if pp := pl.Projects[0]; pp.Action != plan.Conflict || pp.Next == "" || len(pp.Differs) == 0 {
		t.Errorf("the plan afterwards is %+v", pp)
	}
}

// TestLostAnswer loses the answer of a create call that took effect. The
// repeated call finds all images there.
func TestLostAnswer(t *testing.T) {
	for _, apply := range []bool{false, true} {
		e := newEnvironment(t, simulator.ResourceOptions{ApplyToDuplicates: apply})
		p := newProject("shelf", detection, 25)
		for i := range 60 {
			img := p.add(e.vault, picture(i))
			p.box(img, i%25, "0.1", "0.2", "0.3", "0.4")
			p.box(img, (i+1)%25, "0.2", "0.2", "0.3", "0.4")
			img.Metadata = map[string]string{"site": "a"}
		}
		lost := e.sim.Resource("northeurope").Inject(simulator.Fault{Operation: "CreateImagesFromFiles", Lose: true})
		_, report := e.restore(archiveOf(t, p), e.options())
		wantEqual(t, report)
		if lost.Hits() != 1 {
			t.Errorf("the fault struck %d times", lost.Hits())
		}
		if pr := report.Projects[0]; pr.Created.Images != 60 || len(pr.Merged) != 0 {
			t.Errorf("created %+v, merged %v", pr.Created, pr.Merged)
		}
	}
}

// TestSameBytesTwice restores two archived images with the same bytes as one
// with the labels of both.
func TestSameBytesTwice(t *testing.T) {
	e := newEnvironment(t, simulator.ResourceOptions{})
	p := newProject("twins", detection, 3)
	p.box(p.add(e.vault, picture(1)), 0, "0.1", "0.1", "0.1", "0.1")
	second := p.add(e.vault, picture(1))
	p.box(second, 0, "0.1", "0.1", "0.1", "0.1")
	p.box(second, 1, "0.5", "0.1", "0.1", "0.1")
	second.Metadata = map[string]string{"from": "second"}
	p.add(e.vault, picture(2), 2)
	r := archiveOf(t, p)
	_, report := e.restore(r, e.options())
	wantEqual(t, report)
	want := []restore.Merged{{ID: p.images[1].ID, Into: p.images[0].ID}}
	if d := cmp.Diff(want, report.Projects[0].Merged); d != "" {
		t.Errorf("merged (-want +got):\n%s", d)
	}
	live, err := e.target.Images(t.Context(), report.Projects[0].TargetID, manifest.ImageQuery{Take: 256})
	check(t, err)
	slices.SortFunc(live, func(a, b manifest.ListedImage) int { return len(b.Regions) - len(a.Regions) })
	if len(live) != 2 || len(live[0].Regions) != 2 || live[0].Metadata["from"] != "second" {
		t.Errorf("the target holds %+v", live)
	}
	pl, err := restore.Prepare(t.Context(), e.target, r, e.options())
	check(t, err)
	if pl.Projects[0].Action != plan.Skip || !pl.Projects[0].Equal {
		t.Errorf("a second plan says %s: %s", pl.Projects[0].Action, pl.Projects[0].Reason)
	}
}

// TestRegionsBeyondTheEdge sends regions whose numbers, as the service itself
// rounded them, reach past the edge.
func TestRegionsBeyondTheEdge(t *testing.T) {
	e := newEnvironment(t, simulator.ResourceOptions{})
	p := newProject("edges", detection, 1)
	img := p.add(e.vault, picture(1))
	p.box(img, 0, "0.5", "0.25", "0.50000006", "0.5")
	p.box(img, 0, "-0.0000001", "0.25", "0.25", "0.5")
	p.box(img, 0, "0.7", "0.25", "0.3", "0.5")
	p.box(p.add(e.vault, picture(2)), 0, "0.9567", "0.1", "0.0737", "0.1") // truly outside
	_, report := e.restore(archiveOf(t, p), e.options())
	pr := report.Projects[0]
	if pr.Nudged != 2 {
		t.Errorf("%d regions nudged, want 2", pr.Nudged)
	}
	if len(pr.Failures) != 1 || pr.Failures[0].Code != "ErrorInvalidRegion" || pr.Failures[0].Item != "image "+p.images[1].ID {
		t.Errorf("failures %+v", pr.Failures)
	}
	if len(pr.Proof.Changes) != 1 || pr.Proof.Matched != 1 {
		t.Errorf("proof %+v", pr.Proof)
	}
}

// TestStopped ends a restore by its context: the report says what is
// unfinished, and a new plan shows the half-made project.
func TestStopped(t *testing.T) {
	e := newEnvironment(t, simulator.ResourceOptions{})
	p, q := newProject("first", classification, 1), newProject("second", classification, 1)
	for i := range 200 {
		p.add(e.vault, picture(i), 0)
	}
	r := archiveOf(t, p, q)
	ctx, cancel := context.WithCancel(t.Context())
	e.sim.Resource("northeurope").Inject(simulator.Fault{Operation: "CreateImagesFromFiles", After: 1, Do: cancel, Lose: true})
	opt := e.options()
	opt.Batches, opt.Projects = 1, 1
	pl, err := restore.Prepare(ctx, e.target, r, opt)
	check(t, err)
	report, err := restore.Apply(ctx, e.target, r, e.vault, pl, opt)
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("err %v", err)
	}
	if len(report.Projects) != 1 || report.Projects[0].Outcome != manifest.Failed || report.Projects[0].Next == "" {
		t.Errorf("report %+v", report.Projects)
	}
	pl, err = restore.Prepare(t.Context(), e.target, r, opt)
	check(t, err)
	if pl.Projects[0].Action != plan.Conflict || pl.Projects[0].TargetID != report.Projects[0].TargetID || pl.Projects[1].Action != plan.Rebuild {
		t.Errorf("plan %+v", pl.Projects)
	}
}

// TestStatuses answers with every status that the specification knows, one
// that it does not, and none at all: each such image is named once, with the
// reason, and all others arrive.
func TestStatuses(t *testing.T) {
	for _, transfer := range []restore.Transfer{restore.TransferUpload, restore.TransferURL} {
		t.Run(string(transfer), func(t *testing.T) {
			e := newEnvironment(t, simulator.ResourceOptions{})
			p := newProject("moody", classification, 2)
			want := map[string]string{}
			var faults []*simulator.InjectedImage
			for i, s := range []struct {
				status string
				times  int
				named  bool
			}{
				{"ErrorSource", 2, true}, {"ErrorImageFormat", 1, true}, {"ErrorImageSize", 1, true}, {"ErrorStorage", 2, true},
				{"ErrorLimitExceed", 1, true}, {"ErrorTagLimitExceed", 1, true}, {"ErrorRegionLimitExceed", 1, true},
				{"ErrorUnknown", 2, true}, {"ErrorNegativeAndRegularTagOnSameImage", 1, true}, {"ErrorFromTheFuture", 1, true},
				{"", 1, true},
				{"ErrorUnknown", 1, false}, {"ErrorStorage", 1, false}, // the second try does it
			} {
				img := p.add(e.vault, picture(i), i%2)
				faults = append(faults, e.sim.Resource("northeurope").InjectImage(simulator.ImageFault{
					SHA256: img.Object.SHA256.String(), Status: s.status, Times: s.times,
				}))
				if s.named {
					want["image "+img.ID] = s.status
				}
			}
			for i := range 70 {
				p.add(e.vault, picture(100+i), i%2)
			}
			opt := e.options()
			opt.Transfer, opt.Links = transfer, serveLinks(t, e.vault, func(string) bool { return false })
			_, report := e.restore(archiveOf(t, p), opt)
			pr := report.Projects[0]
			got := map[string]string{}
			for _, f := range pr.Failures {
				got[f.Item] = f.Code
				if f.Message == "" || f.Operation == "" && f.Code != "" {
					t.Errorf("failure %+v", f)
				}
			}
			if d := cmp.Diff(want, got); d != "" || len(pr.Failures) != len(want) {
				t.Errorf("%d failures (-want +got):\n%s", len(pr.Failures), d)
			}
			if pr.Outcome != manifest.Partial || pr.Created.Images != 72 || pr.Proof.Matched != 72 {
				t.Errorf("outcome %s, %d created, %d proven", pr.Outcome, pr.Created.Images, pr.Proof.Matched)
			}
			for i, f := range faults {
				if f.Hits() == 0 {
					t.Errorf("fault %d never struck", i)
				}
			}
		})
	}
}

// early puts bare pictures into a project before the restore gets to it.
type early struct {
	restore.Target
	pictures [][]byte
	once     sync.Once
}

func (t *early) CreateImagesFromFiles(ctx context.Context, id string, b manifest.ImageBatch) (manifest.ImageCreateSummary, error) {
	var err error
	t.once.Do(func() {
		var bare manifest.ImageBatch
		for i, p := range t.pictures {
			bare.Images = append(bare.Images, manifest.NewImage{Name: fmt.Sprint(i), Contents: p})
		}
		_, err = t.Target.CreateImagesFromFiles(ctx, id, bare)
	})
	if err != nil {
		return manifest.ImageCreateSummary{}, err
	}
	return t.Target.CreateImagesFromFiles(ctx, id, b)
}

// TestDuplicatesGetTheirLabels has a service that knows some pictures
// already and ignores what comes with them.
func TestDuplicatesGetTheirLabels(t *testing.T) {
	for _, domain := range []string{classification, detection} {
		e := newEnvironment(t, simulator.ResourceOptions{})
		p := newProject("known", domain, 3)
		for i := range 10 {
			img := p.add(e.vault, picture(i), i%3, (i+1)%3)
			if domain == detection {
				p.box(img, i%3, "0.1", "0.2", "0.3", "0.4")
				p.box(img, (i+1)%3, "0.2", "0.2", "0.3", "0.4")
			}
			img.Metadata = map[string]string{"site": fmt.Sprint(i % 2)}
		}
		r := archiveOf(t, p)
		pl, err := restore.Prepare(t.Context(), e.target, r, e.options())
		check(t, err)
		target := &early{Target: e.target, pictures: [][]byte{picture(3), picture(7)}}
		report, err := restore.Apply(t.Context(), target, r, e.vault, pl, e.options())
		check(t, err)
		wantEqual(t, report)
		if pr := report.Projects[0]; pr.Created.Images != 10 || len(pr.Merged) != 0 {
			t.Errorf("created %+v, merged %v", pr.Created, pr.Merged)
		}
	}
}

// strict refuses what follows for one image: as a status where the call has
// one, and the whole call otherwise.
type strict struct {
	restore.Target
	status bool
	image  func(id string) bool
}

func (s strict) CreateImageTags(ctx context.Context, id string, entries []manifest.ImageTagEntry) (manifest.TagSummary, error) {
	rest := slices.DeleteFunc(slices.Clone(entries), func(e manifest.ImageTagEntry) bool { return s.image(e.ImageID) })
	if len(rest) == len(entries) {
		return s.Target.CreateImageTags(ctx, id, entries)
	}
	if !s.status {
		return manifest.TagSummary{}, refusal("CreateImageTags")
	}
	sum, err := s.Target.CreateImageTags(ctx, id, rest)
	for _, e := range entries {
		if s.image(e.ImageID) {
			sum.Exceeded = append(sum.Exceeded, e)
		}
	}
	return sum, err
}

func (s strict) CreateImageRegions(ctx context.Context, id string, entries []manifest.ImageRegionEntry) (manifest.RegionSummary, error) {
	rest := slices.DeleteFunc(slices.Clone(entries), func(e manifest.ImageRegionEntry) bool { return s.image(e.ImageID) })
	if len(rest) == len(entries) {
		return s.Target.CreateImageRegions(ctx, id, entries)
	}
	if !s.status {
		return manifest.RegionSummary{}, refusal("CreateImageRegions")
	}
	sum, err := s.Target.CreateImageRegions(ctx, id, rest)
	for _, e := range entries {
		if s.image(e.ImageID) {
			sum.Exceeded = append(sum.Exceeded, e)
		}
	}
	return sum, err
}

func (s strict) UpdateImageMetadata(ctx context.Context, id string, ids []string, m map[string]string) ([]manifest.MetadataResult, error) {
	if !slices.ContainsFunc(ids, s.image) {
		return s.Target.UpdateImageMetadata(ctx, id, ids, m)
	}
	if !s.status {
		return nil, refusal("UpdateImageMetadata")
	}
	var out []manifest.MetadataResult
	for _, image := range ids {
		out = append(out, manifest.MetadataResult{ImageID: image, Status: "OK"})
		if s.image(image) {
			out[len(out)-1].Status = "ErrorLimitExceed"
		} else if _, err := s.Target.UpdateImageMetadata(ctx, id, []string{image}, m); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func refusal(operation string) error {
	return &manifest.ServiceError{Resource: "dr", Operation: operation, StatusCode: 400, Code: "BadRequest", Message: "no"}
}

// TestRefusedFollowUps refuses, for one image, what comes after the create
// call: that image is named, and nothing else suffers.
func TestRefusedFollowUps(t *testing.T) {
	for _, what := range []string{"tags", "regions", "metadata"} {
		for _, status := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s by status %t", what, status), func(t *testing.T) {
				e := newEnvironment(t, simulator.ResourceOptions{})
				domain, call := detection, plan.CreateImageRegions
				switch what {
				case "tags":
					domain, call = classification, plan.CreateImageTags
				case "metadata":
					call = plan.UpdateImageMetadata
				}
				p := newProject("p", domain, 30)
				for i := range 40 {
					img := p.add(e.vault, picture(i))
					switch what {
					case "tags":
						for _, tag := range p.tags[:25] {
							img.Tags = append(img.Tags, manifest.ImageTag{TagID: tag.ID})
						}
					case "regions":
						for k := range 25 {
							p.box(img, k, "0.1", "0.2", "0.3", "0.4")
						}
					case "metadata": // pairs of equal metadata and disjoint tags
						for k := range 15 {
							p.box(img, i%2*15+k, "0.1", "0.2", "0.3", "0.4")
						}
						img.Metadata = map[string]string{"pair": fmt.Sprint(i / 2)}
					}
				}
				r := archiveOf(t, p)
				pl, err := restore.Prepare(t.Context(), e.target, r, e.options())
				check(t, err)
				if pl.Totals.Calls[call] == 0 {
					t.Fatalf("no %s follows: %v", what, pl.Totals.Calls)
				}
				unlucky := &unluckyImage{}
				target := strict{unlucky.watch(e.target, p.images[17].ID), status, unlucky.is}
				report, err := restore.Apply(t.Context(), target, r, e.vault, pl, e.options())
				check(t, err)
				pr := report.Projects[0]
				if len(pr.Failures) != 1 || pr.Failures[0].Item != "image "+p.images[17].ID {
					t.Errorf("failures %+v", pr.Failures)
				}
				if len(pr.Proof.Changes) == 0 || pr.Proof.Matched != 39 {
					t.Errorf("%d proven, changes %v", pr.Proof.Matched, pr.Proof.Changes)
				}
				for _, c := range pr.Proof.Changes {
					if c.Item != p.images[17].ID {
						t.Errorf("change %s", c)
					}
				}
			})
		}
	}
}

// unluckyImage learns the id that an archived image gets in the target.
type unluckyImage struct {
	mu sync.Mutex
	id string
}

func (u *unluckyImage) is(id string) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return id == u.id
}

type watched struct {
	restore.Target
	u        *unluckyImage
	archived string
}

func (u *unluckyImage) watch(t restore.Target, archived string) restore.Target {
	return watched{t, u, archived}
}

func (w watched) CreateImagesFromFiles(ctx context.Context, id string, b manifest.ImageBatch) (manifest.ImageCreateSummary, error) {
	sum, err := w.Target.CreateImagesFromFiles(ctx, id, b)
	for _, r := range sum.Images {
		if strings.HasPrefix(r.SourceURL, w.archived) {
			w.u.mu.Lock()
			w.u.id = r.Image.ID
			w.u.mu.Unlock()
		}
	}
	return sum, err
}
