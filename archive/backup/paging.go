package backup

import (
	"context"
	"fmt"
	"iter"

	"cvarchive/manifest"
)

// offsets plans the pages that a list of n images takes: how many images each
// page skips, and whether its first image is the last of the page before. The
// room that the last page has to spare is used for such overlaps: an image
// deleted meanwhile moves the list, and the overlap shows it without one call
// more.
func offsets(n int) iter.Seq2[int, bool] {
	n = min(n, 2*manifest.MaxImages) // pages ends what goes on for longer
	return func(yield func(int, bool) bool) {
		pages := ceilDiv(n, manifest.MaxPage)
		spare := pages*manifest.MaxPage - n
		for i, skip := 0, 0; i < pages; i, skip = i+1, skip+manifest.MaxPage {
			overlap := i > 0 && spare > 0
			if overlap {
				skip--
				spare--
			}
			if !yield(skip, overlap) {
				return
			}
		}
	}
}

// unbounded plans the pages of a list of unknown length.
func unbounded(yield func(int, bool) bool) {
	for skip := 0; yield(skip, false); skip += manifest.MaxPage {
	}
}

// overlapping does, with pages that overlap by one image.
func overlapping(yield func(int, bool) bool) {
	for skip := 0; yield(skip, skip > 0); skip += manifest.MaxPage - 1 {
	}
}

// listing is what one pass over a list of images came to.
type listing struct {
	pages    int
	images   int // different ids
	regions  int // of these images
	repeated int // ids that were listed again
	moved    bool
	fresh    int // ids that no pass before had shown
	labels   *labels
	err      error // what ended it early
	nameless int   // images passed over for want of a usable id
}

// disturbed reports whether the list changed under the pass.
func (l *listing) disturbed() bool { return l.moved || l.repeated > 0 }

// endless says that a list goes on past what an archive can hold, which is
// twenty times what the service allows; or that a page does.
func endless(listed, page int) error {
	const wrong = "something is wrong with the service, or with a proxy in between"
	switch {
	case listed > manifest.MaxImages-manifest.MaxPage:
		return fmt.Errorf("the list goes on after %d images; %s", listed, wrong)
	case page > manifest.MaxPage:
		return fmt.Errorf("%d images came where %d were asked for; %s", page, manifest.MaxPage, wrong)
	}
	return nil
}

// fetched is one page as it came.
type fetched struct {
	skip    int
	overlap bool // its first image should be the last of the page before
	images  []manifest.ListedImage
	err     error
}

// fetch asks for one page.
func (c *capture) fetch(ctx context.Context, iterationID string, skip int, overlap bool) fetched {
	f := fetched{skip: skip, overlap: overlap}
	f.images, f.err = c.run.source.Images(ctx, c.project.ID, manifest.ImageQuery{
		IterationID: iterationID, Skip: skip, Take: manifest.MaxPage,
	})
	return f
}

// planned fetches the pages of the workspace where its size is known: pages are
// asked for before those in front of them have come, so that a service that is
// far away gets its calls as fast as it takes them.
func (c *capture) planned(ctx context.Context, size int) iter.Seq[fetched] {
	own := make(chan struct{}, 1)
	begin := func(ctx context.Context) func() { return c.run.place(ctx, own) }
	return inOrder(ctx, begin, func(yield func(func(context.Context) fetched) bool) {
		for skip, overlap := range offsets(size) {
			if !yield(func(ctx context.Context) fetched { return c.fetch(ctx, "", skip, overlap) }) {
				return
			}
		}
	})
}

// oneByOne fetches the pages of a list whose end only its last page tells.
func (c *capture) oneByOne(ctx context.Context, iterationID string, plan iter.Seq2[int, bool]) iter.Seq[fetched] {
	return func(yield func(fetched) bool) {
		for skip, overlap := range plan {
			if !yield(c.fetch(ctx, iterationID, skip, overlap)) {
				return
			}
		}
	}
}

// pages reads a list of images until it ends, or what is fetched of it. A
// failed call ends it too and is left in the listing.
func (c *capture) pages(iterationID string, list iter.Seq[fetched], l *listing) iter.Seq[*page] {
	return func(yield func(*page) bool) {
		last, listed := "", 0
		for f := range list {
			if l.err = f.err; l.err == nil {
				l.err = endless(max(f.skip, listed), len(f.images))
			}
			if l.err != nil {
				return
			}
			l.pages++
			listed += len(f.images)
			full := len(f.images) >= manifest.MaxPage
			images := f.images
			switch {
			case f.overlap && len(images) > 0 && images[0].ID == last:
				images = images[1:]
			case f.overlap:
				l.moved = true
			}
			if len(images) > 0 {
				last = images[len(images)-1].ID
				if !yield(newPage(c.run.source, c.project.ID, iterationID, images)) {
					return
				}
			}
			if !full {
				return
			}
		}
	}
}
