package restore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
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
	made     map[string]int  // target image id → number of its record; -1 from an earlier run
	named    map[string]bool // archived ids in failures
	images   int
	regions  int
	bytes    int64
	fetched  int64 // of bytes, by URL
	nudged   int
	repeated int // create calls that had been made before
	fellBack int // images that were uploaded because they could not be fetched
	fetches  fetching
	failures []manifest.Failure
	merged   []Merged
}

func newUploader(j *job, left *found) *uploader {
	u := &uploader{job: j, projectID: left.project.ID, tags: left.tags, made: map[string]int{}, named: map[string]bool{}}
	for _, id := range left.images {
		u.made[id] = -1
	}
	u.fetches.on = j.plan.Transfer == plan.TransferURL
	u.later = newLater(u)
	return u
}

// upload is one image on its way.
type upload struct {
	id      string // archived
	record  int    // number of its record
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

// batch sends one batch of the schedule: what the service cannot fetch by
// itself is uploaded.
func (u *uploader) batch(ctx context.Context, b *plan.Batch) error {
	var part []*upload
	for _, i := range b.Images {
		img, err := u.job.archived.Content.Image(i, u.job.records.get)
		if err != nil {
			return err
		}
		part = append(part, u.prepare(img, i, b))
	}
	part, err := u.byURL(ctx, part)
	if err != nil {
		return err
	}
	for some := range inBytes(part, plan.MaxBatchBytes) {
		if err := u.upload(ctx, some); err != nil {
			return err
		}
	}
	return nil
}

// upload reads the bytes of images, of which one call can carry all, and sends
// them.
func (u *uploader) upload(ctx context.Context, part []*upload) error {
	size := 0
	for _, up := range part {
		size += up.room()
	}
	buf, err := u.job.shared.bodies.Take(ctx, size)
	if err != nil {
		return err
	}
	defer u.job.shared.bodies.Give(buf)
	part, err = u.read(ctx, part, buf[:size])
	if err != nil || len(part) == 0 {
		return err
	}
	defer func() {
		for _, up := range part {
			up.bytes = nil
		}
	}()
	return inParts(ctx, part, u.send, u.refuse)
}

// room is what the bytes of an image take: none where they can not be sent.
func (up *upload) room() int {
	if up.object.Size > plan.MaxBatchBytes {
		return 0
	}
	return int(up.object.Size)
}

// inBytes cuts a batch into parts of at most so many bytes, or one image.
func inBytes(part []*upload, most int64) iter.Seq[[]*upload] {
	return func(yield func([]*upload) bool) {
		from, size := 0, int64(0)
		for i, up := range part {
			if i > from && size+up.object.Size > most {
				if !yield(part[from:i]) {
					return
				}
				from, size = i, 0
			}
			size += up.object.Size
		}
		if from < len(part) {
			yield(part[from:])
		}
	}
}

// prepare makes an image ready for its batch.
func (u *uploader) prepare(img *manifest.Image, i int, b *plan.Batch) *upload {
	up, nudged := translate(u.job.archived.Content, u.tags, img, i)
	up.late = b.LateMetadata
	u.mu.Lock()
	u.nudged += nudged
	u.mu.Unlock()
	if b.Tags != nil {
		along := map[string]bool{}
		for _, tag := range b.Tags {
			along[u.tags[tag]] = true
		}
		up.carries = func(id string) bool { return along[id] }
	}
	return up
}

// translate says an archived image in the target's terms: tags has the ids
// of the content's tags there. It counts the regions that it nudges.
func translate(content *plan.Content, tags []string, img *manifest.Image, i int) (up *upload, nudged int) {
	up = &upload{
		id: img.ID, record: content.Record(i), name: img.ID + "." + img.Object.Ext, object: *img.Object,
		metadata: img.Metadata, group: content.Group(i),
	}
	boxed := map[string]bool{}
	for _, r := range img.Regions {
		tag, ok := content.TagOf(r.TagID, r.TagName)
		if !ok || tags[tag] == "" {
			continue
		}
		r = manifest.Region{TagID: tags[tag], Left: r.Left, Top: r.Top, Width: r.Width, Height: r.Height}
		if nudge(&r) {
			nudged++
		}
		boxed[r.TagID] = true
		up.regions = append(up.regions, r)
	}
	for _, t := range img.Tags {
		if tag, ok := content.TagOf(t.TagID, t.TagName); ok && tags[tag] != "" && !boxed[tags[tag]] {
			boxed[tags[tag]] = true // once
			up.tags = append(up.tags, tags[tag])
		}
	}
	return up, nudged
}

// lacking is what an image of the target does not have yet, all of which
// follows in later calls.
func (up *upload) lacking(have *manifest.ListedImage) *upload {
	rest := *up
	rest.carries = func(string) bool { return false }
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
	return &rest
}

// readers is how many objects of a batch are read at a time.
const readers = 8

// read fetches the bytes of a batch's images into a buffer. Those that cannot
// be read are named and left out.
func (u *uploader) read(ctx context.Context, part []*upload, buf []byte) ([]*upload, error) {
	errs := make([]error, len(part))
	var g errgroup.Group
	g.SetLimit(readers)
	for i, up := range part {
		up.bytes, buf = buf[:up.room():up.room()], buf[up.room():]
		g.Go(func() error {
			errs[i] = u.object(ctx, up.object, up.bytes)
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

// object fills b with the bytes of an object, which are checked.
func (u *uploader) object(ctx context.Context, o manifest.Object, b []byte) error {
	if o.Size > plan.MaxBatchBytes {
		return fmt.Errorf("%d bytes are more than a call can carry", o.Size)
	}
	r, err := u.job.objects.OpenObject(ctx, o)
	if err != nil {
		return err
	}
	defer r.Close()
	switch n, err := io.ReadFull(r, b); {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("object %s has %d bytes instead of %d", o.SHA256, n, o.Size)
	case err != nil:
		return err
	}
	// The digest is compared at the end, and not before.
	switch n, err := io.ReadFull(r, make([]byte, 1)); {
	case n > 0:
		return fmt.Errorf("object %s is larger than its %d bytes", o.SHA256, o.Size)
	case errors.Is(err, io.EOF):
		return nil
	default:
		return err
	}
}

// send makes one create call and sorts its results. Images for which the
// service gave no clear reason are sent once more, together.
func (u *uploader) send(ctx context.Context, part []*upload) error {
	b := batchOf(part)
	for i, up := range part {
		b.Images[i].Name, b.Images[i].Contents = up.name, up.bytes
	}
	sum, err := u.job.target.CreateImagesFromFiles(ctx, u.projectID, b)
	if err != nil {
		return err
	}
	again, err := u.sort(ctx, part, matchResults(part, sum.Images, func(up *upload) string { return up.name }))
	if err == nil && len(again) > 0 {
		err = inParts(ctx, again, u.send, u.refuse)
	}
	return err
}

// batchOf begins the create call of images that share it.
func batchOf(part []*upload) manifest.ImageBatch {
	var b manifest.ImageBatch
	if !part[0].late {
		b.Metadata = part[0].metadata
	}
	for _, up := range part {
		b.Images = append(b.Images, up.entry())
	}
	return b
}

// sort notes which images are there, and deals with the result of each. It
// returns those that are worth another try.
func (u *uploader) sort(ctx context.Context, part []*upload, results []*manifest.ImageCreateResult) (again []*upload, err error) {
	u.note(ctx, part, results)
	for i, up := range part {
		if up == nil {
			continue // set aside
		}
		retry, err := u.result(ctx, up, results[i])
		if err != nil {
			return nil, err
		}
		if retry {
			up.again = true
			again = append(again, up)
		}
	}
	return again, nil
}

// note puts the images that are there into the journal, and counts calls that
// were made before.
func (u *uploader) note(ctx context.Context, part []*upload, results []*manifest.ImageCreateResult) {
	var there []placed
	repeated := false
	for i, r := range results {
		if r == nil || r.Image == nil || r.Image.ID == "" || r.Status != manifest.ImageOK && r.Status != manifest.ImageOKDuplicate {
			continue
		}
		u.mu.Lock()
		_, known := u.made[r.Image.ID]
		u.mu.Unlock()
		if known {
			continue
		}
		repeated = repeated || r.Status == manifest.ImageOKDuplicate
		there = append(there, placed{Record: part[i].record, ID: r.Image.ID})
	}
	if repeated {
		u.mu.Lock()
		u.repeated++
		u.mu.Unlock()
	}
	if len(there) > 0 {
		u.job.note(ctx, note{Images: there})
	}
}

// entry is what goes along in the create call.
func (up *upload) entry() manifest.NewImage {
	e := manifest.NewImage{TagIDs: up.tags, Regions: up.regions}
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
func matchResults(part []*upload, results []manifest.ImageCreateResult, name func(*upload) string) []*manifest.ImageCreateResult {
	byName := make(map[string]*manifest.ImageCreateResult, len(results))
	for i := range results {
		byName[strings.Trim(results[i].SourceURL, `"`)] = &results[i]
	}
	matched := make([]*manifest.ImageCreateResult, len(part))
	for i, up := range part {
		matched[i] = byName[name(up)]
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
	u.created(up, r.Image)
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

func (u *uploader) created(up *upload, img *manifest.ListedImage) {
	u.job.early.add(sent{img.ID, img.OriginalURI, up.object})
	u.mu.Lock()
	u.made[img.ID] = up.record
	u.images++
	u.regions += len(up.regions)
	u.bytes += up.object.Size
	moved := up.object.Size
	if up.bytes == nil {
		u.fetched += up.object.Size
		moved = 0 // by this process
	}
	u.mu.Unlock()
	u.job.opt.Progress.Send(progress.Event{
		Kind: progress.ItemDone, Project: u.job.plan.Name, ID: up.id, Item: "image " + up.id, Bytes: moved,
	})
}

// duplicate gives an image that the target has already the labels that it
// lacks. It may be this very image, from a call whose answer was lost.
func (u *uploader) duplicate(ctx context.Context, up *upload, have *manifest.ListedImage) error {
	u.mu.Lock()
	record, known := u.made[have.ID]
	u.mu.Unlock()
	if known {
		if err := u.mergedInto(record, up, have.ID); err != nil {
			return err
		}
	}
	if !known {
		u.created(up, have)
	}
	return u.later.follow(ctx, up.lacking(have), have.ID)
}

// mergedInto notes that an image is one with another that was made before.
func (u *uploader) mergedInto(record int, up *upload, targetID string) error {
	m := Merged{ID: up.id, TargetID: targetID}
	if record >= 0 {
		other, err := u.job.records.get(record)
		if err != nil {
			return err
		}
		m.Into = other.ID
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.merged = append(u.merged, m)
	return nil
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

// operation is the call that most images go by.
func (u *uploader) operation() string {
	if u.job.plan.Transfer == plan.TransferURL && u.job.opt.Transfer == TransferURL {
		return plan.CreateImagesFromURLs
	}
	return plan.CreateImagesFromFiles
}

func (u *uploader) refuse(up *upload, err error) { u.failed(up.id, err) }

// failed names an image that did not arrive, or not as it should; once,
// however much of it went wrong.
func (u *uploader) failed(id string, err error) {
	f := manifest.FailureOf("image "+id, err)
	if se, ok := errors.AsType[*statusError](err); ok {
		f.Operation, f.Code, f.Message = u.operation(), se.status, se.message
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

// follow queues what images lack that an earlier restore sent.
func (u *uploader) follow(ctx context.Context, lacking []lackingOf) error {
	for _, l := range lacking {
		if err := u.later.follow(ctx, l.rest, l.id); err != nil {
			return err
		}
	}
	return nil
}

func (u *uploader) flush(ctx context.Context) error { return u.later.flush(ctx) }

// report puts the result into the project's report.
func (u *uploader) report() {
	u.mu.Lock()
	defer u.mu.Unlock()
	r := u.job.report
	r.Created.Images, r.Created.Regions = u.images, u.regions
	u.job.there = len(u.made)
	r.Bytes, r.BytesByURL = u.bytes, u.fetched
	r.Repeated, r.FellBack = u.repeated, u.fellBack
	r.Nudged = u.nudged
	r.Failures = append(r.Failures, u.failures...)
	r.Merged = append(r.Merged, u.merged...)
}
