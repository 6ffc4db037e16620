package restore

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"iter"
	"sync"

	"golang.org/x/sync/errgroup"

	"cvarchive/archive/progress"
	"cvarchive/manifest"
	"cvarchive/manifest/diff"
	"cvarchive/manifest/plan"
)

// Prove reads a project of the target completely and compares it with the
// archive: settings, tags, each image by content digest (unless
// [Options.NoContentProof]), tags, regions and metadata. p says which
// archived project is meant, under which name and domain it is expected, and
// whether as an import or as a rebuild, which holds images with the same
// bytes only once. Images whose bytes could not be read back are compared
// without, and returned in unread.
func Prove(ctx context.Context, t Target, a Archive, p *plan.Project, targetID string, opt Options) (r *diff.Result, unread []manifest.Failure, err error) {
	opt = opt.withDefaults()
	i := indexOf(a.Manifest(), p.ID)
	if i < 0 {
		return nil, nil, fmt.Errorf("the archive holds no project %q", p.Name)
	}
	recs, err := newRecords(opt.TempDir)
	if err != nil {
		return nil, nil, err
	}
	defer recs.close()
	archived, err := load(ctx, a, a.Manifest().Projects[i], recs)
	if err != nil {
		return nil, nil, err
	}
	v := &prover{target: t, archived: archived, records: recs, opt: opt, shared: newShared(opt), name: p.TargetName, merged: p.Action == plan.Rebuild}
	v.expected = v.wanted()
	if p.Domain != nil && p.Action == plan.Rebuild {
		v.domainID = p.Domain.ID
	}
	r, err = v.prove(ctx, targetID)
	return r, v.unread, err
}

// prove compares what the job made.
func (j *job) prove(ctx context.Context) error {
	j.opt.Progress.Send(progress.Event{Kind: progress.PhaseStarted, Project: j.plan.Name, Message: "read back and compare", Total: int64(j.plan.Creates.Images)})
	v := &prover{target: j.target, archived: j.archived, records: j.records, opt: j.opt, shared: j.shared, name: j.plan.TargetName, arrived: j.arrived, expected: j.there, early: j.early}
	if j.report.By == plan.Rebuild {
		v.merged, v.domainID = true, j.plan.Domain.ID
	}
	r, err := v.prove(ctx, j.report.TargetID)
	if err != nil {
		return fmt.Errorf("read project %q back: %w", j.report.TargetName, err)
	}
	j.report.Proof = r
	if j.report.By == plan.Import {
		j.report.Created.Images, j.report.Created.Regions = v.images, v.regions
	}
	j.report.Failures = append(j.report.Failures, v.unread...)
	return nil
}

type prover struct {
	target   Target
	archived *plan.Archived
	records  *records
	opt      Options
	shared   *shared
	name     string   // expected
	domainID string   // expected; empty: the archived one
	merged   bool     // images with the same bytes are expected once
	arrived  *arrival // what need not be asked for again; may be nil
	expected int      // images in the target, as far as is known
	early    *readback

	unread  []manifest.Failure
	images  int // of the target
	regions int // of the target's images
}

func (v *prover) prove(ctx context.Context, targetID string) (*diff.Result, error) {
	p, tags, err := v.described(ctx, targetID)
	if err != nil {
		return nil, err
	}
	names := make(map[string]string, len(tags))
	for _, t := range tags {
		names[t.ID] = t.Name
	}
	got := diff.Side{Project: p, Tags: tags, ImageCount: -1, Images: func() iter.Seq2[diff.Item, error] {
		return v.live(ctx, targetID, names)
	}}
	return diff.Compare(v.want(), got, diff.Options{})
}

// described is the target's project with its tags.
func (v *prover) described(ctx context.Context, targetID string) (manifest.Project, []manifest.Tag, error) {
	if v.arrived != nil {
		return v.arrived.project, v.arrived.tags, nil
	}
	var p manifest.Project
	var tags []manifest.Tag
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() (err error) {
		p, err = v.target.Project(ctx, targetID)
		return err
	})
	g.Go(func() (err error) {
		tags, err = v.target.Tags(ctx, targetID, "")
		return err
	})
	return p, tags, g.Wait()
}

// page lists some of the target's images.
func (v *prover) page(ctx context.Context, projectID string, skip int) ([]manifest.ListedImage, error) {
	if a := v.arrived; a != nil && a.page != nil && a.skip == skip {
		return a.page, nil
	}
	return v.target.Images(ctx, projectID, manifest.ImageQuery{Skip: skip, Take: manifest.MaxPage})
}

// wanted is the number of images that should be there.
func (v *prover) wanted() int {
	if v.merged {
		return v.archived.Content.Restorable().Images
	}
	return v.archived.Content.All().Images
}

// want is the archived side.
func (v *prover) want() diff.Side {
	s := diff.Side{Project: v.archived.Project, Tags: v.archived.Content.Tags(), ImageCount: -1, Images: v.archivedImages}
	s.Project.Name = v.name
	if v.domainID != "" {
		s.Project.Settings.DomainID = v.domainID
	}
	return s
}

// archivedImages yields the images of the workspace as archived, those
// without bytes included.
func (v *prover) archivedImages() iter.Seq2[diff.Item, error] {
	content := v.archived.Content
	names := content.TagNames()
	return func(yield func(diff.Item, error) bool) {
		item := func(img *manifest.Image, err error) bool {
			if err != nil {
				yield(diff.Item{}, err)
				return false
			}
			return len(img.Iterations) > 0 || yield(diff.ItemOf(img, names), nil)
		}
		if !v.merged {
			for n := range v.records.offsets {
				if !item(v.records.get(n)) {
					return
				}
			}
			return
		}
		for i := range content.Len() {
			if !item(content.Image(i, v.records.get)) {
				return
			}
		}
		for _, l := range content.Lost() {
			if !item(v.records.get(l.Record)) {
				return
			}
		}
	}
}

// proven is a page of the target's images with the digests of their bytes.
type proven struct {
	images []manifest.ListedImage
	unread []manifest.Failure
}

// live lists the target's images, page by page, with the digests of their
// bytes.
func (v *prover) live(ctx context.Context, projectID string, names map[string]string) iter.Seq2[diff.Item, error] {
	read := func(ctx context.Context, i int) (p proven, err error) {
		p.images, err = v.page(ctx, projectID, i*manifest.MaxPage)
		if err == nil && !v.opt.NoContentProof {
			p.unread, err = v.digest(ctx, projectID, p.images)
		}
		return p, err
	}
	return func(yield func(diff.Item, error) bool) {
		seen := map[imageKey]bool{} // pages may overlap
		for page, err := range ahead(ctx, pagesOf(v.expected), read) {
			if err != nil {
				yield(diff.Item{}, err)
				return
			}
			v.unread = append(v.unread, page.unread...)
			for i := range page.images {
				img := &page.images[i].Image
				key := imageKeyOf(img.ID)
				if seen[key] {
					continue
				}
				seen[key] = true
				v.images++
				v.regions += len(img.Regions)
				if !yield(diff.ItemOf(img, names), nil) {
					return
				}
			}
			if len(page.images) < manifest.MaxPage {
				return
			}
		}
	}
}

// digest reads the bytes of a page's images, but for those whose bytes are
// known. One that cannot be read is
// returned, and compared without.
func (v *prover) digest(ctx context.Context, projectID string, page []manifest.ListedImage) (unread []manifest.Failure, err error) {
	v.early.wait()
	errs := make([]error, len(page))
	var wg sync.WaitGroup
	for i := range page {
		done := func() {
			v.opt.Progress.Send(progress.Event{Kind: progress.ItemDone, Project: v.archived.Entry.Name, Item: "image " + page[i].ID})
		}
		if sum, ok := v.early.digest(page[i].ID); ok {
			page[i].Object = &manifest.Object{SHA256: sum}
			done()
			continue
		}
		if v.shared.downloads.Enter(ctx) != nil {
			break
		}
		wg.Go(func() {
			page[i].Object, errs[i] = v.shared.hash(ctx, v.target, projectID, page[i].OriginalURI)
			done()
		})
	}
	wg.Wait()
	for i, err := range errs {
		if err != nil {
			unread = append(unread, manifest.FailureOf("content of image "+page[i].ID+" in the target", err))
		}
	}
	return unread, ctx.Err()
}

// copyBuffers are what downloads pass through.
var copyBuffers = sync.Pool{New: func() any { return new([32 << 10]byte) }}

// hash reads and hashes the bytes behind a link, whose turn it is by
// [download.Gate.Enter], and gives the turn back.
func (s *shared) hash(ctx context.Context, t Target, projectID string, uri manifest.Secret) (*manifest.Object, error) {
	began := s.now()
	o, err := hashOf(ctx, t, projectID, uri)
	if err != nil {
		s.downloads.Leave(0)
		return nil, err
	}
	s.downloads.Leave(s.now().Sub(began))
	return o, nil
}

// hashOf goes on where a connection broke, a few times.
func hashOf(ctx context.Context, t Target, projectID string, uri manifest.Secret) (*manifest.Object, error) {
	h := sha256.New()
	buf := copyBuffers.Get().(*[32 << 10]byte)
	defer copyBuffers.Put(buf)
	var size int64
	for range 5 {
		body, _, err := t.Download(ctx, projectID, uri, size)
		if err != nil {
			return nil, err
		}
		n, err := io.CopyBuffer(h, body, buf[:])
		body.Close()
		size += n
		switch {
		case err == nil:
			return &manifest.Object{SHA256: manifest.Digest(h.Sum(nil)), Size: size}, nil
		case !errors.Is(err, io.ErrUnexpectedEOF):
			return nil, err
		}
	}
	return nil, io.ErrUnexpectedEOF
}
