package restore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"cvarchive/archive/progress"
	"cvarchive/manifest"
	"cvarchive/manifest/plan"
)

// uploader creates the images of one project and what follows them. Its
// methods are safe for concurrent use.
type uploader struct {
	job       *job
	projectID string
	tags      []string // new ids, by index in the content's tags
	later     *later

	mu       sync.Mutex
	made     map[string]string // target image id → archived id
	named    map[string]bool   // archived ids in failures
	images   int
	regions  int
	bytes    int64
	nudged   int
	failures []manifest.Failure
	merged   []Merged
}

func newUploader(j *job, projectID string, tags []string) *uploader {
	u := &uploader{job: j, projectID: projectID, tags: tags, made: map[string]string{}, named: map[string]bool{}}
	u.later = newLater(u)
	return u
}

// upload is one image on its way.
type upload struct {
	id      string // archived
	name    string // in the batch; comes back with the result
	object  manifest.Object
	bytes   []byte
	tags    []string          // all, new ids, without those of regions
	regions []manifest.Region // all, with new tag ids
	// carries says which of them go along, by new tag id; nil: all.
	carries  func(tagID string) bool
	metadata map[string]string
	group    int  // of metadata that follows later
	late     bool // metadata follows later
	again    bool // the second and last try
}

// batch sends one batch of the schedule.
func (u *uploader) batch(ctx context.Context, b *plan.Batch) error {
	var part []*upload
	for _, i := range b.Images {
		img, err := u.job.archived.Content.Image(i, u.job.records.get)
		if err != nil {
			return err
		}
		part = append(part, u.prepare(img, i, b))
	}
	part, err := u.read(ctx, part)
	if err != nil || len(part) == 0 {
		return err
	}
	return inParts(ctx, part, u.send, u.refuse)
}

// prepare translates a record for the target.
func (u *uploader) prepare(img *manifest.Image, i int, b *plan.Batch) *upload {
	up := &upload{
		id: img.ID, name: img.ID + "." + img.Object.Ext, object: *img.Object,
		metadata: img.Metadata, group: u.job.archived.Content.Group(i), late: b.LateMetadata,
	}
	content := u.job.archived.Content
	boxed := map[string]bool{}
	for _, r := range img.Regions {
		tag, ok := content.TagOf(r.TagID, r.TagName)
		if !ok || u.tags[tag] == "" {
			continue
		}
		r = manifest.Region{TagID: u.tags[tag], Left: r.Left, Top: r.Top, Width: r.Width, Height: r.Height}
		if nudge(&r) {
			u.mu.Lock()
			u.nudged++
			u.mu.Unlock()
		}
		boxed[r.TagID] = true
		up.regions = append(up.regions, r)
	}
	for _, t := range img.Tags {
		if tag, ok := content.TagOf(t.TagID, t.TagName); ok && u.tags[tag] != "" && !boxed[u.tags[tag]] {
			boxed[u.tags[tag]] = true // once
			up.tags = append(up.tags, u.tags[tag])
		}
	}
	if b.Tags != nil {
		along := map[string]bool{}
		for _, tag := range b.Tags {
			along[u.tags[tag]] = true
		}
		up.carries = func(id string) bool { return along[id] }
	}
	return up
}

// readers is how many objects of a batch are read at a time.
const readers = 8

// read fetches the bytes of a batch's images. Those that cannot be read are
// named and left out.
func (u *uploader) read(ctx context.Context, part []*upload) ([]*upload, error) {
	errs := make([]error, len(part))
	var g errgroup.Group
	g.SetLimit(readers)
	for i, up := range part {
		g.Go(func() error {
			up.bytes, errs[i] = u.object(ctx, up.object)
			return nil
		})
	}
	g.Wait()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	var have []*upload
	for i, up := range part {
		if errs[i] != nil {
			u.failed(up.id, fmt.Errorf("read its bytes from the vault: %w", errs[i]))
			continue
		}
		have = append(have, up)
	}
	return have, nil
}

func (u *uploader) object(ctx context.Context, o manifest.Object) ([]byte, error) {
	if o.Size > plan.MaxBatchBytes {
		return nil, fmt.Errorf("%d bytes are more than a call can carry", o.Size)
	}
	r, err := u.job.objects.OpenObject(ctx, o)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	b := make([]byte, 0, o.Size+1)
	for {
		n, err := r.Read(b[len(b):cap(b)])
		b = b[:len(b)+n]
		switch {
		case int64(len(b)) > o.Size:
			return nil, fmt.Errorf("object %s is larger than its %d bytes", o.SHA256, o.Size)
		case errors.Is(err, io.EOF) && int64(len(b)) < o.Size:
			return nil, fmt.Errorf("object %s has %d bytes instead of %d", o.SHA256, len(b), o.Size)
		case errors.Is(err, io.EOF):
			return b, nil
		case err != nil:
			return nil, err
		}
	}
}

// send makes one create call and sorts its results. Images for which the
// service gave no clear reason are sent once more, together.
func (u *uploader) send(ctx context.Context, part []*upload) error {
	b := manifest.ImageBatch{}
	if !part[0].late {
		b.Metadata = part[0].metadata
	}
	for _, up := range part {
		b.Images = append(b.Images, up.entry())
	}
	sum, err := u.job.target.CreateImagesFromFiles(ctx, u.projectID, b)
	if err != nil {
		return err
	}
	results := matchResults(part, sum.Images)
	var again []*upload
	for i, up := range part {
		retry, err := u.result(ctx, up, results[i])
		if err != nil {
			return err
		}
		if retry {
			up.again = true
			again = append(again, up)
		}
	}
	if len(again) > 0 {
		return inParts(ctx, again, u.send, u.refuse)
	}
	return nil
}

// entry is what goes along in the create call.
func (up *upload) entry() manifest.NewImage {
	e := manifest.NewImage{Name: up.name, Contents: up.bytes, TagIDs: up.tags, Regions: up.regions}
	if up.carries != nil {
		e.TagIDs, e.Regions = nil, nil
		for _, t := range up.tags {
			if up.carries(t) {
				e.TagIDs = append(e.TagIDs, t)
			}
		}
		for _, r := range up.regions {
			if up.carries(r.TagID) {
				e.Regions = append(e.Regions, r)
			}
		}
	}
	return e
}

// matchResults finds each image's result by the name that comes back, which
// may be in quotes; the order of results means nothing.
func matchResults(part []*upload, results []manifest.ImageCreateResult) []*manifest.ImageCreateResult {
	byName := make(map[string]*manifest.ImageCreateResult, len(results))
	for i := range results {
		byName[strings.Trim(results[i].SourceURL, `"`)] = &results[i]
	}
	matched := make([]*manifest.ImageCreateResult, len(part))
	for i, up := range part {
		matched[i] = byName[up.name]
	}
	if len(part) == 1 && len(results) == 1 {
		matched[0] = &results[0]
	}
	return matched
}

// result deals with what became of one image, and reports whether it is worth
// another try.
func (u *uploader) result(ctx context.Context, up *upload, r *manifest.ImageCreateResult) (again bool, err error) {
	if r == nil {
		u.failed(up.id, &statusError{"", "the service did not say what became of it"})
		return false, nil
	}
	switch r.Status {
	case manifest.ImageOK, manifest.ImageOKDuplicate:
		if r.Image == nil || r.Image.ID == "" {
			u.failed(up.id, &statusError{r.Status, "the service did not say which image it is"})
			return false, nil
		}
	case "ErrorUnknown", "ErrorStorage", "ErrorSource":
		if !up.again {
			return true, nil
		}
		fallthrough
	default:
		u.failed(up.id, &statusError{r.Status, "the service refused the image"})
		return false, nil
	}
	if r.Status == manifest.ImageOKDuplicate {
		return false, u.duplicate(ctx, up, r.Image)
	}
	u.created(up, r.Image.ID)
	return false, u.later.follow(ctx, up, r.Image.ID)
}

// statusError is a per-image status that is not success.
type statusError struct{ status, message string }

func (e *statusError) Error() string {
	if e.status == "" {
		return e.message
	}
	return e.message + ": " + e.status
}

func (u *uploader) created(up *upload, targetID string) {
	u.mu.Lock()
	u.made[targetID] = up.id
	u.images++
	u.regions += len(up.regions)
	u.bytes += int64(len(up.bytes))
	u.mu.Unlock()
	u.job.opt.Progress.Send(progress.Event{
		Kind: progress.ItemDone, Project: u.job.plan.Name, ID: up.id, Item: "image " + up.id, Bytes: int64(len(up.bytes)),
	})
}

// duplicate gives an image that the target has already the labels that it
// lacks. It may be this very image, from a call whose answer was lost.
func (u *uploader) duplicate(ctx context.Context, up *upload, have *manifest.ListedImage) error {
	u.mu.Lock()
	other, known := u.made[have.ID]
	if known {
		u.merged = append(u.merged, Merged{ID: up.id, Into: other, TargetID: have.ID})
	}
	u.mu.Unlock()
	if !known {
		u.created(up, have.ID)
	}
	rest := *up
	rest.carries = func(string) bool { return false } // all of what is left follows
	rest.tags, rest.regions = nil, nil
	for _, t := range up.tags {
		if !hasTag(have, t) {
			rest.tags = append(rest.tags, t)
		}
	}
	for _, r := range up.regions {
		if !hasRegion(have, &r) {
			rest.regions = append(rest.regions, r)
		}
	}
	rest.late = len(have.Metadata) == 0
	return u.later.follow(ctx, &rest, have.ID)
}

func hasTag(img *manifest.ListedImage, tagID string) bool {
	for _, t := range img.Tags {
		if t.TagID == tagID {
			return true
		}
	}
	return false
}

func hasRegion(img *manifest.ListedImage, r *manifest.Region) bool {
	for i := range img.Regions {
		if sameRegion(&img.Regions[i], r) {
			return true
		}
	}
	return false
}

func (u *uploader) refuse(up *upload, err error) { u.failed(up.id, err) }

// failed names an image that did not arrive, or not as it should; once,
// however much of it went wrong.
func (u *uploader) failed(id string, err error) {
	f := manifest.FailureOf("image "+id, err)
	if se, ok := errors.AsType[*statusError](err); ok {
		f.Operation, f.Code, f.Message = plan.CreateImagesFromFiles, se.status, se.message
	}
	u.mu.Lock()
	known := u.named[id]
	if u.named[id] = true; !known {
		u.failures = append(u.failures, f)
	}
	u.mu.Unlock()
	if known {
		return
	}
	u.job.opt.Progress.Send(progress.Event{Kind: progress.ItemFailed, Project: u.job.plan.Name, ID: id, Item: f.Item, Err: err})
}

func (u *uploader) flush(ctx context.Context) error { return u.later.flush(ctx) }

// report puts the result into the project's report.
func (u *uploader) report() {
	u.mu.Lock()
	defer u.mu.Unlock()
	r := u.job.report
	r.Created.Images, r.Created.Regions = u.images, u.regions
	r.Bytes = u.bytes
	r.Nudged = u.nudged
	r.Failures = append(r.Failures, u.failures...)
	r.Merged = append(r.Merged, u.merged...)
}
