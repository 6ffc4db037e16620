package simulator

import (
	"maps"
	"slices"
)

func deleteImages(c *call) (int, any, error) {
	all, err := c.flag("allImages")
	if err != nil {
		return 0, nil, err
	}
	everywhere, err := c.flag("allIterations")
	if err != nil {
		return 0, nil, err
	}
	ids, err := c.ids("imageIds", maxPage)
	if err != nil {
		return 0, nil, err
	}
	if all == (len(ids) > 0) {
		return 0, nil, refuse("BadRequestImageBatch", "Give either allImages or imageIds.")
	}
	if all {
		ids = c.p.everyImage(everywhere)
	}
	gone := make(map[string]bool, len(ids))
	for _, id := range ids {
		gone[id] = true
	}
	before := c.p.Workspace.len()
	c.p.Workspace.remove(gone)
	if everywhere {
		for _, it := range c.p.Iterations {
			before := it.Images.len()
			it.Images = it.Images.clone() // exports may share it
			it.Images.remove(gone)
			if it.Images.len() != before {
				c.p.Modified = c.now
			}
		}
	}
	if c.p.Workspace.len() != before {
		c.p.changed(c.now)
	}
	if all || everywhere {
		return 202, nil, nil
	}
	return 204, nil, nil
}

func (p *project) everyImage(iterations bool) []string {
	ids := slices.Clone(p.Workspace.order)
	if iterations {
		for _, it := range p.Iterations {
			ids = append(ids, it.Images.order...)
		}
	}
	return ids
}

type wireMetadataSummary struct {
	IsBatchSuccessful bool               `json:"isBatchSuccessful"`
	Images            []wireMetadataDone `json:"images"`
}

type wireMetadataDone struct {
	ImageID  string            `json:"imageId"`
	Status   string            `json:"status"`
	Metadata map[string]string `json:"metadata"`
}

// updateImageMetadata replaces the metadata of every named image.
func updateImageMetadata(c *call) (int, any, error) {
	ids, err := c.ids("imageIds", maxBatch)
	if err != nil {
		return 0, nil, err
	}
	if len(ids) == 0 {
		return 0, nil, refuse("BadRequestRequiredParamIsNull", "imageIds is required.")
	}
	var metadata map[string]string
	if err := c.decode(&metadata, "BadRequest", "The metadata could not be read."); err != nil {
		return 0, nil, err
	}
	tooMany := len(metadata) > c.r.opt.Limits.MetadataPairs
	if !tooMany {
		if err := c.checkMetadata(metadata); err != nil {
			return 0, nil, err
		}
	}
	out := wireMetadataSummary{IsBatchSuccessful: true}
	for _, id := range ids {
		done := wireMetadataDone{ImageID: id, Status: "OK", Metadata: metadata}
		switch im := c.p.Workspace.get(id); {
		case im == nil:
			done.Status, done.Metadata = "ErrorImageNotFound", nil
		case tooMany:
			done.Status, done.Metadata = "ErrorLimitExceed", nil
		default:
			e := im.edit()
			e.Metadata = maps.Clone(metadata)
			c.p.Workspace.put(e)
			c.p.Modified = c.now
		}
		out.IsBatchSuccessful = out.IsBatchSuccessful && done.Status == "OK"
		out.Images = append(out.Images, done)
	}
	if !out.IsBatchSuccessful {
		return 207, out, nil
	}
	return 200, out, nil
}
