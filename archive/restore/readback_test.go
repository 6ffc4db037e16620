package restore_test

import (
	"bytes"
	"context"
	"io"
	"strings"
	"sync/atomic"
	"testing"

	"cvarchive/archive/restore"
	"cvarchive/manifest"
	"cvarchive/manifest/diff"
	"cvarchive/manifest/plan"
	"cvarchive/remote/simulator"
)

// otherLinks is a target whose answers have other links, or other bytes behind
// them.
type otherLinks struct {
	restore.Target
	created   func([]*manifest.ListedImage)
	listed    func([]manifest.ListedImage)
	bytesOf   string // in the link of whatever has other bytes
	downloads atomic.Int64
}

func (o *otherLinks) CreateImagesFromFiles(ctx context.Context, projectID string, b manifest.ImageBatch) (manifest.ImageCreateSummary, error) {
	sum, err := o.Target.CreateImagesFromFiles(ctx, projectID, b)
	var images []*manifest.ListedImage
	for i := range sum.Images {
		images = append(images, sum.Images[i].Image)
	}
	if o.created != nil {
		o.created(images)
	}
	return sum, err
}

func (o *otherLinks) Images(ctx context.Context, projectID string, q manifest.ImageQuery) ([]manifest.ListedImage, error) {
	images, err := o.Target.Images(ctx, projectID, q)
	if o.listed != nil {
		o.listed(images)
	}
	return images, err
}

func (o *otherLinks) Download(ctx context.Context, projectID string, uri manifest.Secret, offset int64) (io.ReadCloser, int64, error) {
	o.downloads.Add(1)
	if o.bytesOf != "" && strings.Contains(uri.Reveal(), o.bytesOf) {
		return io.NopCloser(bytes.NewReader([]byte("other")[offset:])), 5, nil
	}
	return o.Target.Download(ctx, projectID, uri, offset)
}

// TestReadBack proves images by what was read by the links of the answers that
// made them, once each; and by the links of the listing where those are not
// there or lead astray.
func TestReadBack(t *testing.T) {
	const images = 20
	for _, tt := range []struct {
		name         string
		with         func(o *otherLinks)
		opt          restore.Options
		least, most  int64 // downloads
		contentsDiff int
	}{
		{
			name: "the listing has no links", least: images, most: images,
			with: func(o *otherLinks) {
				o.listed = func(page []manifest.ListedImage) {
					for i := range page {
						page[i].OriginalURI = manifest.Secret{}
					}
				}
			},
		},
		{
			name: "the answers have no links", least: images, most: images,
			with: func(o *otherLinks) {
				o.created = func(made []*manifest.ListedImage) {
					for _, img := range made {
						img.OriginalURI = manifest.Secret{}
					}
				}
			},
		},
		{
			name: "the answers have links to other images", least: images + 1, most: 2 * images,
			with: func(o *otherLinks) {
				o.created = func(made []*manifest.ListedImage) {
					first := made[0].OriginalURI
					for i := range made[1:] {
						made[i].OriginalURI = made[i+1].OriginalURI
					}
					made[len(made)-1].OriginalURI = first
				}
			},
		},
		{
			name: "the service has other bytes for one", least: images + 1, most: 2 * images, contentsDiff: 1,
			with: func(o *otherLinks) {
				o.created = func(made []*manifest.ListedImage) {
					o.bytesOf, _, _ = strings.Cut(made[3].OriginalURI.Reveal(), "?")
				}
			},
		},
		{name: "nothing is to be read", opt: restore.Options{NoContentProof: true}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e := newFastEnvironment(t, simulator.ResourceOptions{})
			p := newProject("cats", classification, images)
			for i := range images {
				p.add(e.vault, picture(i), i) // no two are alike
			}
			r := archiveOf(t, p)
			target := &otherLinks{Target: e.target}
			if tt.with != nil {
				tt.with(target)
			}
			opt := e.options()
			opt.NoContentProof = tt.opt.NoContentProof
			pl, err := restore.Prepare(t.Context(), target, r, opt)
			check(t, err)
			report, err := restore.Apply(t.Context(), target, r, e.vault, pl, opt)
			check(t, err)
			proof := report.Projects[0].Proof
			wantChanges(t, proof, map[diff.Kind]int{diff.ImageContent: tt.contentsDiff})
			if tt.most > 0 && proof.ByContent+tt.contentsDiff != images || len(report.Projects[0].Failures) > 0 {
				t.Errorf("%d images are proven by content, failures %v", proof.ByContent, report.Projects[0].Failures)
			}
			if n := target.downloads.Load(); n < tt.least || n > tt.most {
				t.Errorf("%d downloads, want %d to %d", n, tt.least, tt.most)
			}
			if e.writes()[plan.CreateImagesFromFiles] != 1 {
				t.Errorf("calls %v", e.writes())
			}
		})
	}
}

func wantChanges(t *testing.T, r *diff.Result, want map[diff.Kind]int) {
	t.Helper()
	for _, c := range r.Changes {
		want[c.Kind]--
	}
	for kind, n := range want {
		if n != 0 {
			t.Errorf("changes %v: %d too few of kind %s", r.Changes, n, kind)
		}
	}
}
