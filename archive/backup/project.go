package backup

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"cvarchive/archive"
	"cvarchive/archive/progress"
	"cvarchive/manifest"
)

const (
	// maxPasses bounds how often a project is described and listed when it
	// changes meanwhile.
	maxPasses = 3
	// maxStrangers bounds the failures that name an image one by one in
	// a project's entry.
	maxStrangers = 100
)

// capture is one project on its way into the archive.
type capture struct {
	run     *run
	project manifest.Project
	known   catalog
	// oldModels are the exported models that an earlier archive or the
	// journal names; nil until they are needed.
	oldModels map[modelKey]manifest.Object

	pass     int
	state    *state
	tagNames map[string]bool // ids of the tags that tags.json lists
	spool    *archive.Spool

	failures  []manifest.Failure
	strangers []manifest.Failure // images that are no pictures
	items     []ItemFailure      // images and models without bytes, the first of them
	failed    int                // image records with a failure
	done      int64
	total     int64
}

// capture captures one project, and says how many images it has as soon as
// that is known. What the service refuses becomes a failure of the project; the
// error ends the backup.
func (r *run) capture(ctx context.Context, p manifest.Project, described func(images int)) (_ *capture, err error) {
	c := &capture{run: r, project: p}
	defer func() {
		if err != nil {
			c.close()
		}
	}()
	var first *state
	begin, bctx := errgroup.WithContext(ctx)
	begin.Go(func() (err error) {
		c.known, err = r.ancestry.load(bctx, p.ID)
		return err
	})
	begin.Go(func() (err error) {
		if first, err = c.describe(bctx); err == nil {
			described(first.expected)
		}
		return err
	})
	if err := begin.Wait(); err != nil {
		return nil, err
	}
	r.journal.addTo(c.known, p.ID)
	if !r.opt.MetadataOnly {
		r.inventory.Expect(int64(len(c.known)))
	}
	if err := c.settle(ctx, first); err != nil {
		return nil, err
	}
	if err := c.trained(ctx); err != nil {
		return nil, err
	}
	for _, f := range c.strangers {
		c.fail(f)
	}
	if c.outcome() != manifest.Complete || r.opt.NoModels {
		r.journal.settle(c.known, p.ID, c.pass, captured(c.state.iterations))
	}
	c.known = nil // nothing but the spool is needed until it is written
	return c, nil
}

// close drops what is not needed any more.
func (c *capture) close() {
	if c.spool != nil {
		c.spool.Close()
		c.spool = nil
	}
}

// fail notes a failure of the project.
func (c *capture) fail(f manifest.Failure) {
	c.failures = bounded(c.failures, f)
	c.run.opt.Logger.Warn("not captured whole", "project", c.project.Name, "item", f.Item, "code", f.Code, "reason", f.Message)
	c.event(progress.Event{Kind: progress.ItemFailed, Item: f.Item, Message: f.Message})
}

func (c *capture) warn(format string, args ...any) {
	message := fmt.Sprintf(format, args...)
	c.run.opt.Logger.Warn(message, "project", c.project.Name)
	c.event(progress.Event{Kind: progress.Warning, Message: message})
}

func (c *capture) event(e progress.Event) {
	e.Project, e.ID = c.project.Name, cmp.Or(e.ID, c.project.ID)
	c.run.opt.Progress.Send(e)
}

// settle lists the workspace of the project, and describes and lists it again,
// until the two agree, or until it is clear that they do not.
func (c *capture) settle(ctx context.Context, s *state) (err error) {
	settled := false
	for c.pass = 1; ; c.pass++ {
		previous := c.state
		if c.pass > 1 {
			if s, err = c.describe(ctx); err != nil {
				return err
			}
		}
		c.begin(s)
		if err := c.workspace(ctx); err != nil {
			return err
		}
		if s.project != nil {
			c.project = *s.project
		}
		settled = c.settled(previous)
		if settled || c.pass == maxPasses {
			break
		}
		if signs := s.signs(); len(signs) > 0 {
			c.warn("the project changed while it was listed; it is listed again (%d of at most %d): %s", c.pass+1, maxPasses, signs[0])
		}
	}
	broken := c.state.listing.err
	if broken != nil {
		f := manifest.FailureOf("images", broken)
		f.Message = fmt.Sprintf("the listing ended after %d images: %s", c.state.listing.images, f.Message)
		c.fail(f)
	}
	if !settled || broken != nil {
		if err := c.rescue(ctx); err != nil {
			return err
		}
	}
	if !settled {
		c.fail(manifest.Failure{
			Item: "images", Code: "Moved",
			Message: fmt.Sprintf("the project kept changing while it was listed %d times, so that the records of its images are of more than one moment (%s); %d images that a listing showed were deleted meanwhile; back up again when nobody works on it",
				maxPasses, strings.Join(c.state.unsettled(), "; "), len(c.known.lost(c.pass))),
		})
	}
	c.judge()
	return nil
}

// begin makes a state the current one.
func (c *capture) begin(s *state) {
	c.state, c.tagNames = s, make(map[string]bool, len(s.tags))
	s.before = c.project.LastModified
	s.tags = slices.DeleteFunc(s.tags, func(t manifest.Tag) bool {
		err := t.Validate()
		if err != nil && s.tagsErr == nil {
			s.tagsErr = err
		}
		return err != nil
	})
	for i := range s.tags {
		c.tagNames[strings.ToLower(s.tags[i].ID)] = true
	}
	s.iterations = slices.DeleteFunc(s.iterations, func(i manifest.Iteration) bool {
		err := i.Validate()
		if err != nil && s.iterationsErr == nil {
			s.iterationsErr = err
		}
		return err != nil
	})
	keepable(&s.tags, &s.tagsErr, manifest.EncodeTags)
	keepable(&s.iterations, &s.iterationsErr, manifest.EncodeIterations)
	c.total = int64(max(s.expected, 0))
	c.run.opt.Logger.Debug("project described", "project", c.project.Name, "pass", c.pass,
		"tags", len(s.tags), "iterations", len(s.iterations), "images", s.expected)
	if c.pass == 1 {
		c.event(progress.Event{Kind: progress.ProjectStarted, Total: c.total})
	}
}

// workspace makes one pass over the images of the workspace, into a spool of
// its own.
func (c *capture) workspace(ctx context.Context) (err error) {
	c.close()
	c.failed, c.items, c.strangers = 0, nil, nil
	if c.spool, err = c.run.writer.NewSpool(); err != nil {
		return fmt.Errorf("make room for the records of project %s: %w", c.project.Name, err)
	}
	s, l := c.state, &c.state.listing
	l.labels = newLabels()
	return c.pipe(ctx, steps{
		pages: func(ctx context.Context) pageSeq {
			list := c.planned(ctx, s.expected)
			if s.expected < 0 {
				list = c.oneByOne(ctx, "", unbounded)
			}
			return func(yield func(*page) bool) {
				for p := range c.pages("", list, l) {
					if !yield(p) {
						return
					}
				}
				c.lookBack(ctx)
			}
		},
		pick: func(_ *page, img *manifest.ListedImage) *entry { return c.pickWorkspace(img) },
		emit: c.emitWorkspace,
	})
}

// pickWorkspace takes each image once a pass.
func (c *capture) pickWorkspace(img *manifest.ListedImage) *entry {
	l := &c.state.listing
	if !manifest.ValidID(img.ID) {
		l.nameless++
		return nil
	}
	e := c.known.at(img.ID)
	if e.pass == c.pass {
		l.repeated++
		return nil
	}
	if e.pass == 0 {
		l.fresh++
	}
	e.pass = c.pass
	l.images++
	l.regions += len(img.Regions)
	l.labels.see(&img.Image)
	return e
}

func (c *capture) emitWorkspace(j *job) error {
	c.finish(j)
	return c.append(&j.image)
}

// append writes one record. One that the archive cannot hold leaves a record
// that says so.
func (c *capture) append(img *manifest.Image) error {
	if err := c.spool.Append(img); err != nil {
		img = unusable(img, err)
		if c.spool.Append(img) != nil { // so it is not the record
			return fmt.Errorf("keep the record of image %s: %w", img.ID, err)
		}
	}
	if img.Failure != nil {
		c.failed++
		c.item(*img.Failure)
	}
	if img.Object != nil && !isPicture(img.Object.Ext) {
		c.strange(img)
	}
	return nil
}

// unusable is the record of an image whose record at the service cannot be
// kept.
func unusable(img *manifest.Image, err error) *manifest.Image {
	f := manifest.FailureOf("image "+img.ID, fmt.Errorf("the service's record of it cannot be kept: %w", err))
	return &manifest.Image{ID: img.ID, Object: img.Object, Blob: img.Blob, Failure: &f}
}

// isPicture reports whether an extension is that of a format that the service
// accepts.
func isPicture(ext string) bool {
	return slices.Contains([]string{"jpg", "png", "bmp", "gif"}, ext)
}

// strange notes an image whose bytes were captured and are no picture.
func (c *capture) strange(img *manifest.Image) {
	if len(c.strangers) == maxStrangers {
		return
	}
	c.strangers = append(c.strangers, manifest.Failure{
		Item: "image " + img.ID, Code: "NotAPicture",
		Message: fmt.Sprintf("the %d bytes that the service has for it are no JPEG, PNG, BMP or GIF; they are kept as they are", img.Object.Size),
	})
}

// item notes what the summary names one by one.
func (c *capture) item(f manifest.Failure) {
	if len(c.items) < MaxItems {
		c.items = append(c.items, ItemFailure{ProjectID: c.project.ID, Project: c.project.Name, Failure: f})
	}
}

// finish brings a record into the form of the archive and reports the image.
func (c *capture) finish(j *job) {
	img := &j.image
	img.Iterations = nil
	for i := range img.Tags {
		if c.tagNames[strings.ToLower(img.Tags[i].TagID)] {
			img.Tags[i].TagName = ""
		}
	}
	for i := range img.Regions {
		if c.tagNames[strings.ToLower(img.Regions[i].TagID)] {
			img.Regions[i].TagName = ""
		}
	}
	if j.entry.counted {
		return
	}
	j.entry.counted = true
	c.done++
	e := progress.Event{Kind: progress.ItemDone, ID: img.ID, Item: "image " + img.ID, Done: c.done, Total: max(c.total, c.done)}
	switch {
	case img.Failure != nil:
		e.Kind, e.Message = progress.ItemFailed, img.Failure.Message
	case img.Object != nil:
		e.Bytes = img.Object.Size
	}
	c.event(e)
}

// rescue adds the images that only earlier passes showed and that are still
// there.
func (c *capture) rescue(ctx context.Context) error {
	lost := c.known.lost(c.pass)
	var listErr error
	err := c.pipe(ctx, steps{
		pages: func(ctx context.Context) pageSeq {
			return func(yield func(*page) bool) {
				for ids := range slices.Chunk(lost, manifest.MaxPage) {
					images, err := c.run.source.ImagesByIDs(ctx, c.project.ID, "", ids)
					if err != nil {
						listErr = err
						return
					}
					if len(images) > 0 && !yield(newPage(c.run.source, c.project.ID, "", images)) {
						return
					}
				}
			}
		},
		pick: func(_ *page, img *manifest.ListedImage) *entry { return c.pickWorkspace(img) },
		emit: c.emitWorkspace,
	})
	if err != nil {
		return err
	}
	if listErr != nil {
		c.fail(manifest.FailureOf("images that moved", listErr))
	}
	return nil
}

// judge turns what the last pass ran into into failures of the project.
func (c *capture) judge() {
	s := c.state
	if s.tagsErr != nil {
		c.fail(manifest.FailureOf("tags", s.tagsErr))
	}
	if s.iterationsErr != nil {
		c.fail(manifest.FailureOf("iterations", s.iterationsErr))
	}
	if s.exportErr != nil && !(c.run.opt.NoTokens && (mayNotExport(s.exportErr) || isTraining(s.exportErr))) {
		c.fail(*s.export.Failure)
	}
	if s.countErr != nil {
		c.fail(manifest.FailureOf("image count", s.countErr))
	}
	if n := s.listing.nameless; n > 0 {
		c.fail(manifest.Failure{Item: "images", Code: "NoID", Message: fmt.Sprintf("the service listed %d images without a usable id; they are not captured", n)})
	}
	for _, f := range s.differences() {
		c.fail(f)
	}
}

// outcome sums up.
func (c *capture) outcome() manifest.Outcome {
	s := c.state
	switch {
	case s.listing.err != nil && s.listing.images == 0 && s.export.State != manifest.TokenStored:
		return manifest.Failed
	case len(c.failures) > 0 || c.failed > 0:
		return manifest.Partial
	}
	return manifest.Complete
}
