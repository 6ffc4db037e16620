package backup

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"cvarchive/manifest"
)

// margin is how long before its end a link is not trusted any more.
const margin = 2 * time.Minute

// endsSoon reports whether a link says (se=) that it ends before long.
// Links that say nothing do not.
func endsSoon(uri manifest.Secret, now time.Time) bool {
	end, ok := manifest.TokenExpiry(uri.Reveal())
	return ok && end.Before(now.Add(margin))
}

// page is a page of images in flight. Its links were given together and end
// together, so they are renewed together, with one call.
type page struct {
	source      Source
	projectID   string
	iterationID string
	images      []manifest.ListedImage

	mu         sync.Mutex
	generation int
	err        error                      // of a renewal; it is not tried again
	links      map[string]manifest.Secret // of images not yet downloaded
}

var errNoLink = errors.New("the service gives no link to its bytes")

// errGone says that an image was deleted after it was listed.
var errGone = errors.New("was deleted while it was being captured")

func newPage(src Source, projectID, iterationID string, images []manifest.ListedImage) *page {
	p := &page{source: src, projectID: projectID, iterationID: iterationID, images: images, links: map[string]manifest.Secret{}}
	for i := range images {
		p.links[images[i].ID] = bytesOf(&images[i])
	}
	return p
}

// bytesOf returns the link to the best bytes that there are.
func bytesOf(img *manifest.ListedImage) manifest.Secret {
	if img.OriginalURI.IsZero() {
		return img.ResizedURI
	}
	return img.OriginalURI
}

// done says that an image needs no link any more.
func (p *page) done(id string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.links, id)
}

// renew asks for new links of all images that still need one, unless someone
// else of the page just did.
func (p *page) renew(ctx context.Context, generation int) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.generation > generation || p.err != nil {
		return p.err
	}
	var ids []string
	for i := range p.images {
		if _, open := p.links[p.images[i].ID]; open {
			ids = append(ids, p.images[i].ID)
		}
	}
	fresh, err := p.source.ImagesByIDs(ctx, p.projectID, p.iterationID, ids)
	if err != nil {
		p.err = fmt.Errorf("renew its link: %w", err)
		return p.err
	}
	for id := range p.links {
		p.links[id] = manifest.Secret{}
	}
	for i := range fresh {
		if _, open := p.links[fresh[i].ID]; open {
			p.links[fresh[i].ID] = bytesOf(&fresh[i])
		}
	}
	p.generation++
	return nil
}

// imageLink is the link of one image of a page.
type imageLink struct {
	page *page
	id   string
}

func (l imageLink) current() (manifest.Secret, int) {
	l.page.mu.Lock()
	defer l.page.mu.Unlock()
	return l.page.links[l.id], l.page.generation
}

func (l imageLink) renew(ctx context.Context, generation int) error {
	if err := l.page.renew(ctx, generation); err != nil {
		return err
	}
	if uri, _ := l.current(); uri.IsZero() {
		return errGone
	}
	return nil
}
