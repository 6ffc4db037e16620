package simulator

import (
	"maps"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
)

// wireRegionEntry is a rectangle as uploads and CreateImageRegions send it.
type wireRegionEntry struct {
	ImageID string  `json:"imageId,omitempty"`
	TagID   string  `json:"tagId"`
	Left    float32 `json:"left"`
	Top     float32 `json:"top"`
	Width   float32 `json:"width"`
	Height  float32 `json:"height"`
}

// edgeTolerance is how far float32 errors may carry a region past the edge.
const edgeTolerance = 1e-5

func (e wireRegionEntry) inside() bool {
	l, t, w, h := float64(e.Left), float64(e.Top), float64(e.Width), float64(e.Height)
	return l >= 0 && t >= 0 && w > 0 && h > 0 && l+w <= 1+edgeTolerance && t+h <= 1+edgeTolerance
}

func (e wireRegionEntry) same(r region) bool {
	return r.TagID == e.TagID && r.Left == e.Left && r.Top == e.Top && r.Width == e.Width && r.Height == e.Height
}

func (e wireRegionEntry) region(now time.Time) region {
	return region{ID: uuid.NewString(), TagID: e.TagID, Created: now, Left: e.Left, Top: e.Top, Width: e.Width, Height: e.Height}
}

type wireCreateSummary struct {
	IsBatchSuccessful bool               `json:"isBatchSuccessful"`
	Images            []wireCreateResult `json:"images"`
}

type wireCreateResult struct {
	SourceURL string     `json:"sourceUrl"`
	Status    string     `json:"status"`
	Image     *wireImage `json:"image"`
}

// createBatch is what the three ways of creating images have in common.
type createBatch struct {
	uploads  []*upload
	tagIDs   []string
	metadata map[string]string
	quoted   bool // sourceUrl in literal quotes
}

// check refuses a batch that is too large, before anything is fetched.
func (b *createBatch) check(emptyMessage string) error {
	if len(b.uploads) == 0 {
		return refuse("BadRequestImageBatch", "%s", emptyMessage)
	}
	if len(b.uploads) > maxBatch {
		return refuse("BadRequestExceededBatchSize", "The batch is limited to %d images.", maxBatch)
	}
	var err error
	if b.tagIDs, err = parseIDs(b.tagIDs); err != nil {
		return refuse("BadRequestImageBatch", "%s", emptyMessage)
	}
	distinct := map[string]bool{}
	for _, id := range b.tagIDs {
		distinct[id] = true
	}
	for _, u := range b.uploads {
		if u.tagIDs, err = parseIDs(u.tagIDs); err != nil {
			return refuse("BadRequestImageBatch", "%s", emptyMessage)
		}
		for i, r := range u.regions {
			u.regions[i].TagID = normalID(r.TagID)
			distinct[u.regions[i].TagID] = true
		}
		for _, id := range u.tagIDs {
			distinct[id] = true
		}
	}
	if len(distinct) > maxBatchTags {
		return refuse("BadRequestExceededBatchSize", "The batch is limited to %d tags.", maxBatchTags)
	}
	return nil
}

// look examines all pictures of the batch and stores what is good; it is the
// slow part and holds no lock.
func (c *call) look(b *createBatch) error {
	for _, u := range b.uploads {
		if u.status != "" {
			continue
		}
		if u.picture, u.status = c.s.blobs.look(u.data, c.preview()); u.status != "" {
			continue
		}
		if err := c.s.blobs.put(u.picture.blob, u.data); err != nil {
			return err
		}
		u.data = nil
	}
	return nil
}

// create adds the batch to the project and reports on every image.
func (c *call) create(b *createBatch) (int, any, error) {
	if err := c.look(b); err != nil {
		return 0, nil, err
	}
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	if err := c.enter(); err != nil {
		return 0, nil, err
	}
	if err := c.checkMetadata(b.metadata); err != nil {
		return 0, nil, err
	}
	if err := c.checkBatchTags(b); err != nil {
		return 0, nil, err
	}
	out := wireCreateSummary{IsBatchSuccessful: true}
	for _, u := range b.uploads {
		status, im := c.createOne(b, u)
		if status == "" {
			out.IsBatchSuccessful = false
			continue // left out by an [ImageFault]
		}
		res := wireCreateResult{SourceURL: u.source, Status: status}
		if b.quoted || c.r.opt.QuoteSourceURL {
			res.SourceURL = `"` + u.source + `"`
		}
		if im != nil {
			w := c.wireImage(im, nil) // tag names are null here
			res.Image = &w
		}
		out.IsBatchSuccessful = out.IsBatchSuccessful && status == "OK"
		out.Images = append(out.Images, res)
	}
	slices.Reverse(out.Images) // callers must not count on the order
	if !out.IsBatchSuccessful {
		return 207, out, nil
	}
	return 200, out, nil
}

func (c *call) checkBatchTags(b *createBatch) error {
	known := func(ids []string) error {
		for _, id := range ids {
			if c.p.tag(id) == nil {
				return refuse("BadRequestImageTags", "The tag %s does not exist.", id)
			}
		}
		return nil
	}
	if err := known(b.tagIDs); err != nil {
		return err
	}
	for _, u := range b.uploads {
		if err := known(u.tagIDs); err != nil {
			return err
		}
		if len(u.regions) > 0 && !c.p.detection() {
			return refuse("BadRequestImageRegions", "Regions are not supported by a classification project.")
		}
		for _, r := range u.regions {
			if err := known([]string{r.TagID}); err != nil {
				return err
			}
		}
	}
	return nil
}

// createOne adds one image and returns its status with the image that is
// there now.
func (c *call) createOne(b *createBatch, u *upload) (string, *image) {
	if u.status != "" {
		return u.status, nil
	}
	if status, struck := c.r.refuses(u.picture.blob.Hash); struck {
		return status, nil
	}
	if id, ok := c.p.Workspace.byHash[u.picture.blob.Hash]; ok {
		im := c.p.Workspace.get(id)
		if c.r.opt.ApplyToDuplicates {
			im = c.applyToDuplicate(im, b, u)
		}
		return "OKDuplicate", im
	}
	if c.p.Workspace.len() >= c.r.opt.Limits.ImagesPerProject {
		return "ErrorLimitExceed", nil
	}
	im := &image{
		ID: uuid.NewString(), Created: c.now, Width: u.picture.width, Height: u.picture.height,
		Resized: u.picture.resized, Original: u.picture.blob, Metadata: maps.Clone(b.metadata),
	}
	if status := c.label(im, b, u); status != "" {
		return status, nil
	}
	c.p.Workspace.put(im)
	c.p.changed(c.now)
	return "OK", im
}

// label puts the tags and regions of an upload on an image, or says what is
// wrong with them.
func (c *call) label(im *image, b *createBatch, u *upload) string {
	for _, id := range slices.Concat(b.tagIDs, u.tagIDs) {
		im.addTag(id, c.now)
	}
	for _, r := range u.regions {
		if !r.inside() {
			return "ErrorInvalidRegion" // in no spec, seen in the field
		}
		im.addTag(r.TagID, c.now)
		if !slices.ContainsFunc(im.Regions, r.same) {
			im.Regions = append(im.Regions, r.region(c.now))
		}
	}
	if len(im.Regions) > maxRegionsPerImage {
		return "ErrorRegionLimitExceed"
	}
	switch c.p.tagsFit(im) {
	case tagsMixed:
		return "ErrorNegativeAndRegularTagOnSameImage"
	case tagsTooMany:
		return "ErrorTagLimitExceed"
	}
	return ""
}

func (c *call) applyToDuplicate(im *image, b *createBatch, u *upload) *image {
	e := im.edit()
	if c.label(e, b, u) != "" {
		return im
	}
	c.p.Workspace.put(e)
	c.p.changed(c.now)
	return e
}

// tagFit says whether an image may carry the tags that it has.
type tagFit int

const (
	tagsFit tagFit = iota
	tagsMixed
	tagsTooMany
)

func (p *project) tagsFit(im *image) tagFit {
	regular, negative := 0, false
	for _, t := range im.Tags {
		switch pt := p.tag(t.TagID); {
		case pt == nil:
		case pt.Type == tagNegative:
			negative = true
		default:
			regular++
		}
	}
	switch {
	case negative && regular > 0:
		return tagsMixed
	case len(im.Tags) > maxTagsPerImage, p.Classification == multiclass && regular > 1:
		return tagsTooMany
	}
	return tagsFit
}

func (c *call) checkMetadata(m map[string]string) error {
	l := c.r.opt.Limits
	if len(m) > l.MetadataPairs {
		return refuse("BadRequestImageMetadataKey", "Metadata is limited to %d entries.", l.MetadataPairs)
	}
	for k, v := range m {
		if k == "" || utf8.RuneCountInString(k) > l.MetadataKey {
			return refuse("BadRequestImageMetadataKey", "A metadata key is limited to %d characters.", l.MetadataKey)
		}
		if utf8.RuneCountInString(v) > l.MetadataValue {
			return refuse("BadRequestImageMetadataValue", "A metadata value is limited to %d characters.", l.MetadataValue)
		}
	}
	return nil
}
