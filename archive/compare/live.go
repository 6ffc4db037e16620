package compare

import (
	"context"
	"fmt"
	"io"
	"iter"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"cvarchive/archive/download"
	"cvarchive/archive/progress"
	"cvarchive/manifest"
	"cvarchive/manifest/diff"
)

// Source is the resource that an archive is compared with. The Training API
// client implements it. Errors of the service are [*manifest.ServiceError].
type Source interface {
	Projects(ctx context.Context) ([]manifest.Project, error)
	Tags(ctx context.Context, projectID, iterationID string) ([]manifest.Tag, error)
	Iterations(ctx context.Context, projectID string) ([]manifest.Iteration, error)
	Images(ctx context.Context, projectID string, q manifest.ImageQuery) ([]manifest.ListedImage, error)
	ImagesByIDs(ctx context.Context, projectID, iterationID string, ids []string) ([]manifest.ListedImage, error)
	ImageCount(ctx context.Context, projectID, iterationID string) (int, error)
	Download(ctx context.Context, projectID string, uri manifest.Secret, offset int64) (body io.ReadCloser, size int64, err error)
}

// live is the side of a resource.
type live struct {
	source         Source
	name, endpoint string
	opt            Options
	read           time.Time
	listed         []manifest.Project
	refs           []ref
	downloads      *download.Downloader
}

func newLive(ctx context.Context, src Source, name, endpoint string, opt Options) (*live, error) {
	if opt.Now == nil {
		opt.Now = time.Now
	}
	if opt.Downloads <= 0 {
		opt.Downloads = 8
	}
	s := &live{source: src, name: name, endpoint: endpoint, opt: opt, read: opt.Now().UTC()}
	var err error
	if s.listed, err = src.Projects(ctx); err != nil {
		return nil, fmt.Errorf("list the projects of %s: %w", name, err)
	}
	s.downloads = download.New(src, download.Options{Now: opt.Now})
	for _, p := range s.listed {
		s.refs = append(s.refs, ref{id: p.ID, name: p.Name})
	}
	return s, nil
}

func (s *live) describe() Side {
	return Side{Kind: Resource, Name: s.name, Resource: s.name, Endpoint: s.endpoint, Time: s.read}
}

func (s *live) projects() []ref { return s.refs }

// domains are those of the archive's: most are the same everywhere, and a
// name is not worth a call.
func (s *live) domains() []manifest.Domain { return nil }

func (s *live) holds(string, string) bool { return true }

func (s *live) count(ctx context.Context, r ref) (int, error) {
	return s.source.ImageCount(ctx, r.id, "")
}

func (s *live) project(r ref) manifest.Project {
	for _, p := range s.listed {
		if p.ID == r.id {
			return p
		}
	}
	return manifest.Project{}
}

func (s *live) inventory(ctx context.Context, r ref) (*diff.Inventory, error) {
	inv := &diff.Inventory{Project: s.project(r)}
	var err error
	if inv.Tags, err = s.source.Tags(ctx, r.id, ""); err != nil {
		return nil, err
	}
	if inv.Iterations, err = s.source.Iterations(ctx, r.id); err != nil {
		return nil, err
	}
	inv.Images = func() iter.Seq2[*manifest.Image, error] { return s.images(ctx, r, nil) }
	return inv, nil
}

// images lists the images of the workspace, each id once: pages may overlap.
// page, if any, sees each page before its images are yielded.
func (s *live) images(ctx context.Context, r ref, page func([]manifest.ListedImage) error) iter.Seq2[*manifest.Image, error] {
	return func(yield func(*manifest.Image, error) bool) {
		seen := map[string]bool{}
		for skip := 0; ; skip += manifest.MaxPage {
			images, err := s.source.Images(ctx, r.id, manifest.ImageQuery{Skip: skip, Take: manifest.MaxPage})
			if err == nil && page != nil {
				err = page(images)
			}
			if err != nil {
				yield(nil, err)
				return
			}
			for i := range images {
				id := strings.ToLower(images[i].ID)
				if seen[id] {
					continue
				}
				seen[id] = true
				s.opt.Progress.Send(progress.Event{Kind: progress.ItemDone, Project: r.name, Item: "image " + images[i].ID})
				if !yield(&images[i].Image, nil) {
					return
				}
			}
			if len(images) < manifest.MaxPage {
				return
			}
		}
	}
}

func (s *live) named(ctx context.Context, r ref, deep bool) (diff.Side, func() []manifest.Failure, error) {
	out := diff.Side{Project: s.project(r), ImageCount: -1}
	var unread []manifest.Failure
	var err error
	if out.Tags, err = s.source.Tags(ctx, r.id, ""); err != nil {
		return out, nil, err
	}
	if !deep {
		out.ImageCount, err = s.source.ImageCount(ctx, r.id, "")
		return out, func() []manifest.Failure { return nil }, err
	}
	digests := func(page []manifest.ListedImage) error {
		failed, err := s.digest(ctx, r, page)
		unread = append(unread, failed...)
		return err
	}
	out.Images = items(func() iter.Seq2[*manifest.Image, error] { return s.images(ctx, r, digests) }, out.Tags)
	return out, func() []manifest.Failure { return unread }, nil
}

// digest reads the bytes of a page's images. One that cannot be read is
// returned, and compared without.
func (s *live) digest(ctx context.Context, r ref, page []manifest.ListedImage) (unread []manifest.Failure, err error) {
	links := download.NewLinks(s.source, r.id, "", page)
	errs := make([]error, len(page))
	var g errgroup.Group
	g.SetLimit(s.opt.Downloads)
	for i := range page {
		g.Go(func() error {
			page[i].Object, errs[i] = s.object(ctx, r, links.Of(page[i].ID))
			return nil
		})
	}
	g.Wait()
	for i, err := range errs {
		if err != nil {
			unread = append(unread, manifest.FailureOf("content of image "+page[i].ID, err))
		}
	}
	return unread, ctx.Err()
}

func (s *live) object(ctx context.Context, r ref, l download.Link) (*manifest.Object, error) {
	b := s.downloads.NewBody(s.opt.TempDir, download.MaxImage)
	defer b.Close()
	if err := s.downloads.Fetch(ctx, r.id, l, b); err != nil {
		return nil, err
	}
	o, err := b.Object()
	return &o, err
}
