package manifest

import (
	"encoding/json"
)

// Extra holds the fields of a record that this version does not know, by
// name, as the JSON that came.
type Extra map[string]json.RawMessage

// Domain is one of the base models that a resource offers (GetDomains).
type Domain struct {
	ID         string `json:"id"`
	Name       string `json:"name"`
	Type       string `json:"type"` // Classification or ObjectDetection
	Exportable bool   `json:"exportable"`
	Enabled    bool   `json:"enabled"`
}

// Project types, as [Domain.Type] has them.
const (
	Classification  = "Classification"
	ObjectDetection = "ObjectDetection"
)

// Project is a project's listing and settings (GetProjects, GetProject).
// Its thumbnail link is a short-lived secret of no use and is not kept.
type Project struct {
	ID            string          `json:"id"`
	Name          string          `json:"name"`
	Description   string          `json:"description"`
	Settings      ProjectSettings `json:"settings"`
	Created       Timestamp       `json:"created,omitempty"`
	LastModified  Timestamp       `json:"lastModified,omitempty"`
	DRModeEnabled *bool           `json:"drModeEnabled,omitempty"`
	Status        string          `json:"status,omitempty"` // Succeeded, Importing, Failed
	Extra         Extra           `json:"-"`
}

// Project states of an import (ImportProject, GetProject).
const (
	StatusSucceeded = "Succeeded"
	StatusImporting = "Importing"
	StatusFailed    = "Failed"
)

// ProjectSettings are a project's settings. UseNegativeSet and
// DetectionParameters are read-only at the service and cannot be created
// again.
type ProjectSettings struct {
	DomainID                string                   `json:"domainId"`
	ClassificationType      string                   `json:"classificationType,omitempty"` // Multiclass, Multilabel; empty for detection
	TargetExportPlatforms   []string                 `json:"targetExportPlatforms,omitempty"`
	UseNegativeSet          *bool                    `json:"useNegativeSet,omitempty"`
	DetectionParameters     string                   `json:"detectionParameters,omitempty"`
	ImageProcessingSettings *ImageProcessingSettings `json:"imageProcessingSettings,omitempty"`
	Extra                   Extra                    `json:"-"`
}

// ImageProcessingSettings says which image transforms training applies.
type ImageProcessingSettings struct {
	// AugmentationMethods without entries says that there are none, which
	// is not what a new project has; nil: not said.
	AugmentationMethods map[string]bool `json:"augmentationMethods,omitzero"`
}

// Tag is a label of a project (GetTags).
type Tag struct {
	ID          string `json:"id"`
	Name        string `json:"name"`
	Description string `json:"description"`
	Type        string `json:"type"`       // Regular, Negative, GeneralProduct
	ImageCount  int    `json:"imageCount"` // as the service counts, workspace only
	Extra       Extra  `json:"-"`
}

// Tag types.
const (
	TagRegular        = "Regular"
	TagNegative       = "Negative"
	TagGeneralProduct = "GeneralProduct"
)

// Iteration is one training of a project (GetIterations). In an archive it
// carries what else was captured of it.
type Iteration struct {
	ID                        string    `json:"id"`
	Name                      string    `json:"name"`
	Status                    string    `json:"status"` // free text: New, Training, Completed, Failed …
	Created                   Timestamp `json:"created,omitempty"`
	LastModified              Timestamp `json:"lastModified,omitempty"`
	TrainedAt                 Timestamp `json:"trainedAt,omitempty"`
	ProjectID                 string    `json:"projectId,omitempty"`
	Exportable                bool      `json:"exportable"`
	ExportableTo              []string  `json:"exportableTo,omitempty"`
	DomainID                  string    `json:"domainId,omitempty"`
	ClassificationType        string    `json:"classificationType,omitempty"`
	TrainingType              string    `json:"trainingType,omitempty"` // Regular, Advanced
	ReservedBudgetInHours     int       `json:"reservedBudgetInHours,omitempty"`
	TrainingTimeInMinutes     int       `json:"trainingTimeInMinutes,omitempty"`
	PublishName               string    `json:"publishName,omitempty"`
	OriginalPublishResourceID string    `json:"originalPublishResourceId,omitempty"`

	// Performance is nil where the iteration has none or it could not be
	// read (then a [Failure] says so).
	Performance *IterationPerformance `json:"performance,omitempty"`
	// Models are the exports that existed when the archive was made.
	Models []ModelExport `json:"models,omitempty"`
	Extra  Extra         `json:"-"`
}

// Trained reports whether the iteration holds a trained model.
func (i *Iteration) Trained() bool { return i.Status == "Completed" }

// IterationPerformance is what GetIterationPerformance says at the given
// thresholds. Numbers are kept as they came.
type IterationPerformance struct {
	Threshold             json.Number      `json:"threshold,omitempty"`
	OverlapThreshold      json.Number      `json:"overlapThreshold,omitempty"`
	PerTagPerformance     []TagPerformance `json:"perTagPerformance,omitempty"`
	Precision             json.Number      `json:"precision,omitempty"`
	PrecisionStdDeviation json.Number      `json:"precisionStdDeviation,omitempty"`
	Recall                json.Number      `json:"recall,omitempty"`
	RecallStdDeviation    json.Number      `json:"recallStdDeviation,omitempty"`
	AveragePrecision      json.Number      `json:"averagePrecision,omitempty"`
}

// TagPerformance is the performance of one tag in one iteration.
type TagPerformance struct {
	ID                    string      `json:"id"`
	Name                  string      `json:"name"`
	Precision             json.Number `json:"precision,omitempty"`
	PrecisionStdDeviation json.Number `json:"precisionStdDeviation,omitempty"`
	Recall                json.Number `json:"recall,omitempty"`
	RecallStdDeviation    json.Number `json:"recallStdDeviation,omitempty"`
	AveragePrecision      json.Number `json:"averagePrecision,omitempty"`
}

// ModelExport is one exported model package of an iteration (GetExports).
// DownloadURI is a short-lived secret and never written.
type ModelExport struct {
	Platform              string   `json:"platform"`
	Flavor                string   `json:"flavor,omitempty"`
	Status                string   `json:"status"` // Exporting, Failed, Done
	NewerVersionAvailable bool     `json:"newerVersionAvailable,omitempty"`
	Object                *Object  `json:"object,omitempty"`
	Failure               *Failure `json:"failure,omitempty"`
	DownloadURI           Secret   `json:"-"`
}

// ExportDone is the status of a model export that can be downloaded.
const ExportDone = "Done"

// Image is the record of one image: one line of images.jsonl, in the form that
// [AppendImage] gives it.
type Image struct {
	ID       string            `json:"id"`
	Created  Timestamp         `json:"created,omitempty"`
	Width    int               `json:"width,omitempty"`  // pixels, of the resized image
	Height   int               `json:"height,omitempty"` // pixels, of the resized image
	Tags     []ImageTag        `json:"tags,omitempty"`
	Regions  []Region          `json:"regions,omitempty"`
	Metadata map[string]string `json:"metadata,omitempty"`

	// Iterations is empty for an image of the workspace. Otherwise the
	// image was deleted from the workspace and only these iterations still
	// hold it; tags and regions are those of the first.
	Iterations []string `json:"iterations,omitempty"`
	// Blob says which of the service's blobs the object came from.
	Blob string `json:"blob,omitempty"`
	// Object is nil when the bytes were not captured: in a metadata-only
	// archive, or for the reason in Failure.
	Object  *Object  `json:"object,omitempty"`
	Failure *Failure `json:"failure,omitempty"`
	Extra   Extra    `json:"-"`
}

// Values of [Image.Blob].
const (
	BlobOriginal = "original" // the uploaded file as the service keeps it
	BlobResized  = "resized"  // the service keeps nothing larger than the resized image
)

// ImageTag says that an image carries a tag. TagName is set only where the
// project's tags do not list the tag.
type ImageTag struct {
	TagID   string    `json:"tagId"`
	TagName string    `json:"tagName,omitempty"`
	Created Timestamp `json:"created,omitempty"`
}

// Region is a tagged rectangle; coordinates are fractions of the image, kept
// as the number text that came. TagName as in [ImageTag].
type Region struct {
	ID      string      `json:"regionId,omitempty"`
	TagID   string      `json:"tagId"`
	TagName string      `json:"tagName,omitempty"`
	Created Timestamp   `json:"created,omitempty"`
	Left    json.Number `json:"left"`
	Top     json.Number `json:"top"`
	Width   json.Number `json:"width"`
	Height  json.Number `json:"height"`
}

// ListedImage is an image as the service lists it: the record and the links
// to its bytes, which are short-lived secrets and never archived. On a
// resource behind a virtual network the links are paths for GetArtifact.
type ListedImage struct {
	Image
	OriginalURI Secret `json:"-"`
	ResizedURI  Secret `json:"-"`
}

// ImageQuery selects a page of a project's images (GetImages). Order is
// always oldest first.
type ImageQuery struct {
	IterationID string // empty: the workspace
	Status      string // All (also when empty), Tagged, Untagged
	Skip, Take  int    // Take at most [MaxPage]
}

// Limits of the Training API that shape the calls.
const (
	MaxPage            = 256 // images a page, and ids a GetImagesByIds call
	MaxBatch           = 64  // images a create call; regions a call; ids a metadata call
	MaxBatchTags       = 20  // distinct tags a create call
	MaxTagBatch        = 128 // entries a CreateImageTags call
	MaxMetadataIDs     = 64  // ids an UpdateImageMetadata call
	MaxImageBytes      = 6 << 20
	MaxRegionsPerImage = 300
	MaxTagsPerImage    = 100
)

// Export is a project's export record: what ExportProject counted, and the
// token that ImportProject takes while it lives. Token is never part of its
// plain JSON form; the archive codec stores it.
type Export struct {
	IterationCount          int       `json:"iterationCount"`
	ImageCount              int       `json:"imageCount"`
	TagCount                int       `json:"tagCount"`
	RegionCount             int       `json:"regionCount"`
	EstimatedImportTimeInMS int       `json:"estimatedImportTimeInMS"`
	Requested               Timestamp `json:"requested,omitempty"` // UTC, by our clock
	// Expires is the token's se=, RFC 3339, UTC; a hint. Empty: not said.
	Expires Timestamp  `json:"expires,omitempty"`
	State   TokenState `json:"tokenState"`
	// Failure says why there is no export record (State is TokenNone).
	Failure *Failure `json:"failure,omitempty"`
	// SealedToken is the token encrypted to age recipients, in age's
	// armored text form; State is TokenSealed.
	SealedToken string `json:"sealedToken,omitempty"`
	Token       Secret `json:"-"`
	Extra       Extra  `json:"-"`
}

// TokenState says how an archive keeps a project's token.
type TokenState string

// Token states.
const (
	TokenNone    TokenState = "none"    // the export did not succeed
	TokenOmitted TokenState = "omitted" // left out by request
	TokenStored  TokenState = "stored"  // in the clear
	TokenSealed  TokenState = "sealed"  // encrypted to recipients
)
