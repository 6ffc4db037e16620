package simulator

import (
	"slices"
)

func getImages(c *call) (int, any, error) {
	status, err := c.oneOf("taggingStatus", "BadRequestInvalid", "All", "Tagged", "Untagged")
	if err != nil {
		return 0, nil, err
	}
	return c.listImages(status)
}

func getTaggedImages(c *call) (int, any, error)   { return c.listImages("Tagged") }
func getUntaggedImages(c *call) (int, any, error) { return c.listImages("Untagged") }

func getImageCount(c *call) (int, any, error) {
	status, err := c.oneOf("taggingStatus", "BadRequestInvalid", "All", "Tagged", "Untagged")
	if err != nil {
		return 0, nil, err
	}
	return c.countImages(status)
}

func getTaggedImageCount(c *call) (int, any, error)   { return c.countImages("Tagged") }
func getUntaggedImageCount(c *call) (int, any, error) { return c.countImages("Untagged") }

// page is which part of a list a call asks for.
type page struct {
	newest     bool
	skip, take int
}

func (c *call) page() (page, error) {
	order, err := c.oneOf("orderBy", "BadRequestInvalid", "Newest", "Oldest")
	if err != nil {
		return page{}, err
	}
	take, err := c.number("take", defaultPage, 0, maxPage)
	if err != nil {
		return page{}, err
	}
	skip, err := c.number("skip", 0, 0, 1<<31-1)
	return page{newest: order == "Newest", skip: skip, take: take}, err
}

// cut takes the page out of a list that is oldest first.
func (p page) cut(ids []string) []string {
	from := min(p.skip, len(ids))
	to := min(from+p.take, len(ids))
	if !p.newest {
		return ids[from:to]
	}
	out := slices.Clone(ids[len(ids)-to : len(ids)-from])
	slices.Reverse(out)
	return out
}

// selection are the ids of the images that a call's filters let pass, oldest
// first.
func (c *call) selection(s scope, status string, tagLimit int) ([]string, error) {
	tagIDs, err := c.ids("tagIds", tagLimit)
	if err != nil {
		return nil, err
	}
	filter, err := parseFilter(c.query["$filter"])
	if err != nil {
		return nil, err
	}
	if status == "All" && len(tagIDs) == 0 && filter == nil {
		return s.images.order, nil
	}
	var ids []string
	for im := range s.images.all {
		if (status == "Tagged" && len(im.Tags) == 0) || (status == "Untagged" && len(im.Tags) > 0) {
			continue
		}
		if len(tagIDs) > 0 && !slices.ContainsFunc(tagIDs, im.hasTag) {
			continue
		}
		if filter == nil || filter.match(im.Metadata) {
			ids = append(ids, im.ID)
		}
	}
	return ids, nil
}

func (c *call) listImages(status string) (int, any, error) {
	s, err := c.scope()
	if err != nil {
		return 0, nil, err
	}
	p, err := c.page()
	if err != nil {
		return 0, nil, err
	}
	ids, err := c.selection(s, status, maxBatchTags)
	if err != nil {
		return 0, nil, err
	}
	var images []*image
	for _, id := range p.cut(ids) {
		images = append(images, s.images.get(id))
	}
	return 200, c.listOf(images, s), nil
}

func (c *call) countImages(status string) (int, any, error) {
	s, err := c.scope()
	if err != nil {
		return 0, nil, err
	}
	ids, err := c.selection(s, status, maxPage)
	if err != nil {
		return 0, nil, err
	}
	return 200, len(ids), nil
}

// getImagesByIDs leaves out ids that are unknown; without ids it returns
// nothing.
func getImagesByIDs(c *call) (int, any, error) {
	s, err := c.scope()
	if err != nil {
		return 0, nil, err
	}
	ids, err := c.ids("imageIds", maxPage)
	if err != nil {
		return 0, nil, err
	}
	var images []*image
	for _, id := range ids {
		if im := s.images.get(id); im != nil {
			images = append(images, im)
		}
	}
	return 200, c.listOf(images, s), nil
}

// getRegionProposals answers what the service answers when it sees nothing.
func getRegionProposals(c *call) (int, any, error) {
	if c.p.Workspace.get(c.vars["image"]) == nil {
		return 0, nil, refuse("NotFoundImage", "The image %s does not exist.", c.vars["image"])
	}
	return 200, map[string]any{"projectId": c.p.ID, "imageId": c.vars["image"], "proposals": []any{}}, nil
}

// queryPredictions answers what the service answers for a project that has
// stored no predictions.
func queryPredictions(c *call) (int, any, error) {
	var token map[string]any
	if err := c.decode(&token, "BadRequestPredictionInvalidQueryParameters", "The query could not be read."); err != nil {
		return 0, nil, err
	}
	return 200, map[string]any{"token": token, "results": []any{}}, nil
}
