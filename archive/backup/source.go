package backup

import (
	"context"
	"io"

	"cvarchive/manifest"
)

// Source is the resource that a backup reads. The Training API client
// implements it. Errors of the service are [*manifest.ServiceError].
type Source interface {
	Domains(ctx context.Context) ([]manifest.Domain, error)
	Projects(ctx context.Context) ([]manifest.Project, error)
	// Project is GetProject: one project as it is now.
	Project(ctx context.Context, projectID string) (manifest.Project, error)
	Tags(ctx context.Context, projectID, iterationID string) ([]manifest.Tag, error)
	Iterations(ctx context.Context, projectID string) ([]manifest.Iteration, error)
	IterationPerformance(ctx context.Context, projectID, iterationID string) (*manifest.IterationPerformance, error)
	ModelExports(ctx context.Context, projectID, iterationID string) ([]manifest.ModelExport, error)
	ExportProject(ctx context.Context, projectID string) (manifest.Export, error)
	// Images lists a page. The Blob of a record says where its link leads.
	Images(ctx context.Context, projectID string, q manifest.ImageQuery) ([]manifest.ListedImage, error)
	ImageCount(ctx context.Context, projectID, iterationID string) (int, error)
	ImagesByIDs(ctx context.Context, projectID, iterationID string, ids []string) ([]manifest.ListedImage, error)
	// Download opens the bytes behind a link of the service, from offset
	// on; a relative link goes through GetArtifact. The size is that of
	// the whole content, or -1. Reading past a broken connection is the
	// caller's: the reader returns [io.ErrUnexpectedEOF].
	Download(ctx context.Context, projectID string, uri manifest.Secret, offset int64) (body io.ReadCloser, size int64, err error)
}
