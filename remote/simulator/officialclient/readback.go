package officialclient

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/Azure/azure-sdk-for-go/services/cognitiveservices/v3.3/customvision/training"
	"github.com/Azure/go-autorest/autorest"
	"github.com/gofrs/uuid"
)

// New makes the official client for a resource.
func New(endpoint, key string) training.BaseClient {
	c := training.New(endpoint)
	c.Authorizer = autorest.NewAPIKeyAuthorizerWithHeaders(map[string]any{"Training-Key": key})
	c.RetryAttempts = 1 // errors are looked at, not waited out
	return c
}

// Project is a project as the official client reads it, by names instead of
// ids, so that a copy compares equal.
type Project struct {
	Name, Description, Status string
	DomainID                  string
	Classification            string // empty for detection
	Platforms                 []string
	Augmentation              map[string]bool
	NegativeSet               bool
	Tags                      []Tag      // by name
	Images                    []Image    // oldest first
	Iterations                []string   // names of the trained ones, in the service's order
	Training                  *Iteration // the latest trained one, if any
}

// Iteration is what a trained iteration says of itself.
type Iteration struct {
	Name, Published, OriginalPublishResourceID string
	Precision, Recall                          float64
}

// Tag is a tag with its count of images.
type Tag struct {
	Name, Description, Type string
	ImageCount              int
}

// Image is an image with the bytes behind its original link.
type Image struct {
	Width, Height int
	Tags          []string // names, sorted
	Regions       []Region // in the service's order
	Metadata      map[string]string
	Original      []byte
}

// Region is a tagged rectangle in fractions of the image.
type Region struct {
	Tag                      string
	Left, Top, Width, Height float64
}

// pageSize is the largest page that GetImages gives.
const pageSize = 256

// ReadBack reads one project of a resource with the official client: its
// settings, tags, images with regions, metadata and bytes, and iterations.
func ReadBack(ctx context.Context, endpoint, key, projectID string) (*Project, error) {
	id, err := uuid.FromString(projectID)
	if err != nil {
		return nil, fmt.Errorf("project id: %w", err)
	}
	c := New(endpoint, key)
	p, err := c.GetProject(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("GetProject: %w", err)
	}
	out := &Project{Name: value(p.Name), Description: value(p.Description), Status: string(p.Status)}
	readSettings(out, p.Settings)
	if err := out.readTags(ctx, c, id); err != nil {
		return nil, err
	}
	if err := out.readImages(ctx, c, id); err != nil {
		return nil, err
	}
	return out, out.readIterations(ctx, c, id)
}

func readSettings(out *Project, s *training.ProjectSettings) {
	if s == nil {
		return
	}
	if s.DomainID != nil {
		out.DomainID = s.DomainID.String()
	}
	out.Classification, out.NegativeSet = string(s.ClassificationType), value(s.UseNegativeSet)
	out.Platforms = value(s.TargetExportPlatforms)
	if s.ImageProcessingSettings != nil {
		out.Augmentation = values(s.ImageProcessingSettings.AugmentationMethods)
	}
}

func (p *Project) readTags(ctx context.Context, c training.BaseClient, id uuid.UUID) error {
	tags, err := c.GetTags(ctx, id, nil)
	if err != nil {
		return fmt.Errorf("GetTags: %w", err)
	}
	for _, t := range value(tags.Value) {
		p.Tags = append(p.Tags, Tag{value(t.Name), value(t.Description), string(t.Type), int(value(t.ImageCount))})
	}
	slices.SortFunc(p.Tags, func(a, b Tag) int { return strings.Compare(a.Name, b.Name) })
	return nil
}

func (p *Project) readImages(ctx context.Context, c training.BaseClient, id uuid.UUID) error {
	take := int32(pageSize)
	for skip := int32(0); ; skip += take {
		page, err := c.GetImages(ctx, id, nil, nil, "All", "", "Oldest", &take, &skip)
		if err != nil {
			return fmt.Errorf("GetImages: %w", err)
		}
		for _, im := range value(page.Value) {
			read, err := readImage(ctx, im)
			if err != nil {
				return err
			}
			p.Images = append(p.Images, read)
		}
		if len(value(page.Value)) < pageSize {
			return nil
		}
	}
}

func readImage(ctx context.Context, im training.Image) (Image, error) {
	out := Image{Width: int(value(im.Width)), Height: int(value(im.Height)), Metadata: values(im.Metadata)}
	for _, t := range value(im.Tags) {
		out.Tags = append(out.Tags, value(t.TagName))
	}
	slices.Sort(out.Tags)
	for _, r := range value(im.Regions) {
		out.Regions = append(out.Regions, Region{value(r.TagName), value(r.Left), value(r.Top), value(r.Width), value(r.Height)})
	}
	var err error
	out.Original, err = Download(ctx, value(im.OriginalImageURI))
	return out, err
}

// Download reads the bytes behind a link.
func Download(ctx context.Context, link string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, link, nil)
	if err != nil {
		return nil, fmt.Errorf("download: %w", err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, fmt.Errorf("download: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("download: %s", resp.Status)
	}
	return io.ReadAll(resp.Body)
}

func (p *Project) readIterations(ctx context.Context, c training.BaseClient, id uuid.UUID) error {
	list, err := c.GetIterations(ctx, id)
	if err != nil {
		return fmt.Errorf("GetIterations: %w", err)
	}
	for _, it := range value(list.Value) {
		if value(it.Status) != "Completed" {
			continue
		}
		perf, err := c.GetIterationPerformance(ctx, id, *it.ID, nil, nil)
		if err != nil {
			return fmt.Errorf("GetIterationPerformance: %w", err)
		}
		p.Iterations = append(p.Iterations, value(it.Name))
		p.Training = &Iteration{
			Name: value(it.Name), Published: value(it.PublishName), OriginalPublishResourceID: value(it.OriginalPublishResourceID),
			Precision: value(perf.Precision), Recall: value(perf.Recall),
		}
	}
	return nil
}

// value is what a pointer points to, or the zero value.
func value[T any](p *T) T {
	if p == nil {
		var zero T
		return zero
	}
	return *p
}

func values[T any](m map[string]*T) map[string]T {
	if len(m) == 0 {
		return nil
	}
	out := make(map[string]T, len(m))
	for k, v := range m {
		out[k] = value(v)
	}
	return out
}
