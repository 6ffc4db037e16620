package backup

import (
	"sync/atomic"

	"cvarchive/archive/vault"
	"cvarchive/manifest"
)

// Result is a finished backup.
type Result struct {
	Archive  vault.Archive
	SHA256   manifest.Digest // of the archive file
	Manifest *manifest.Manifest
	Stats    Stats
	// Unsigned says why the archive was not signed, in a vault that signs;
	// nil: it was, or was not to be.
	Unsigned error
	// Lost counts the images and models that the archive does not have.
	Lost int
	// Items are the images and models that could not be captured, the
	// first [MaxItems] of them; the records name all.
	Items []ItemFailure
}

// Stats say what the backup moved.
type Stats struct {
	ImagesDownloaded int   // images whose bytes came from the service
	ImagesReused     int   // images whose bytes an earlier archive or an interrupted run left in the vault
	ModelsDownloaded int   //
	ModelsReused     int   // exported models that an earlier archive already named
	ObjectsStored    int   // objects that the vault did not have yet
	BytesDownloaded  int64 // of images and models, repeated parts included
	BytesStored      int64
}

// MaxItems bounds [Result.Items].
const MaxItems = 10_000

// ItemFailure is one image or model that could not be captured.
type ItemFailure struct {
	ProjectID string
	Project   string // name
	Failure   manifest.Failure
}

// Whole reports whether everything that was asked for is in the archive.
func (r *Result) Whole() bool {
	if len(r.Manifest.Failures) > 0 {
		return false
	}
	for _, p := range r.Manifest.Projects {
		if p.Outcome != manifest.Complete {
			return false
		}
	}
	return true
}

// tally counts while the backup runs.
type tally struct {
	downloaded, reused, models, modelsReused, stored atomic.Int64
	bytesDownloaded, bytesStored                     atomic.Int64
}

func (t *tally) stats() Stats {
	return Stats{
		ImagesDownloaded: int(t.downloaded.Load()),
		ImagesReused:     int(t.reused.Load()),
		ModelsDownloaded: int(t.models.Load()),
		ModelsReused:     int(t.modelsReused.Load()),
		ObjectsStored:    int(t.stored.Load()),
		BytesDownloaded:  t.bytesDownloaded.Load(),
		BytesStored:      t.bytesStored.Load(),
	}
}
