package simulator

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"strings"
	"sync"
)

const noFiles = "No valid image files"

func createImagesFromFiles(c *call) (int, any, error) {
	if err := c.readBody(); err != nil {
		return 0, nil, err
	}
	in, err := c.decodeFiles()
	if err != nil {
		return 0, nil, err
	}
	b := &createBatch{tagIDs: in.TagIDs, metadata: in.Metadata}
	for _, i := range in.Images {
		b.uploads = append(b.uploads, &upload{source: i.Name, data: i.Contents.data, tagIDs: i.TagIDs, regions: i.Regions})
		size := len(i.Contents.data)
		c.r.receive(Received{Uploaded: int64(size), Encoded: int64(base64.StdEncoding.EncodedLen(size))})
	}
	if err := b.check(noFiles); err != nil {
		return 0, nil, err
	}
	return c.create(b)
}

func createImagesFromURLs(c *call) (int, any, error) {
	const noURLs = "No image urls provided"
	if err := c.readBody(); err != nil {
		return 0, nil, err
	}
	var in struct {
		Images []struct {
			URL     string            `json:"url"`
			TagIDs  []string          `json:"tagIds"`
			Regions []wireRegionEntry `json:"regions"`
		} `json:"images"`
		TagIDs   []string          `json:"tagIds"`
		Metadata map[string]string `json:"metadata"`
	}
	if err := c.decode(&in, "BadRequestImageBatch", noURLs); err != nil {
		return 0, nil, err
	}
	b := &createBatch{tagIDs: in.TagIDs, metadata: in.Metadata}
	for _, i := range in.Images {
		b.uploads = append(b.uploads, &upload{source: i.URL, tagIDs: i.TagIDs, regions: i.Regions})
	}
	if err := b.check(noURLs); err != nil {
		return 0, nil, err
	}
	c.fetch(b.uploads)
	return c.create(b)
}

// fetch reads the pictures of a batch from their addresses, a few at a time.
func (c *call) fetch(uploads []*upload) {
	var wg sync.WaitGroup
	slots := make(chan struct{}, 8)
	for _, u := range uploads {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			data, err := c.s.fetchOne(c.req.Context(), u.source)
			if err != nil {
				u.status = "ErrorSource"
			}
			u.data = data
			c.r.receive(Received{Fetched: int64(len(data))})
		})
	}
	wg.Wait()
}

// fetchOne reads one picture, and no more of it than shows that it is too
// large.
func (s *Service) fetchOne(ctx context.Context, url string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	resp, err := s.opt.HTTPClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, errors.New(resp.Status)
	}
	return io.ReadAll(io.LimitReader(resp.Body, maxImageBytes+1))
}

// createImagesFromData takes one picture as the body, or several as the
// parts of a form.
func createImagesFromData(c *call) (int, any, error) {
	if err := c.readBody(); err != nil {
		return 0, nil, err
	}
	b := &createBatch{quoted: true}
	if text := c.query["tagids"]; text != "" {
		b.tagIDs = strings.Split(text, ",")
	}
	ct, params, err := mime.ParseMediaType(c.req.Header.Get("Content-Type"))
	switch {
	case err == nil && ct == "application/octet-stream":
		if len(c.body) > 0 {
			b.uploads = []*upload{{data: c.body}}
		}
	case err == nil && ct == "multipart/form-data":
		if b.uploads, err = parts(multipart.NewReader(bytes.NewReader(c.body), params["boundary"])); err != nil {
			return 0, nil, refuse("BadRequestImageStream", "The form could not be read.")
		}
	default:
		return 0, nil, refuse("UnsupportedMediaType", "The content type %q is not supported here.", c.req.Header.Get("Content-Type"))
	}
	for _, u := range b.uploads {
		c.r.receive(Received{Uploaded: int64(len(u.data))})
	}
	if err := b.check(noFiles); err != nil {
		return 0, nil, err
	}
	return c.create(b)
}

func parts(form *multipart.Reader) ([]*upload, error) {
	var uploads []*upload
	for {
		part, err := form.NextPart()
		if err == io.EOF {
			return uploads, nil
		}
		if err != nil {
			return nil, err
		}
		data, err := io.ReadAll(part)
		if err != nil {
			return nil, err
		}
		uploads = append(uploads, &upload{source: part.FileName(), data: data})
	}
}
