package customvision

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"cvarchive/manifest"
)

// imageRegion is a region as the service lists it. ImageID is set in the
// answers to CreateImageRegions only.
type imageRegion struct {
	ImageID  string             `json:"imageId"`
	RegionID string             `json:"regionId"`
	TagID    string             `json:"tagId"`
	TagName  string             `json:"tagName"`
	Created  manifest.Timestamp `json:"created"`
	Left     json.Number        `json:"left"`
	Top      json.Number        `json:"top"`
	Width    json.Number        `json:"width"`
	Height   json.Number        `json:"height"`
}

func (r imageRegion) record() manifest.Region {
	return manifest.Region{
		ID: r.RegionID, TagID: r.TagID, TagName: r.TagName, Created: r.Created,
		Left: r.Left, Top: r.Top, Width: r.Width, Height: r.Height,
	}
}

func (r imageRegion) entry() manifest.ImageRegionEntry {
	return manifest.ImageRegionEntry{ImageID: r.ImageID, Region: r.record()}
}

// newRegion is a region as requests spell it; the numbers go out as the text
// that is in the record.
type newRegion struct {
	ImageID string      `json:"imageId,omitempty"`
	TagID   string      `json:"tagId"`
	Left    json.Number `json:"left"`
	Top     json.Number `json:"top"`
	Width   json.Number `json:"width"`
	Height  json.Number `json:"height"`
}

func newRegions(regions []manifest.Region) ([]newRegion, error) {
	var out []newRegion
	for _, r := range regions {
		n, err := regionRequest("", r)
		if err != nil {
			return nil, err
		}
		out = append(out, n)
	}
	return out, nil
}

func regionRequest(imageID string, r manifest.Region) (newRegion, error) {
	if r.TagID == "" || r.Left == "" || r.Top == "" || r.Width == "" || r.Height == "" {
		// An empty number would go out as 0, and change what the label says.
		return newRegion{}, fmt.Errorf("region %s lacks its tag or a coordinate", r.ID)
	}
	return newRegion{ImageID: imageID, TagID: r.TagID, Left: r.Left, Top: r.Top, Width: r.Width, Height: r.Height}, nil
}

// CreateImageRegions adds regions to images (CreateImageRegions), at most
// [manifest.MaxBatch]. A region that is there already is answered as
// duplicated.
func (c *Client) CreateImageRegions(ctx context.Context, projectID string, entries []manifest.ImageRegionEntry) (manifest.RegionSummary, error) {
	const operation = "CreateImageRegions"
	if err := atMost(operation, "regions", len(entries), manifest.MaxBatch); err != nil {
		return manifest.RegionSummary{}, err
	}
	var batch struct {
		Regions []newRegion `json:"regions"`
	}
	for _, e := range entries {
		r, err := regionRequest(e.ImageID, e.Region)
		if err != nil {
			return manifest.RegionSummary{}, fmt.Errorf("%s: image %s: %w", operation, e.ImageID, err)
		}
		batch.Regions = append(batch.Regions, r)
	}
	k, err := send(http.MethodPost, operation, batch, "projects", projectID, "images", "regions")
	if err != nil {
		return manifest.RegionSummary{}, err
	}
	var s struct {
		Created    []imageRegion `json:"created"`
		Duplicated []imageRegion `json:"duplicated"`
		Exceeded   []imageRegion `json:"exceeded"`
	}
	if err := c.do(ctx, k, &s); err != nil {
		return manifest.RegionSummary{}, err
	}
	return manifest.RegionSummary{
		Created:    convert(s.Created, imageRegion.entry),
		Duplicated: convert(s.Duplicated, imageRegion.entry),
		Exceeded:   convert(s.Exceeded, imageRegion.entry),
	}, nil
}

// DeleteImageRegions deletes regions (DeleteImageRegions), at most
// [manifest.MaxBatch].
func (c *Client) DeleteImageRegions(ctx context.Context, projectID string, regionIDs []string) error {
	k := call{operation: "DeleteImageRegions", method: http.MethodDelete, path: []string{"projects", projectID, "images", "regions"}}
	if err := atMost(k.operation, "region ids", len(regionIDs), manifest.MaxBatch); err != nil {
		return err
	}
	k.query.list("regionIds", regionIDs)
	return c.do(ctx, k, nil)
}
