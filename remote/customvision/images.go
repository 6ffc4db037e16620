package customvision

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"path"
	"strings"

	"cvarchive/manifest"
)

type image struct {
	ID               string             `json:"id"`
	Created          manifest.Timestamp `json:"created"`
	Width            int                `json:"width"`
	Height           int                `json:"height"`
	ResizedImageURI  string             `json:"resizedImageUri"`
	ThumbnailURI     json.RawMessage    `json:"thumbnailUri"` // a signed link: known, and dropped
	OriginalImageURI string             `json:"originalImageUri"`
	Tags             []imageTag         `json:"tags"`
	Regions          []imageRegion      `json:"regions"`
	Metadata         map[string]string  `json:"metadata"`

	extra manifest.Extra
}

// plainImage is an image without fields that are not known.
type plainImage image

// UnmarshalJSON implements [json.Unmarshaler].
func (i *image) UnmarshalJSON(data []byte) (err error) {
	i.extra, err = unmarshalKeeping(data, (*plainImage)(i))
	return err
}

// imagePage is an answer that lists images.
type imagePage []image

// decode implements [decoder]. Nearly always every field is known, and then
// the page is read at once: one image after the other, each of them would be
// looked at four times.
func (p *imagePage) decode(data []byte) error {
	var plain []plainImage
	if unmarshalKnown(data, &plain) != nil {
		return json.Unmarshal(data, (*[]image)(p))
	}
	*p = make(imagePage, len(plain))
	for i := range plain {
		(*p)[i] = image(plain[i])
	}
	return nil
}

type imageTag struct {
	TagID   string             `json:"tagId"`
	TagName string             `json:"tagName"`
	Created manifest.Timestamp `json:"created"`
}

func (i image) record() manifest.ListedImage {
	return manifest.ListedImage{
		Image: manifest.Image{
			ID: i.ID, Created: i.Created, Width: i.Width, Height: i.Height,
			Tags:     convert(i.Tags, func(t imageTag) manifest.ImageTag { return manifest.ImageTag(t) }),
			Regions:  convert(i.Regions, imageRegion.record),
			Metadata: i.Metadata,
			Blob:     blobOf(i.OriginalImageURI, i.ResizedImageURI),
			Extra:    i.extra,
		},
		OriginalURI: manifest.NewSecret(i.OriginalImageURI),
		ResizedURI:  manifest.NewSecret(i.ResizedImageURI),
	}
}

// blobOf says which of the service's blobs the original link leads to. The
// service names them o-<id> (the upload), i-<id> (resized), t-<id>
// (thumbnail); where nothing was resized, both links lead to the same blob.
func blobOf(original, resized string) string {
	o, r := linkPath(original), linkPath(resized)
	name := path.Base(o)
	switch {
	case o == "" && r == "":
		return ""
	case o == "" || o == r || strings.HasPrefix(name, "i-"):
		return manifest.BlobResized
	default:
		return manifest.BlobOriginal
	}
}

// linkPath is a link without its signature, which differs between two links
// to one blob.
func linkPath(link string) string {
	scheme, rest, _ := strings.Cut(link, "://")
	rest, _, _ = strings.Cut(rest, "?")
	if (scheme == "https" || scheme == "http") && !strings.ContainsAny(rest, "%#@") {
		return rest // what the parser would say, of two links an image
	}
	u, err := url.Parse(link)
	if err != nil {
		return link
	}
	return u.Host + u.Path
}

// Images lists a page of a project's images, oldest first (GetImages). Take
// 0 asks for the largest page.
func (c *Client) Images(ctx context.Context, projectID string, q manifest.ImageQuery) ([]manifest.ListedImage, error) {
	k := get("GetImages", "projects", projectID, "images")
	if q.Status != "" && q.Status != "All" {
		k.query.set("taggingStatus", q.Status)
	}
	return c.imagePage(ctx, k, q)
}

// TaggedImages lists a page of the images with tags, oldest first
// (GetTaggedImages). The query's Status is not used.
func (c *Client) TaggedImages(ctx context.Context, projectID string, q manifest.ImageQuery) ([]manifest.ListedImage, error) {
	return c.imagePage(ctx, get("GetTaggedImages", "projects", projectID, "images", "tagged"), q)
}

// UntaggedImages lists a page of the images without tags, oldest first
// (GetUntaggedImages). The query's Status is not used.
func (c *Client) UntaggedImages(ctx context.Context, projectID string, q manifest.ImageQuery) ([]manifest.ListedImage, error) {
	return c.imagePage(ctx, get("GetUntaggedImages", "projects", projectID, "images", "untagged"), q)
}

func (c *Client) imagePage(ctx context.Context, k call, q manifest.ImageQuery) ([]manifest.ListedImage, error) {
	if q.Take < 0 || q.Take > manifest.MaxPage || q.Skip < 0 {
		return nil, fmt.Errorf("%s: a page holds up to %d images, from 0 on; skip %d, take %d was asked for", k.operation, manifest.MaxPage, q.Skip, q.Take)
	}
	if q.Take == 0 {
		q.Take = manifest.MaxPage
	}
	k.query.opt("iterationId", q.IterationID)
	k.query.set("orderBy", "Oldest")
	k.query.number("take", q.Take)
	k.query.number("skip", q.Skip)
	return c.images(ctx, k)
}

func (c *Client) images(ctx context.Context, k call) ([]manifest.ListedImage, error) {
	var found imagePage
	if err := c.do(ctx, k, &found); err != nil {
		return nil, err
	}
	return convert(found, image.record), nil
}

// ImagesByIDs returns images with fresh links (GetImagesByIds), at most
// [manifest.MaxPage]. Ids that do not exist are left out by the service.
func (c *Client) ImagesByIDs(ctx context.Context, projectID, iterationID string, ids []string) ([]manifest.ListedImage, error) {
	k := get("GetImagesByIds", "projects", projectID, "images", "id")
	if err := atMost(k.operation, "image ids", len(ids), manifest.MaxPage); err != nil {
		return nil, err
	}
	k.query.list("imageIds", ids)
	k.query.opt("iterationId", iterationID)
	return c.images(ctx, k)
}

// ImageCount counts a project's images (GetImageCount).
func (c *Client) ImageCount(ctx context.Context, projectID, iterationID string) (int, error) {
	return c.count(ctx, iterationID, get("GetImageCount", "projects", projectID, "images", "count"))
}

// TaggedImageCount counts the images with tags (GetTaggedImageCount).
func (c *Client) TaggedImageCount(ctx context.Context, projectID, iterationID string) (int, error) {
	return c.count(ctx, iterationID, get("GetTaggedImageCount", "projects", projectID, "images", "tagged", "count"))
}

// UntaggedImageCount counts the images without tags (GetUntaggedImageCount).
func (c *Client) UntaggedImageCount(ctx context.Context, projectID, iterationID string) (int, error) {
	return c.count(ctx, iterationID, get("GetUntaggedImageCount", "projects", projectID, "images", "untagged", "count"))
}

func (c *Client) count(ctx context.Context, iterationID string, k call) (int, error) {
	k.query.opt("iterationId", iterationID)
	var n int
	err := c.do(ctx, k, &n)
	return n, err
}

// ImageDeletion says what DeleteImages deletes: either some ids or All.
type ImageDeletion struct {
	IDs           []string // at most [manifest.MaxPage]
	All           bool     // every image of the workspace
	AllIterations bool     // from the iterations too
}

// DeleteImages deletes images (DeleteImages). With All or AllIterations the
// service goes on deleting after it has answered.
func (c *Client) DeleteImages(ctx context.Context, projectID string, d ImageDeletion) error {
	k := call{operation: "DeleteImages", method: http.MethodDelete, path: []string{"projects", projectID, "images"}}
	if d.All == (len(d.IDs) > 0) {
		return fmt.Errorf("%s: give image ids, or ask for all images", k.operation)
	}
	if err := atMost(k.operation, "image ids", len(d.IDs), manifest.MaxPage); err != nil && !d.All {
		return err
	}
	k.query.list("imageIds", d.IDs)
	k.query.flag("allImages", d.All)
	k.query.flag("allIterations", d.AllIterations)
	return c.do(ctx, k, nil)
}

// atMost refuses a batch that the service would refuse, or that is empty.
func atMost(operation, what string, n, limit int) error {
	if n == 0 {
		return fmt.Errorf("%s: no %s were given", operation, what)
	}
	if n > limit {
		return fmt.Errorf("%s: %d %s were given; one call takes at most %d", operation, n, what, limit)
	}
	return nil
}
