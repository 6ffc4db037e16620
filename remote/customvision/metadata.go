package customvision

import (
	"context"
	"net/http"

	"cvarchive/manifest"
)

// UpdateImageMetadata sets the same metadata on several images
// (UpdateImageMetadata), at most [manifest.MaxMetadataIDs]. Read every
// result's status: a partly failed call is no error.
func (c *Client) UpdateImageMetadata(ctx context.Context, projectID string, imageIDs []string, metadata map[string]string) ([]manifest.MetadataResult, error) {
	const operation = "UpdateImageMetadata"
	if err := atMost(operation, "image ids", len(imageIDs), manifest.MaxMetadataIDs); err != nil {
		return nil, err
	}
	if metadata == nil {
		metadata = map[string]string{}
	}
	k, err := send(http.MethodPost, operation, metadata, "projects", projectID, "images", "metadata")
	if err != nil {
		return nil, err
	}
	k.query.list("imageIds", imageIDs)
	type result struct {
		ImageID string `json:"imageId"`
		Status  string `json:"status"`
	}
	var s struct {
		Images []result `json:"images"`
	}
	if err := c.do(ctx, k, &s); err != nil {
		return nil, err
	}
	return convert(s.Images, func(r result) manifest.MetadataResult { return manifest.MetadataResult(r) }), nil
}
