package download

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

var (
	// ErrNoLink means that the service lists an item without a link.
	ErrNoLink = errors.New("the service gives no link to its bytes")
	// ErrGone means that an item was deleted after it was listed.
	ErrGone = errors.New("was deleted while it was being captured")
)

// Lister lists images by their ids, at most [manifest.MaxPage]
// (GetImagesByIds).
type Lister interface {
	ImagesByIDs(ctx context.Context, projectID, iterationID string, ids []string) ([]manifest.ListedImage, error)
}

// Links are those of images that were listed together. They were given
// together and end together, so they are renewed together, with one call.
// They are safe for concurrent use.
type Links struct {
	source      Lister
	projectID   string
	iterationID string

	mu         sync.Mutex
	generation int
	err        error // of a renewal; it is not tried again
	ids        []string
	open       map[string]manifest.Secret // of images not yet downloaded
}

// NewLinks takes the links of a page of images.
func NewLinks(src Lister, projectID, iterationID string, images []manifest.ListedImage) *Links {
	p := &Links{source: src, projectID: projectID, iterationID: iterationID, open: map[string]manifest.Secret{}}
	for i := range images {
		p.ids = append(p.ids, images[i].ID)
		p.open[images[i].ID] = BytesOf(&images[i])
	}
	return p
}

// BytesOf returns the link to the best bytes that there are.
func BytesOf(img *manifest.ListedImage) manifest.Secret {
	if img.OriginalURI.IsZero() {
		return img.ResizedURI
	}
	return img.OriginalURI
}

// Done says that an image needs no link any more.
func (p *Links) Done(id string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.open, id)
}

// Of returns the link of one image.
func (p *Links) Of(id string) Link { return imageLink{p, id} }

// renew asks for new links of all images that still need one, unless someone
// else of the page just did.
func (p *Links) renew(ctx context.Context, generation int) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.generation > generation || p.err != nil {
		return p.err
	}
	var ids []string
	for _, id := range p.ids {
		if _, open := p.open[id]; open {
			ids = append(ids, id)
		}
	}
	fresh, err := p.source.ImagesByIDs(ctx, p.projectID, p.iterationID, ids)
	if err != nil {
		p.err = fmt.Errorf("renew its link: %w", err)
		return p.err
	}
	for id := range p.open {
		p.open[id] = manifest.Secret{}
	}
	for i := range fresh {
		if _, open := p.open[fresh[i].ID]; open {
			p.open[fresh[i].ID] = BytesOf(&fresh[i])
		}
	}
	p.generation++
	return nil
}

// imageLink is the link of one image.
type imageLink struct {
	links *Links
	id    string
}

// Current implements [Link].
func (l imageLink) Current() (manifest.Secret, int) {
	l.links.mu.Lock()
	defer l.links.mu.Unlock()
	return l.links.open[l.id], l.links.generation
}

// Renew implements [Link].
func (l imageLink) Renew(ctx context.Context, generation int) error {
	if err := l.links.renew(ctx, generation); err != nil {
		return err
	}
	if uri, _ := l.Current(); uri.IsZero() {
		return ErrGone
	}
	return nil
}
