package backup

import (
	"cvarchive/archive/download"
	"cvarchive/manifest"
)

// page is a page of images in flight, with their links.
type page struct {
	*download.Links
	iterationID string
	attempt     int // which listing of the iteration, from 1
	images      []manifest.ListedImage
}

func newPage(src Source, projectID, iterationID string, images []manifest.ListedImage) *page {
	return &page{
		Links:       download.NewLinks(src, projectID, iterationID, images),
		iterationID: iterationID, images: images,
	}
}
