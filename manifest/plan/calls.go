package plan

import (
	"maps"

	"cvarchive/manifest"
)

// Calls counts calls of the Training API by operation, as the service's
// specification names them.
type Calls map[string]int

// Operations that a restore calls.
const (
	CreateProject         = "CreateProject"
	UpdateProject         = "UpdateProject"
	ImportProject         = "ImportProject"
	GetProject            = "GetProject"
	CreateTag             = "CreateTag"
	GetTags               = "GetTags"
	CreateImagesFromFiles = "CreateImagesFromFiles"
	CreateImagesFromURLs  = "CreateImagesFromUrls"
	UpdateImageMetadata   = "UpdateImageMetadata"
	CreateImageTags       = "CreateImageTags"
	CreateImageRegions    = "CreateImageRegions"
	GetImages             = "GetImages"
	GetImageCount         = "GetImageCount"
	GetIterations         = "GetIterations"
	TrainProject          = "TrainProject"
	GetIteration          = "GetIteration"
	PublishIteration      = "PublishIteration"
	DeleteProject         = "DeleteProject"
	GetProjects           = "GetProjects"

	GetIterationPerformance = "GetIterationPerformance"
)

// Total is the number of all calls.
func (c Calls) Total() int {
	n := 0
	for v := range maps.Values(c) {
		n += v
	}
	return n
}

// Add adds other's counts to c.
func (c Calls) Add(other Calls) {
	for op, n := range other {
		c.count(op, n)
	}
}

func (c Calls) count(op string, n int) {
	if n > 0 {
		c[op] += n
	}
}

func ceil(a, b int) int { return (a + b - 1) / b }

// Calls are the writing calls of a rebuild in which nothing fails.
func (c *Content) Calls(s *Schedule) Calls {
	calls := Calls{CreateProject: 1}
	if NeedsUpdate(c.settings) {
		calls.count(UpdateProject, 1)
	}
	calls.count(CreateTag, len(c.tags))
	create := CreateImagesFromFiles
	if c.byURL {
		create = CreateImagesFromURLs
	}
	calls.count(create, len(s.Batches))
	calls.count(UpdateImageMetadata, s.metadataCalls)
	calls.count(CreateImageTags, ceil(s.laterTags, manifest.MaxTagBatch))
	calls.count(CreateImageRegions, ceil(s.laterRegions, manifest.MaxBatch))
	return calls
}

// uploadBytes are the bytes of a schedule's images in base64, unless the
// service fetches them.
func (c *Content) uploadBytes(s *Schedule) (n int64) {
	if c.byURL {
		return 0
	}
	for _, b := range s.Batches {
		for _, i := range b.Images {
			n += (c.items[i].size + 2) / 3 * 4
		}
	}
	return n
}

// NeedsUpdate reports whether a new project needs UpdateProject after
// CreateProject, which cannot set everything.
func NeedsUpdate(s manifest.ProjectSettings) bool {
	return s.ImageProcessingSettings != nil && s.ImageProcessingSettings.AugmentationMethods != nil
}

// proofCalls are the calls that read a project of n images back.
func proofCalls(n int) Calls {
	return Calls{GetProject: 1, GetTags: 1, GetImages: n/manifest.MaxPage + 1}
}
