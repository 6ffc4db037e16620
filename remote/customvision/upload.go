package customvision

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"mime/multipart"
	"net/http"

	"cvarchive/manifest"
)

type imageCreateSummary struct {
	IsBatchSuccessful bool                `json:"isBatchSuccessful"`
	Images            []imageCreateResult `json:"images"`
}

type imageCreateResult struct {
	SourceURL string `json:"sourceUrl"`
	Status    string `json:"status"`
	Image     *image `json:"image"`
}

func (s imageCreateSummary) record() manifest.ImageCreateSummary {
	return manifest.ImageCreateSummary{
		IsBatchSuccessful: s.IsBatchSuccessful,
		Images: convert(s.Images, func(r imageCreateResult) manifest.ImageCreateResult {
			out := manifest.ImageCreateResult{SourceURL: r.SourceURL, Status: r.Status}
			if r.Image != nil {
				listed := r.Image.record()
				out.Image = &listed
			}
			return out
		}),
	}
}

// newImage is an entry of a create batch, except for a file's contents.
type newImage struct {
	Name    string      `json:"name,omitempty"`
	URL     string      `json:"url,omitempty"`
	TagIDs  []string    `json:"tagIds,omitempty"`
	Regions []newRegion `json:"regions,omitempty"`
}

// batchRest is what a create batch says of all its images.
type batchRest struct {
	TagIDs   []string          `json:"tagIds,omitempty"`
	Metadata map[string]string `json:"metadata,omitempty"`
}

// CreateImagesFromFiles uploads images (CreateImagesFromFiles). Read every
// result's status: a partly failed batch is no error. After a lost answer
// the batch is sent again, and what had arrived answers OKDuplicate.
//
// The request holds no other copy of the bytes.
func (c *Client) CreateImagesFromFiles(ctx context.Context, projectID string, b manifest.ImageBatch) (manifest.ImageCreateSummary, error) {
	const operation = "CreateImagesFromFiles"
	body, err := fileBatch(b)
	if err != nil {
		return manifest.ImageCreateSummary{}, fmt.Errorf("%s: %w", operation, err)
	}
	return c.createImages(ctx, call{
		operation: operation, method: http.MethodPost,
		path: []string{"projects", projectID, "images", "files"}, body: body,
	})
}

// CreateImagesFromURLs has the service fetch images by itself
// (CreateImagesFromUrls). Results are as for
// [Client.CreateImagesFromFiles]; their SourceURL is the whole URL, its
// signature included.
func (c *Client) CreateImagesFromURLs(ctx context.Context, projectID string, b manifest.ImageBatch) (manifest.ImageCreateSummary, error) {
	const operation = "CreateImagesFromUrls"
	if err := checkBatch(b, checkURL); err != nil {
		return manifest.ImageCreateSummary{}, fmt.Errorf("%s: %w", operation, err)
	}
	request := struct {
		Images []newImage `json:"images"`
		batchRest
	}{batchRest: batchRest{b.TagIDs, b.Metadata}}
	for i := range b.Images {
		n, err := entryOf(&b.Images[i])
		if err != nil {
			return manifest.ImageCreateSummary{}, fmt.Errorf("%s: %w", operation, err)
		}
		n.Name, n.URL = "", b.Images[i].URL.Reveal()
		request.Images = append(request.Images, n)
	}
	k, err := send(http.MethodPost, operation, request, "projects", projectID, "images", "urls")
	if err != nil {
		return manifest.ImageCreateSummary{}, err
	}
	return c.createImages(ctx, k)
}

// CreateImagesFromData uploads images as a form (CreateImagesFromData): names
// and contents only, with the batch's tags on all of them. Results are as for
// [Client.CreateImagesFromFiles].
func (c *Client) CreateImagesFromData(ctx context.Context, projectID string, b manifest.ImageBatch) (manifest.ImageCreateSummary, error) {
	const operation = "CreateImagesFromData"
	if err := checkBatch(b, checkPlainFile); err != nil {
		return manifest.ImageCreateSummary{}, fmt.Errorf("%s: %w", operation, err)
	}
	if len(b.Metadata) > 0 {
		return manifest.ImageCreateSummary{}, fmt.Errorf("%s: a form carries no metadata", operation)
	}
	body, contentType, err := formBatch(b.Images)
	if err != nil {
		return manifest.ImageCreateSummary{}, fmt.Errorf("%s: encode the request: %w", operation, err)
	}
	k := call{
		operation: operation, method: http.MethodPost,
		path: []string{"projects", projectID, "images"}, body: payload{{text: body}}, contentType: contentType,
	}
	k.query.list("tagIds", b.TagIDs)
	return c.createImages(ctx, k)
}

func (c *Client) createImages(ctx context.Context, k call) (manifest.ImageCreateSummary, error) {
	var s imageCreateSummary
	if err := c.do(ctx, k, &s); err != nil {
		return manifest.ImageCreateSummary{}, err
	}
	return s.record(), nil
}

// checkBatch refuses what the service would refuse after the upload.
func checkBatch(b manifest.ImageBatch, check func(*manifest.NewImage) error) error {
	if n := len(b.Images); n == 0 || n > manifest.MaxBatch {
		return fmt.Errorf("%d images were given; one call takes 1 to %d", n, manifest.MaxBatch)
	}
	tags := map[string]bool{}
	count := func(ids []string) {
		for _, id := range ids {
			tags[id] = true
		}
	}
	count(b.TagIDs)
	for i := range b.Images {
		img := &b.Images[i]
		if err := check(img); err != nil {
			return err
		}
		if n := len(img.Regions); n > manifest.MaxRegionsPerImage {
			return fmt.Errorf("image %q has %d regions; the service takes at most %d", img.Name, n, manifest.MaxRegionsPerImage)
		}
		count(img.TagIDs)
		for _, r := range img.Regions {
			count([]string{r.TagID})
		}
	}
	if len(tags) > manifest.MaxBatchTags {
		return fmt.Errorf("the images carry %d distinct tags; one call takes at most %d", len(tags), manifest.MaxBatchTags)
	}
	return nil
}

func checkURL(img *manifest.NewImage) error {
	if img.URL.IsZero() || img.Contents != nil {
		return fmt.Errorf("image %q: a URL is needed, and no contents", img.Name)
	}
	return nil
}

func checkFile(img *manifest.NewImage) error {
	switch n := len(img.Contents); {
	case img.Name == "" || !img.URL.IsZero():
		return fmt.Errorf("image %q: a name and contents are needed, and no URL", img.Name)
	case n == 0:
		return fmt.Errorf("image %q has no contents", img.Name)
	case n > manifest.MaxImageBytes:
		return fmt.Errorf("image %q has %d bytes; the service takes at most %d", img.Name, n, manifest.MaxImageBytes)
	}
	return nil
}

func checkPlainFile(img *manifest.NewImage) error {
	if len(img.TagIDs) > 0 || len(img.Regions) > 0 {
		return fmt.Errorf("image %q: a form carries no tags or regions of single images", img.Name)
	}
	return checkFile(img)
}

func entryOf(img *manifest.NewImage) (newImage, error) {
	regions, err := newRegions(img.Regions)
	if err != nil {
		return newImage{}, fmt.Errorf("image %q: %w", img.Name, err)
	}
	return newImage{Name: img.Name, TagIDs: img.TagIDs, Regions: regions}, nil
}

// fileBatch encodes a batch of files by hand: encoding/json would hold the
// bytes several times over.
func fileBatch(b manifest.ImageBatch) (payload, error) {
	names := map[string]bool{}
	err := checkBatch(b, func(img *manifest.NewImage) error {
		if names[img.Name] {
			return fmt.Errorf("two images are named %q; results are told apart by name", img.Name)
		}
		names[img.Name] = true
		return checkFile(img)
	})
	if err != nil {
		return nil, err
	}
	var body payload
	text := []byte(`{"images":[`)
	for i := range b.Images {
		entry, err := entryOf(&b.Images[i])
		if err != nil {
			return nil, err
		}
		head, err := json.Marshal(entry)
		if err != nil {
			return nil, fmt.Errorf("image %q: encode the request: %w", b.Images[i].Name, err)
		}
		if i > 0 {
			text = append(text, ',')
		}
		body = append(body, part{append(text, `{"contents":"`...), b.Images[i].Contents})
		// An entry has a name, so it is never "{}".
		text = append([]byte(`",`), head[1:]...)
	}
	rest, err := json.Marshal(batchRest{b.TagIDs, b.Metadata})
	if err != nil {
		return nil, fmt.Errorf("encode the request: %w", err)
	}
	text = append(text, ']')
	if len(rest) > len("{}") {
		text = append(text, ',')
	}
	return append(body, part{text: append(text, rest[1:]...)}), nil
}

// formBatch encodes images as a form with one part each.
func formBatch(images []manifest.NewImage) (body []byte, contentType string, err error) {
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for i := range images {
		part, createErr := w.CreateFormFile("imageData", images[i].Name)
		if createErr == nil {
			_, createErr = part.Write(images[i].Contents)
		}
		err = errors.Join(err, createErr)
	}
	err = errors.Join(err, w.Close())
	return b.Bytes(), w.FormDataContentType(), err
}
