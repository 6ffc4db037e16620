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

// NeedsUpdate reports whether a new project needs UpdateProject after
// CreateProject, which cannot set everything.
func NeedsUpdate(s manifest.ProjectSettings) bool {
	return s.ImageProcessingSettings != nil && len(s.ImageProcessingSettings.AugmentationMethods) > 0
}

// proofCalls are the calls that read a project of n images back.
func proofCalls(n int) Calls {
	return Calls{GetProject: 1, GetTags: 1, GetImages: n/manifest.MaxPage + 1}
}

// LowerBound is a number of calls below which no rebuild of the content can
// stay, however its images are grouped:
//
//   - each image needs a place in a create call of at most 64 images and
//     [MaxBatchBytes] of uploads;
//   - images with different metadata cannot share the call that sets it, be
//     it the create call or UpdateImageMetadata;
//   - a create call names at most 20 tags, and a tag that no create call
//     names for an image must come in a later call of at most 128 tags.
func (c *Content) LowerBound() int {
	base := 1 + len(c.tags)
	if NeedsUpdate(c.settings) {
		base++
	}
	groups := map[int]int{}
	usage := make([]int, len(c.tags)) // images that use the tag
	beyond := 0                       // tags of images that have more than a call takes
	for i := range c.items {
		it := &c.items[i]
		groups[it.group]++
		beyond += max(0, len(it.uses)-manifest.MaxBatchTags)
		for _, u := range it.uses {
			usage[u.tag]++
		}
	}
	least := 0
	for _, n := range groups {
		least += ceil(n, manifest.MaxBatch)
	}
	if !c.byURL {
		least = max(least, int((c.whole.Bytes+MaxBatchBytes-1)/MaxBatchBytes))
	}
	return base + leastWithTags(least, usage, beyond)
}

// leastWithTags finds the best trade between create calls and later calls:
// with n create calls at most 20n tags can be named in one of them, so all
// the others come later, at best those with the fewest images.
func leastWithTags(least int, usage []int, beyond int) int {
	usage = sortedPositive(usage)
	best := -1
	for n := least; best < 0 || n < best; n++ {
		later := 0
		for _, images := range usage[:max(0, len(usage)-manifest.MaxBatchTags*n)] {
			later += images
		}
		if total := n + ceil(max(later, beyond), manifest.MaxTagBatch); best < 0 || total < best {
			best = total
		}
	}
	return best
}
