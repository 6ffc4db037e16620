package main

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"golang.org/x/sync/errgroup"

	"cvarchive/manifest"
	"cvarchive/remote/customvision"
)

// projectSpec describes the projects that an account has.
type projectSpec struct {
	Name     string `json:"name"`
	Projects int    `json:"projects"` // so many of the kind
	Images   int    `json:"images"`   // of each
	Size     int    `json:"size"`     // median bytes of an image
	Tags     int    `json:"tags"`     // of each project
	PerImage int    `json:"perImage"` // tags of an image
	Boxes    int    `json:"boxes"`    // regions of an image, then the domain is one of detection
	// Metadata is the number of different values that images have, in
	// turns: 0 for none, -1 for one an image.
	Metadata int `json:"metadata"`
}

const (
	generalDomain   = "ee85a74c-405e-4adc-bb47-ffa8ca0c9f31"
	detectionDomain = "da2e3a8a-40a5-4171-82f4-58522f70fbc1"
)

// account fills a resource and knows what it holds.
type account struct {
	client   *customvision.Client
	pictures map[int]*pictures // by median size
	drawn    uint64
	projects []*filled
}

// filled is one project.
type filled struct {
	spec   projectSpec
	id     string
	tags   []string
	images int
	bytes  int64
}

func newAccount(client *customvision.Client) *account {
	return &account{client: client, pictures: map[int]*pictures{}}
}

// fill makes the projects of a kind.
func (a *account) fill(ctx context.Context, spec projectSpec) error {
	for i := range spec.Projects {
		p := manifest.NewProject{Name: fmt.Sprintf("%s %d", spec.Name, i+1), DomainID: generalDomain, ClassificationType: "Multilabel"}
		if spec.Boxes > 0 {
			p.DomainID, p.ClassificationType = detectionDomain, ""
		}
		created, err := a.client.CreateProject(ctx, p)
		if err != nil {
			return err
		}
		f := &filled{spec: spec, id: created.ID}
		a.projects = append(a.projects, f)
		for t := range spec.Tags {
			tag, err := a.client.CreateTag(ctx, f.id, manifest.Tag{Name: fmt.Sprintf("tag %d", t+1), Type: manifest.TagRegular})
			if err != nil {
				return err
			}
			f.tags = append(f.tags, tag.ID)
		}
		if err := a.grow(ctx, f, spec.Images); err != nil {
			return err
		}
	}
	return nil
}

// newcomer is an image on its way into the account.
type newcomer struct {
	image    manifest.NewImage
	picture  uint64
	metadata map[string]string
}

// grow adds images to a project, labelled as its kind is.
func (a *account) grow(ctx context.Context, f *filled, n int) error {
	p := a.pictures[f.spec.Size]
	if p == nil {
		var err error
		if p, err = newPictures(f.spec.Size); err != nil {
			return err
		}
		a.pictures[f.spec.Size] = p
	}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(4)
	var batch []*newcomer
	flush := func() {
		if len(batch) > 0 {
			images := batch
			g.Go(func() error { return a.upload(ctx, f, p, images) })
		}
		batch = nil
	}
	size := 0
	for range n {
		next := f.newcomer(a.drawn)
		a.drawn++
		size += f.spec.Size
		if size > 24<<20 || !fits(batch, next) {
			flush()
			size = f.spec.Size
		}
		batch = append(batch, next)
		f.images++
	}
	flush()
	if err := g.Wait(); err != nil {
		return err
	}
	for i := range n {
		f.bytes += int64(p.size(a.drawn - uint64(n-i)))
	}
	return nil
}

// newcomer labels the next image of a project.
func (f *filled) newcomer(picture uint64) *newcomer {
	i, s := f.images, f.spec
	c := &newcomer{picture: picture, image: manifest.NewImage{Name: fmt.Sprint(picture)}}
	for k := range min(s.PerImage, s.Tags) {
		tag := f.tags[(i*7+k*3)%s.Tags]
		if s.Boxes == 0 {
			c.image.TagIDs = append(c.image.TagIDs, tag)
		}
	}
	for k := range s.Boxes {
		c.image.Regions = append(c.image.Regions, manifest.Region{
			TagID: f.tags[(i*7+k*3)%s.Tags],
			Left:  fraction(i, k, 0.5), Top: fraction(i+1, k, 0.5), Width: fraction(i+2, k, 0.3), Height: fraction(i+3, k, 0.3),
		})
	}
	switch {
	case s.Metadata < 0:
		c.metadata = map[string]string{"serial": fmt.Sprint(i)}
	case s.Metadata > 0:
		c.metadata = map[string]string{"site": fmt.Sprint("plant ", i*s.Metadata/max(s.Images, 1))}
	}
	return c
}

// record is the image as an archive would have it.
func (c *newcomer) record() *manifest.Image {
	img := &manifest.Image{
		ID: "image-" + c.image.Name, Metadata: c.metadata, Regions: c.image.Regions,
		Object: &manifest.Object{SHA256: sha256.Sum256([]byte(c.image.Name)), Size: 1000, Ext: "jpg"},
	}
	tags := slices.Clone(c.image.TagIDs)
	for _, r := range c.image.Regions {
		tags = append(tags, r.TagID)
	}
	slices.Sort(tags)
	for _, id := range slices.Compact(tags) {
		img.Tags = append(img.Tags, manifest.ImageTag{TagID: id})
	}
	return img
}

// fraction is some number up to most, different for each i and k.
func fraction(i, k int, most float64) json.Number {
	return json.Number(fmt.Sprintf("%.6f", 0.01+most*float64((i*7919+k*104729)%9973)/9973))
}

// fits reports whether one create call takes an image with the others.
func fits(batch []*newcomer, next *newcomer) bool {
	if len(batch) == 0 {
		return true
	}
	tags := map[string]bool{}
	for _, c := range append(batch[:len(batch):len(batch)], next) {
		for _, id := range c.image.TagIDs {
			tags[id] = true
		}
		for _, r := range c.image.Regions {
			tags[r.TagID] = true
		}
	}
	return len(batch) < manifest.MaxBatch && len(tags) <= manifest.MaxBatchTags && maps.Equal(batch[0].metadata, next.metadata)
}

func (a *account) upload(ctx context.Context, f *filled, p *pictures, images []*newcomer) error {
	b := manifest.ImageBatch{Metadata: images[0].metadata}
	for _, c := range images {
		c.image.Contents = p.draw(c.picture)
		b.Images = append(b.Images, c.image)
	}
	sum, err := a.client.CreateImagesFromFiles(ctx, f.id, b)
	if err != nil {
		return err
	}
	if !sum.IsBatchSuccessful {
		return errors.New("the simulator refused an image")
	}
	return nil
}
