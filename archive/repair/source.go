package repair

import (
	"context"
	"io"

	"cvarchive/manifest"
)

// Source is the resource that bytes come from. The Training API client
// implements it. Errors of the service are [*manifest.ServiceError].
type Source interface {
	Iterations(ctx context.Context, projectID string) ([]manifest.Iteration, error)
	ImagesByIDs(ctx context.Context, projectID, iterationID string, ids []string) ([]manifest.ListedImage, error)
	ModelExports(ctx context.Context, projectID, iterationID string) ([]manifest.ModelExport, error)
	// Download opens the bytes behind a link of the service, from offset
	// on. The size is that of the whole content, or -1.
	Download(ctx context.Context, projectID string, uri manifest.Secret, offset int64) (body io.ReadCloser, size int64, err error)
}
