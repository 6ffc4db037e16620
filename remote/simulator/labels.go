package simulator

import "slices"

type wireTagEntry struct {
	ImageID string `json:"imageId"`
	TagID   string `json:"tagId"`
}

// wireTagSummary has null for empty lists, as the spec's examples do.
type wireTagSummary struct {
	Created    []wireTagEntry `json:"created"`
	Duplicated []wireTagEntry `json:"duplicated"`
	Exceeded   []wireTagEntry `json:"exceeded"`
}

// labelTarget finds the image and checks the tag that an entry names.
func (c *call) labelTarget(imageID, tagID string) (*image, error) {
	im := c.p.Workspace.get(normalID(imageID))
	if im == nil {
		return nil, refuse("NotFoundImage", "The image %s does not exist.", imageID)
	}
	if c.p.tag(normalID(tagID)) == nil {
		return nil, refuse("NotFoundTag", "The tag %s does not exist.", tagID)
	}
	return im, nil
}

func createImageTags(c *call) (int, any, error) {
	var in struct {
		Tags []wireTagEntry `json:"tags"`
	}
	if err := c.decode(&in, "BadRequestImageTags", "No tags provided"); err != nil {
		return 0, nil, err
	}
	if len(in.Tags) == 0 {
		return 0, nil, refuse("BadRequestImageTags", "No tags provided")
	}
	if len(in.Tags) > maxImageTagBatch {
		return 0, nil, refuse("BadRequestExceededBatchSize", "The batch is limited to %d tags.", maxImageTagBatch)
	}
	for _, e := range in.Tags {
		if _, err := c.labelTarget(e.ImageID, e.TagID); err != nil {
			return 0, nil, err
		}
	}
	edits := map[string]*image{} // nothing is changed when one entry is refused
	var out wireTagSummary
	for _, e := range in.Tags {
		e = wireTagEntry{ImageID: normalID(e.ImageID), TagID: normalID(e.TagID)}
		im := edits[e.ImageID]
		if im == nil {
			im = c.p.Workspace.get(e.ImageID).edit()
		}
		if im.hasTag(e.TagID) {
			out.Duplicated = append(out.Duplicated, e)
			continue
		}
		next := im.edit()
		next.addTag(e.TagID, c.now)
		switch c.p.tagsFit(next) {
		case tagsMixed:
			return 0, nil, refuse("BadRequestNegativeAndRegularTagOnSameImage", "A negative tag and a regular tag cannot be on the same image.")
		case tagsTooMany:
			out.Exceeded = append(out.Exceeded, e)
		default:
			edits[e.ImageID] = next
			out.Created = append(out.Created, e)
		}
	}
	c.putEdits(edits)
	return 200, out, nil
}

func (c *call) putEdits(edits map[string]*image) {
	for _, im := range edits {
		c.p.Workspace.put(im)
	}
	if len(edits) > 0 {
		c.p.changed(c.now)
	}
}

func deleteImageTags(c *call) (int, any, error) {
	imageIDs, err := c.ids("imageIds", maxBatch)
	if err != nil {
		return 0, nil, err
	}
	tagIDs, err := c.ids("tagIds", maxBatchTags)
	if err != nil {
		return 0, nil, err
	}
	if len(imageIDs) == 0 || len(tagIDs) == 0 {
		return 0, nil, refuse("BadRequestRequiredParamIsNull", "imageIds and tagIds are required.")
	}
	edits := map[string]*image{}
	for _, id := range imageIDs {
		if im := c.p.Workspace.get(id); im != nil && slices.ContainsFunc(tagIDs, im.hasTag) {
			e := im.edit()
			for _, t := range tagIDs {
				e.removeTag(t)
			}
			edits[id] = e
		}
	}
	c.putEdits(edits)
	return 204, nil, nil
}

type wireRegionDone struct {
	ImageID  string  `json:"imageId"`
	RegionID string  `json:"regionId"`
	TagName  *string `json:"tagName"`
	Created  stamp   `json:"created"`
	TagID    string  `json:"tagId"`
	Left     num     `json:"left"`
	Top      num     `json:"top"`
	Width    num     `json:"width"`
	Height   num     `json:"height"`
}

type wireRegionSummary struct {
	Created    []wireRegionDone  `json:"created"`
	Duplicated []wireRegionEntry `json:"duplicated"`
	Exceeded   []wireRegionEntry `json:"exceeded"`
}

func createImageRegions(c *call) (int, any, error) {
	var in struct {
		Regions []wireRegionEntry `json:"regions"`
	}
	if err := c.decode(&in, "BadRequestImageRegions", "No regions provided"); err != nil {
		return 0, nil, err
	}
	if err := c.checkRegions(in.Regions); err != nil {
		return 0, nil, err
	}
	edits := map[string]*image{}
	out := wireRegionSummary{Created: []wireRegionDone{}, Duplicated: []wireRegionEntry{}, Exceeded: []wireRegionEntry{}}
	for _, e := range in.Regions {
		e.ImageID, e.TagID = normalID(e.ImageID), normalID(e.TagID)
		im := edits[e.ImageID]
		if im == nil {
			im = c.p.Workspace.get(e.ImageID).edit()
		}
		if slices.ContainsFunc(im.Regions, e.same) {
			out.Duplicated = append(out.Duplicated, e)
			continue
		}
		if len(im.Regions) >= maxRegionsPerImage {
			out.Exceeded = append(out.Exceeded, e)
			continue
		}
		r := e.region(c.now)
		im.Regions = append(im.Regions, r)
		im.addTag(e.TagID, c.now)
		if c.p.tagsFit(im) == tagsMixed {
			return 0, nil, refuse("BadRequestNegativeAndRegularTagOnSameImage", "A negative tag and a regular tag cannot be on the same image.")
		}
		edits[e.ImageID] = im
		out.Created = append(out.Created, wireRegionDone{
			ImageID: e.ImageID, RegionID: r.ID, TagName: tagName(c.p.Tags, e.TagID), Created: stamp(r.Created), TagID: e.TagID,
			Left: num(r.Left), Top: num(r.Top), Width: num(r.Width), Height: num(r.Height),
		})
	}
	c.putEdits(edits)
	if len(out.Exceeded) > 0 {
		return 207, out, nil
	}
	return 200, out, nil
}

func (c *call) checkRegions(entries []wireRegionEntry) error {
	switch {
	case !c.p.detection():
		return refuse("BadRequestImageRegions", "Regions are not supported by a classification project.")
	case len(entries) == 0:
		return refuse("BadRequestImageRegions", "No regions provided")
	case len(entries) > maxBatch:
		return refuse("BadRequestExceededBatchSize", "The batch is limited to %d regions.", maxBatch)
	}
	for _, e := range entries {
		if _, err := c.labelTarget(e.ImageID, e.TagID); err != nil {
			return err
		}
		if !e.inside() {
			return refuse("BadRequestImageRegions", "The region of image %s is outside of the image.", e.ImageID)
		}
	}
	return nil
}

// deleteImageRegions takes a tag off the image with its last region.
func deleteImageRegions(c *call) (int, any, error) {
	ids, err := c.ids("regionIds", maxBatch)
	if err != nil {
		return 0, nil, err
	}
	if len(ids) == 0 {
		return 0, nil, refuse("BadRequestRequiredParamIsNull", "regionIds is required.")
	}
	gone := func(r region) bool { return slices.Contains(ids, r.ID) }
	edits := map[string]*image{}
	for im := range c.p.Workspace.all {
		if !slices.ContainsFunc(im.Regions, gone) {
			continue
		}
		e := im.edit()
		e.Regions = slices.DeleteFunc(e.Regions, gone)
		for _, r := range im.Regions {
			if !slices.ContainsFunc(e.Regions, func(x region) bool { return x.TagID == r.TagID }) {
				e.removeTag(r.TagID)
			}
		}
		edits[im.ID] = e
	}
	c.putEdits(edits)
	return 204, nil, nil
}
