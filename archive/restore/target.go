package restore

import (
	"context"
	"io"

	"cvarchive/manifest"
)

// Target is the resource that a restore writes and reads back. The Training
// API client implements it. Errors of the service are
// [*manifest.ServiceError].
type Target interface {
	Domains(ctx context.Context) ([]manifest.Domain, error)
	Projects(ctx context.Context) ([]manifest.Project, error)
	Project(ctx context.Context, projectID string) (manifest.Project, error)
	CreateProject(ctx context.Context, p manifest.NewProject) (manifest.Project, error)
	UpdateProject(ctx context.Context, projectID string, p manifest.Project) (manifest.Project, error)
	// DeleteProject is called for what a failed import left, if asked for.
	DeleteProject(ctx context.Context, projectID string) error
	// ImportProject starts an import; name may be empty. The answer's
	// status is usually Importing.
	ImportProject(ctx context.Context, token manifest.Secret, name string) (manifest.Project, error)

	Tags(ctx context.Context, projectID, iterationID string) ([]manifest.Tag, error)
	CreateTag(ctx context.Context, projectID string, t manifest.Tag) (manifest.Tag, error)

	Images(ctx context.Context, projectID string, q manifest.ImageQuery) ([]manifest.ListedImage, error)
	ImageCount(ctx context.Context, projectID, iterationID string) (int, error)
	CreateImagesFromFiles(ctx context.Context, projectID string, b manifest.ImageBatch) (manifest.ImageCreateSummary, error)
	CreateImagesFromURLs(ctx context.Context, projectID string, b manifest.ImageBatch) (manifest.ImageCreateSummary, error)
	UpdateImageMetadata(ctx context.Context, projectID string, imageIDs []string, metadata map[string]string) ([]manifest.MetadataResult, error)
	CreateImageTags(ctx context.Context, projectID string, entries []manifest.ImageTagEntry) (manifest.TagSummary, error)
	CreateImageRegions(ctx context.Context, projectID string, entries []manifest.ImageRegionEntry) (manifest.RegionSummary, error)

	Iterations(ctx context.Context, projectID string) ([]manifest.Iteration, error)
	Iteration(ctx context.Context, projectID, iterationID string) (manifest.Iteration, error)
	IterationPerformance(ctx context.Context, projectID, iterationID string) (*manifest.IterationPerformance, error)
	Train(ctx context.Context, projectID string, o manifest.TrainOptions) (manifest.Iteration, error)
	Publish(ctx context.Context, projectID, iterationID, publishName, predictionID string, overwrite bool) error

	Download(ctx context.Context, projectID string, uri manifest.Secret, offset int64) (body io.ReadCloser, size int64, err error)
}
