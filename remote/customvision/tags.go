package customvision

import (
	"context"
	"net/http"

	"cvarchive/manifest"
)

type tag struct {
	ID          string `json:"id"`
	Name        string `json:"name"`
	Description string `json:"description"`
	Type        string `json:"type"`
	ImageCount  int    `json:"imageCount"`

	extra manifest.Extra
}

// UnmarshalJSON implements [json.Unmarshaler].
func (t *tag) UnmarshalJSON(data []byte) (err error) {
	type plain tag
	t.extra, err = unmarshalKeeping(data, (*plain)(t))
	return err
}

func (t tag) record() manifest.Tag {
	return manifest.Tag{ID: t.ID, Name: t.Name, Description: t.Description, Type: t.Type, ImageCount: t.ImageCount, Extra: t.extra}
}

// Tags lists the tags of a project's workspace or of an iteration (GetTags).
func (c *Client) Tags(ctx context.Context, projectID, iterationID string) ([]manifest.Tag, error) {
	k := get("GetTags", "projects", projectID, "tags")
	k.query.opt("iterationId", iterationID)
	var found []tag
	if err := c.do(ctx, k, &found); err != nil {
		return nil, err
	}
	return convert(found, tag.record), nil
}

// CreateTag creates a tag (CreateTag) with the name, description and type of
// t. It is not repeated after a lost answer.
func (c *Client) CreateTag(ctx context.Context, projectID string, t manifest.Tag) (manifest.Tag, error) {
	k := call{operation: "CreateTag", method: http.MethodPost, path: []string{"projects", projectID, "tags"}, once: true}
	k.query.set("name", t.Name)
	k.query.opt("description", t.Description)
	k.query.opt("type", t.Type)
	return c.tag(ctx, k)
}

// UpdateTag sets the name, description and type of the tag t.ID (UpdateTag).
func (c *Client) UpdateTag(ctx context.Context, projectID string, t manifest.Tag) (manifest.Tag, error) {
	update := struct {
		Name        string `json:"name"`
		Description string `json:"description"`
		Type        string `json:"type"`
	}{t.Name, t.Description, t.Type}
	k, err := send(http.MethodPatch, "UpdateTag", update, "projects", projectID, "tags", t.ID)
	if err != nil {
		return manifest.Tag{}, err
	}
	return c.tag(ctx, k)
}

// DeleteTag deletes a tag from a project and its images (DeleteTag).
func (c *Client) DeleteTag(ctx context.Context, projectID, tagID string) error {
	return c.do(ctx, call{operation: "DeleteTag", method: http.MethodDelete, path: []string{"projects", projectID, "tags", tagID}}, nil)
}

func (c *Client) tag(ctx context.Context, k call) (manifest.Tag, error) {
	var t tag
	if err := c.do(ctx, k, &t); err != nil {
		return manifest.Tag{}, err
	}
	return t.record(), nil
}

// CreateImageTags puts tags on images (CreateImageTags), at most
// [manifest.MaxTagBatch]. A tag that is there already is answered as
// duplicated.
func (c *Client) CreateImageTags(ctx context.Context, projectID string, entries []manifest.ImageTagEntry) (manifest.TagSummary, error) {
	const operation = "CreateImageTags"
	if err := atMost(operation, "tags", len(entries), manifest.MaxTagBatch); err != nil {
		return manifest.TagSummary{}, err
	}
	type entry struct {
		ImageID string `json:"imageId"`
		TagID   string `json:"tagId"`
	}
	type batch struct {
		Tags []entry `json:"tags"`
	}
	request := batch{convert(entries, func(e manifest.ImageTagEntry) entry { return entry(e) })}
	k, err := send(http.MethodPost, operation, request, "projects", projectID, "images", "tags")
	if err != nil {
		return manifest.TagSummary{}, err
	}
	var s struct {
		Created    []entry `json:"created"`
		Duplicated []entry `json:"duplicated"`
		Exceeded   []entry `json:"exceeded"`
	}
	if err := c.do(ctx, k, &s); err != nil {
		return manifest.TagSummary{}, err
	}
	record := func(e entry) manifest.ImageTagEntry { return manifest.ImageTagEntry(e) }
	return manifest.TagSummary{
		Created:    convert(s.Created, record),
		Duplicated: convert(s.Duplicated, record),
		Exceeded:   convert(s.Exceeded, record),
	}, nil
}

// DeleteImageTags takes every given tag off every given image
// (DeleteImageTags): at most [manifest.MaxBatch] images and
// [manifest.MaxBatchTags] tags.
func (c *Client) DeleteImageTags(ctx context.Context, projectID string, imageIDs, tagIDs []string) error {
	k := call{operation: "DeleteImageTags", method: http.MethodDelete, path: []string{"projects", projectID, "images", "tags"}}
	if err := atMost(k.operation, "image ids", len(imageIDs), manifest.MaxBatch); err != nil {
		return err
	}
	if err := atMost(k.operation, "tag ids", len(tagIDs), manifest.MaxBatchTags); err != nil {
		return err
	}
	k.query.list("imageIds", imageIDs)
	k.query.list("tagIds", tagIDs)
	return c.do(ctx, k, nil)
}
