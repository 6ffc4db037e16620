package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"runtime"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"

	"cvarchive/cmd/internal/demo/picture"
	"cvarchive/manifest"
	"cvarchive/remote/customvision"
)

// Seeded says what a sample account came to.
type Seeded struct {
	Projects, Images, Iterations int
}

// predictionResource is where the sample's iterations are published to: an
// Azure Resource Manager id of nobody's.
const predictionResource = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/demo/providers/Microsoft.CognitiveServices/accounts/demo-prediction"

// Seed fills a resource with the sample account. The pictures, labels and
// settings are the same each time; ids and times are the service's. The
// client should have no rate limit where the service has none.
func Seed(ctx context.Context, c *customvision.Client) (Seeded, error) {
	return seed(ctx, c, sampleAccount())
}

func seed(ctx context.Context, c *customvision.Client, account []sampleProject) (Seeded, error) {
	domains, err := c.Domains(ctx)
	if err != nil {
		return Seeded{}, fmt.Errorf("list the domains: %w", err)
	}
	var total Seeded
	for i, p := range account {
		s := &seeder{client: c, spec: p, seed: uint64(i + 1), tagIDs: map[string]string{}}
		if err := s.run(ctx, domains); err != nil {
			return total, fmt.Errorf("create the sample project %q: %w", p.name, err)
		}
		total.Projects++
		total.Images += s.images
		total.Iterations += s.iterations
	}
	return total, nil
}

// seeder creates one project.
type seeder struct {
	client *customvision.Client
	spec   sampleProject
	seed   uint64

	projectID  string
	tagIDs     map[string]string // by name
	images     int               // uploaded so far
	iterations int
}

func (s *seeder) run(ctx context.Context, domains []manifest.Domain) error {
	if err := s.create(ctx, domains); err != nil {
		return err
	}
	for _, t := range s.spec.tags {
		created, err := s.client.CreateTag(ctx, s.projectID, t)
		if err != nil {
			return fmt.Errorf("create the tag %q: %w", t.Name, err)
		}
		s.tagIDs[t.Name] = created.ID
	}
	for _, st := range s.spec.stages {
		if err := s.stage(ctx, st); err != nil {
			return err
		}
	}
	return nil
}

func (s *seeder) create(ctx context.Context, domains []manifest.Domain) error {
	var domainID string
	for _, d := range domains {
		if d.Name == s.spec.domain && d.Type == s.spec.kind {
			domainID = d.ID
		}
	}
	if domainID == "" {
		return fmt.Errorf("the service has no domain %q for %s", s.spec.domain, s.spec.kind)
	}
	p, err := s.client.CreateProject(ctx, manifest.NewProject{
		Name: s.spec.name, Description: s.spec.description, DomainID: domainID,
		ClassificationType: s.spec.classification, TargetExportPlatforms: s.spec.platforms,
	})
	if err != nil {
		return err
	}
	s.projectID = p.ID
	if s.spec.augmentation == nil {
		return nil
	}
	p.Settings.ImageProcessingSettings = &manifest.ImageProcessingSettings{AugmentationMethods: s.spec.augmentation}
	_, err = s.client.UpdateProject(ctx, p.ID, p)
	return err
}

func (s *seeder) stage(ctx context.Context, st stage) error {
	ids, err := s.upload(ctx, st.photos)
	if err != nil {
		return err
	}
	if st.train {
		if err := s.train(ctx, st); err != nil {
			return err
		}
	}
	if st.discard == 0 {
		return nil
	}
	return s.client.DeleteImages(ctx, s.projectID, customvision.ImageDeletion{IDs: ids[:st.discard]})
}

// upload paints and uploads photographs in order, and returns the ids that
// they got. While one batch is on its way, the next is painted.
func (s *seeder) upload(ctx context.Context, photos []photo) ([]string, error) {
	type painted struct {
		batch manifest.ImageBatch
		err   error
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	ready := make(chan painted)
	go func() {
		defer close(ready)
		for first, batch := range batches(photos) {
			b, err := s.paint(batch, s.images+first)
			select {
			case ready <- painted{b, err}:
			case <-ctx.Done():
				return
			}
		}
	}()
	var ids []string
	for p := range ready {
		if p.err != nil {
			return nil, p.err
		}
		summary, err := s.client.CreateImagesFromFiles(ctx, s.projectID, p.batch)
		if err != nil {
			return nil, fmt.Errorf("upload images: %w", err)
		}
		got := map[string]string{}
		for _, r := range summary.Images {
			if r.Status != manifest.ImageOK || r.Image == nil {
				return nil, fmt.Errorf("upload image %s: the service says %s", r.SourceURL, r.Status)
			}
			got[r.SourceURL] = r.Image.ID
		}
		for _, img := range p.batch.Images {
			ids = append(ids, got[img.Name])
		}
	}
	s.images += len(photos)
	return ids, ctx.Err()
}

// batches cuts photographs into what one call takes, each with the index of
// its first: no more than the API allows, and all with the same metadata.
// (No project has more tags than a call may name.)
func batches(photos []photo) func(yield func(int, []photo) bool) {
	return func(yield func(int, []photo) bool) {
		for first := 0; first < len(photos); {
			end := first + 1
			for end < len(photos) && end-first < manifest.MaxBatch && maps.Equal(photos[end].metadata, photos[first].metadata) {
				end++
			}
			if !yield(first, photos[first:end]) {
				return
			}
			first = end
		}
	}
}

// paint makes one upload of photographs, the first of which is the
// project's nth.
func (s *seeder) paint(photos []photo, nth int) (manifest.ImageBatch, error) {
	batch := manifest.ImageBatch{Images: make([]manifest.NewImage, len(photos)), Metadata: photos[0].metadata}
	var painters errgroup.Group
	painters.SetLimit(runtime.GOMAXPROCS(0))
	for i, ph := range photos {
		painters.Go(func() error {
			p := ph.paint(rand.New(rand.NewPCG(s.seed, uint64(nth+i))))
			data, err := p.Encode(ph.format)
			if err != nil {
				return fmt.Errorf("encode a picture as %s: %w", ph.format, err)
			}
			img := manifest.NewImage{Name: fmt.Sprintf("%04d.%s", nth+i, ph.format), Contents: data}
			for _, name := range ph.tags {
				img.TagIDs = append(img.TagIDs, s.tagIDs[name])
			}
			if ph.regions {
				img.Regions = s.regions(p.Objects)
			}
			batch.Images[i] = img
			return nil
		})
	}
	return batch, painters.Wait()
}

func (s *seeder) regions(objects []picture.Object) []manifest.Region {
	out := make([]manifest.Region, len(objects))
	number := func(v float64) json.Number { return json.Number(strconv.FormatFloat(v, 'f', 6, 64)) }
	for i, o := range objects {
		out[i] = manifest.Region{
			TagID: s.tagIDs[o.Label],
			Left:  number(o.Box.Left), Top: number(o.Box.Top), Width: number(o.Box.Width), Height: number(o.Box.Height),
		}
	}
	return out
}

// train trains the project and does with the iteration what the stage says.
func (s *seeder) train(ctx context.Context, st stage) error {
	iteration, err := s.client.Train(ctx, s.projectID, manifest.TrainOptions{})
	if err != nil {
		return fmt.Errorf("train: %w", err)
	}
	err = poll(ctx, func() (bool, error) {
		iteration, err = s.client.Iteration(ctx, s.projectID, iteration.ID)
		if err == nil && iteration.Status == "Failed" {
			err = errors.New("it failed")
		}
		return iteration.Trained(), err
	})
	if err != nil {
		return fmt.Errorf("wait for the training: %w", err)
	}
	s.iterations++
	if st.publish != "" {
		if err := s.client.Publish(ctx, s.projectID, iteration.ID, st.publish, predictionResource, false); err != nil {
			return fmt.Errorf("publish the iteration: %w", err)
		}
	}
	if st.export[0] == "" {
		return nil
	}
	if _, err := s.client.ExportIteration(ctx, s.projectID, iteration.ID, st.export[0], st.export[1]); err != nil {
		return fmt.Errorf("export the model: %w", err)
	}
	return poll(ctx, func() (bool, error) {
		exports, err := s.client.ModelExports(ctx, s.projectID, iteration.ID)
		if err != nil || len(exports) == 0 {
			return false, err
		}
		if exports[0].Status == "Failed" {
			return false, errors.New("the export of the model failed")
		}
		return exports[0].Status == manifest.ExportDone, nil
	})
}

// poll asks until the answer is yes, an error, or the end of the context.
func poll(ctx context.Context, done func() (bool, error)) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		if ok, err := done(); ok || err != nil {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
