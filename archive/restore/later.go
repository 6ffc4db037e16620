package restore

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"cvarchive/manifest"
)

// later adds what create calls could not carry: tags beyond twenty, their
// regions, and metadata of images that share no call.
type later struct {
	u       *uploader
	tags    queue[imageTag]
	regions queue[imageRegion]

	mu       sync.Mutex
	metadata map[int]*queue[imageID] // by group
}

// imageID is an image of the target, and the archived one that it stands for.
type imageID struct{ target, archived string }

type imageTag struct {
	imageID
	tag string
}

type imageRegion struct {
	imageID
	region manifest.Region
}

func newLater(u *uploader) *later {
	l := &later{u: u, metadata: map[int]*queue[imageID]{}}
	l.tags.size, l.tags.send = manifest.MaxTagBatch, l.sendTags
	l.regions.size, l.regions.send = manifest.MaxBatch, l.sendRegions
	return l
}

// follow queues what an image did not bring along.
func (l *later) follow(ctx context.Context, up *upload, targetID string) error {
	id := imageID{targetID, up.id}
	if up.carries != nil {
		var tags []imageTag
		for _, t := range up.tags {
			if !up.carries(t) {
				tags = append(tags, imageTag{id, t})
			}
		}
		var regions []imageRegion
		for _, r := range up.regions {
			if !up.carries(r.TagID) {
				regions = append(regions, imageRegion{id, r})
			}
		}
		if err := l.tags.add(ctx, tags...); err != nil {
			return err
		}
		if err := l.regions.add(ctx, regions...); err != nil {
			return err
		}
	}
	if up.late && len(up.metadata) > 0 {
		return l.group(up).add(ctx, id)
	}
	return nil
}

func (l *later) group(up *upload) *queue[imageID] {
	l.mu.Lock()
	defer l.mu.Unlock()
	q := l.metadata[up.group]
	if q == nil {
		metadata := up.metadata
		q = &queue[imageID]{size: manifest.MaxMetadataIDs, send: func(ctx context.Context, ids []imageID) error {
			return l.sendMetadata(ctx, ids, metadata)
		}}
		l.metadata[up.group] = q
	}
	return q
}

func (l *later) flush(ctx context.Context) error {
	if err := l.tags.flush(ctx); err != nil {
		return err
	}
	if err := l.regions.flush(ctx); err != nil {
		return err
	}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(flushedAtOnce)
	for _, q := range l.metadata {
		g.Go(func() error { return q.flush(ctx) })
	}
	return g.Wait()
}

// flushedAtOnce is how many values of metadata are set at a time at the end.
const flushedAtOnce = 8

func (l *later) sendTags(ctx context.Context, entries []imageTag) error {
	send := func(ctx context.Context, part []imageTag) error {
		call := make([]manifest.ImageTagEntry, len(part))
		for i, e := range part {
			call[i] = manifest.ImageTagEntry{ImageID: e.target, TagID: e.tag}
		}
		sum, err := l.u.job.target.CreateImageTags(ctx, l.u.projectID, call)
		if err != nil {
			return err
		}
		for _, e := range part {
			if slices.Contains(sum.Exceeded, manifest.ImageTagEntry{ImageID: e.target, TagID: e.tag}) {
				l.u.failed(e.archived, &statusError{"exceeded", "the service takes no more tags on it"})
			}
		}
		return nil
	}
	return inParts(ctx, entries, send, func(e imageTag, err error) {
		l.u.failed(e.archived, fmt.Errorf("add a tag: %w", err))
	})
}

func (l *later) sendRegions(ctx context.Context, entries []imageRegion) error {
	send := func(ctx context.Context, part []imageRegion) error {
		call := make([]manifest.ImageRegionEntry, len(part))
		for i, e := range part {
			call[i] = manifest.ImageRegionEntry{ImageID: e.target, Region: e.region}
		}
		sum, err := l.u.job.target.CreateImageRegions(ctx, l.u.projectID, call)
		if err != nil {
			return err
		}
		for _, e := range part {
			if slices.ContainsFunc(sum.Exceeded, func(x manifest.ImageRegionEntry) bool {
				return x.ImageID == e.target && sameRegion(&x.Region, &e.region)
			}) {
				l.u.failed(e.archived, &statusError{"exceeded", "the service takes no more regions on it"})
			}
		}
		return nil
	}
	return inParts(ctx, entries, send, func(e imageRegion, err error) {
		l.u.failed(e.archived, fmt.Errorf("add a region: %w", err))
	})
}

func (l *later) sendMetadata(ctx context.Context, ids []imageID, metadata map[string]string) error {
	send := func(ctx context.Context, part []imageID) error {
		call := make([]string, len(part))
		for i, id := range part {
			call[i] = id.target
		}
		results, err := l.u.job.target.UpdateImageMetadata(ctx, l.u.projectID, call, metadata)
		if err != nil {
			return err
		}
		status := make(map[string]string, len(results))
		for _, r := range results {
			status[r.ImageID] = r.Status
		}
		for _, id := range part {
			if s, ok := status[id.target]; ok && s != manifest.ImageOK {
				l.u.failed(id.archived, &statusError{s, "the service refused its metadata"})
			}
		}
		return nil
	}
	return inParts(ctx, ids, send, func(id imageID, err error) {
		l.u.failed(id.archived, fmt.Errorf("set its metadata: %w", err))
	})
}
