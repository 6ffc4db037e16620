package compare

import (
	"context"
	"iter"
	"slices"
	"strings"

	"cvarchive/archive"
	"cvarchive/manifest"
	"cvarchive/manifest/diff"
)

// Archive is an archive that is compared; [archive.Reader] is one.
type Archive interface {
	Manifest() *manifest.Manifest
	Project(ctx context.Context, id string) (archive.ProjectMembers, error)
	Images(ctx context.Context, id string) iter.Seq2[archive.Record, error]
}

// archived is the side of an archive.
type archived struct {
	archive Archive
	name    string
	refs    []ref
}

func newArchived(a Archive, name string) *archived {
	s := &archived{archive: a, name: name}
	for _, e := range a.Manifest().Projects {
		r := ref{id: e.ID, name: e.Name, kind: e.Type}
		if e.Outcome == manifest.Failed {
			r.failed = "the backup " + name + " could not read it"
		}
		s.refs = append(s.refs, r)
	}
	return s
}

func (s *archived) describe() Side {
	m := s.archive.Manifest()
	return Side{Kind: Archived, Name: s.name, Resource: m.Source.Name, Endpoint: m.Source.Endpoint, Time: m.Started}
}

func (s *archived) projects() []ref { return s.refs }

func (s *archived) domains() []manifest.Domain { return s.archive.Manifest().Domains }

func (s *archived) holds(id, name string) bool {
	chosen := s.archive.Manifest().Capture.Projects
	return len(chosen) == 0 || slices.ContainsFunc(chosen, func(c string) bool { return c == name || strings.EqualFold(c, id) })
}

func (s *archived) count(_ context.Context, r ref) (int, error) {
	c := s.archive.Manifest().Project(r.id).Counts
	return c.Images - c.IterationOnly, nil
}

func (s *archived) inventory(ctx context.Context, r ref) (*diff.Inventory, error) {
	m, err := s.archive.Project(ctx, r.id)
	if err != nil {
		return nil, err
	}
	return &diff.Inventory{
		Project: m.Project, Tags: m.Tags, Iterations: m.Iterations,
		Images: func() iter.Seq2[*manifest.Image, error] { return s.images(ctx, r.id) },
	}, nil
}

// images yields the images of the workspace.
func (s *archived) images(ctx context.Context, id string) iter.Seq2[*manifest.Image, error] {
	return func(yield func(*manifest.Image, error) bool) {
		for rec, err := range s.archive.Images(ctx, id) {
			if err != nil {
				yield(nil, err)
				return
			}
			if len(rec.Iterations) == 0 && !yield(&rec.Image, nil) {
				return
			}
		}
	}
}

func (s *archived) named(ctx context.Context, r ref, deep bool) (diff.Side, func() []manifest.Failure, error) {
	inv, err := s.inventory(ctx, r)
	if err != nil {
		return diff.Side{}, nil, err
	}
	out := diff.Side{Project: inv.Project, Tags: inv.Tags}
	out.ImageCount, _ = s.count(ctx, r)
	if deep {
		out.Images = items(inv.Images, inv.Tags)
	}
	return out, func() []manifest.Failure { return nil }, nil
}

// items makes of images what a comparison by names takes.
func items(images func() iter.Seq2[*manifest.Image, error], tags []manifest.Tag) func() iter.Seq2[diff.Item, error] {
	names := make(map[string]string, len(tags))
	for _, t := range tags {
		names[t.ID] = t.Name
	}
	return func() iter.Seq2[diff.Item, error] {
		return func(yield func(diff.Item, error) bool) {
			for img, err := range images() {
				if err != nil {
					yield(diff.Item{}, err)
					return
				}
				if !yield(diff.ItemOf(img, names), nil) {
					return
				}
			}
		}
	}
}
