package backup

import (
	"cvarchive/archive/download"
	"cvarchive/manifest"
)

// page is a page of images in flight, with their links.
type page struct {
	*download.Links
	iterationID string
	images      []manifest.ListedImage
}

func newPage(src Source, projectID, iterationID string, images []manifest.ListedImage) *page {
	return &page{
		Links:       download.NewLinks(src, projectID, iterationID, images),
		iterationID: iterationID, images: images,
	}
}
