package restore

import (
	"context"
	"maps"
	"sync"

	"cvarchive/manifest"
	"cvarchive/manifest/plan"
)

// counted is a target that counts the calls of one project.
type counted struct {
	Target
	mu    sync.Mutex
	calls plan.Calls
}

func newCounted(t Target) *counted { return &counted{Target: t, calls: plan.Calls{}} }

func (c *counted) count(op string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.calls[op]++
}

func (c *counted) counts() plan.Calls {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.calls)
}

func (c *counted) Projects(ctx context.Context) ([]manifest.Project, error) {
	c.count(plan.GetProjects)
	return c.Target.Projects(ctx)
}

func (c *counted) Project(ctx context.Context, id string) (manifest.Project, error) {
	c.count(plan.GetProject)
	return c.Target.Project(ctx, id)
}

func (c *counted) CreateProject(ctx context.Context, p manifest.NewProject) (manifest.Project, error) {
	c.count(plan.CreateProject)
	return c.Target.CreateProject(ctx, p)
}

func (c *counted) UpdateProject(ctx context.Context, id string, p manifest.Project) (manifest.Project, error) {
	c.count(plan.UpdateProject)
	return c.Target.UpdateProject(ctx, id, p)
}

func (c *counted) DeleteProject(ctx context.Context, id string) error {
	c.count(plan.DeleteProject)
	return c.Target.DeleteProject(ctx, id)
}

func (c *counted) ImportProject(ctx context.Context, token manifest.Secret, name string) (manifest.Project, error) {
	c.count(plan.ImportProject)
	return c.Target.ImportProject(ctx, token, name)
}

func (c *counted) Tags(ctx context.Context, projectID, iterationID string) ([]manifest.Tag, error) {
	c.count(plan.GetTags)
	return c.Target.Tags(ctx, projectID, iterationID)
}

func (c *counted) CreateTag(ctx context.Context, projectID string, t manifest.Tag) (manifest.Tag, error) {
	c.count(plan.CreateTag)
	return c.Target.CreateTag(ctx, projectID, t)
}

func (c *counted) Images(ctx context.Context, projectID string, q manifest.ImageQuery) ([]manifest.ListedImage, error) {
	c.count(plan.GetImages)
	return c.Target.Images(ctx, projectID, q)
}

func (c *counted) ImageCount(ctx context.Context, projectID, iterationID string) (int, error) {
	c.count(plan.GetImageCount)
	return c.Target.ImageCount(ctx, projectID, iterationID)
}

func (c *counted) Iterations(ctx context.Context, projectID string) ([]manifest.Iteration, error) {
	c.count(plan.GetIterations)
	return c.Target.Iterations(ctx, projectID)
}

func (c *counted) Iteration(ctx context.Context, projectID, iterationID string) (manifest.Iteration, error) {
	c.count(plan.GetIteration)
	return c.Target.Iteration(ctx, projectID, iterationID)
}

func (c *counted) IterationPerformance(ctx context.Context, projectID, iterationID string) (*manifest.IterationPerformance, error) {
	c.count(plan.GetIterationPerformance)
	return c.Target.IterationPerformance(ctx, projectID, iterationID)
}

func (c *counted) Train(ctx context.Context, projectID string, o manifest.TrainOptions) (manifest.Iteration, error) {
	c.count(plan.TrainProject)
	return c.Target.Train(ctx, projectID, o)
}

func (c *counted) Publish(ctx context.Context, projectID, iterationID, name, resource string, overwrite bool) error {
	c.count(plan.PublishIteration)
	return c.Target.Publish(ctx, projectID, iterationID, name, resource, overwrite)
}

func (c *counted) CreateImagesFromURLs(ctx context.Context, projectID string, b manifest.ImageBatch) (manifest.ImageCreateSummary, error) {
	c.count(plan.CreateImagesFromURLs)
	return c.Target.CreateImagesFromURLs(ctx, projectID, b)
}

func (c *counted) CreateImagesFromFiles(ctx context.Context, projectID string, b manifest.ImageBatch) (manifest.ImageCreateSummary, error) {
	c.count(plan.CreateImagesFromFiles)
	return c.Target.CreateImagesFromFiles(ctx, projectID, b)
}

func (c *counted) UpdateImageMetadata(ctx context.Context, projectID string, ids []string, metadata map[string]string) ([]manifest.MetadataResult, error) {
	c.count(plan.UpdateImageMetadata)
	return c.Target.UpdateImageMetadata(ctx, projectID, ids, metadata)
}

func (c *counted) CreateImageTags(ctx context.Context, projectID string, entries []manifest.ImageTagEntry) (manifest.TagSummary, error) {
	c.count(plan.CreateImageTags)
	return c.Target.CreateImageTags(ctx, projectID, entries)
}

func (c *counted) CreateImageRegions(ctx context.Context, projectID string, entries []manifest.ImageRegionEntry) (manifest.RegionSummary, error) {
	c.count(plan.CreateImageRegions)
	return c.Target.CreateImageRegions(ctx, projectID, entries)
}
