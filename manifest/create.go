package manifest

// NewProject is what CreateProject takes; the other settings follow by
// UpdateProject.
type NewProject struct {
	Name                  string
	Description           string
	DomainID              string
	ClassificationType    string
	TargetExportPlatforms []string
}

// NewImage is one entry of a create call (CreateImagesFromFiles,
// CreateImagesFromUrls). Exactly one of Contents and URL is set.
type NewImage struct {
	// Name comes back as the result's SourceURL for files; it must be
	// unique in the batch.
	Name     string
	Contents []byte
	URL      Secret
	TagIDs   []string
	Regions  []Region // TagID and coordinates are used
}

// ImageBatch is one create call: at most [MaxBatch] images and
// [MaxBatchTags] distinct tags; Metadata applies to every image of it.
type ImageBatch struct {
	Images   []NewImage
	TagIDs   []string
	Metadata map[string]string
}

// Statuses of a created image; the list is open.
const (
	ImageOK          = "OK"
	ImageOKDuplicate = "OKDuplicate"
)

// ImageCreateResult is what became of one image of a create call. The order
// of results is not that of the batch: match by SourceURL.
type ImageCreateResult struct {
	SourceURL string // the name of a file, or the URL (possibly in quotes)
	Status    string // OK, OKDuplicate, Error…
	Image     *ListedImage
}

// ImageCreateSummary is the answer to a create call (200 and 207 alike).
type ImageCreateSummary struct {
	IsBatchSuccessful bool
	Images            []ImageCreateResult
}

// MetadataResult is what became of one image of UpdateImageMetadata.
type MetadataResult struct {
	ImageID string
	Status  string // OK, ErrorImageNotFound, …
}

// ImageTagEntry asks for one tag on one image (CreateImageTags).
type ImageTagEntry struct {
	ImageID string `json:"imageId"`
	TagID   string `json:"tagId"`
}

// ImageRegionEntry asks for one region on one image (CreateImageRegions).
type ImageRegionEntry struct {
	ImageID string
	Region  Region
}

// TagSummary is the answer to CreateImageTags.
type TagSummary struct {
	Created, Duplicated, Exceeded []ImageTagEntry
}

// RegionSummary is the answer to CreateImageRegions.
type RegionSummary struct {
	Created, Duplicated, Exceeded []ImageRegionEntry
}

// TrainOptions is what TrainProject takes.
type TrainOptions struct {
	TrainingType          string // Regular, Advanced
	ReservedBudgetInHours int
	ForceTrain            bool
}
