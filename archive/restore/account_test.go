package restore_test

import (
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"cvarchive/manifest"
	"cvarchive/remote/customvision"
)

// A model is what a resource holds, in words of its own: it shares nothing
// with what captures, plans, restores and compares, or all would err alike.
// Ids are left out, since they change; tags go by name, images by content.
type (
	modelProject struct {
		Name, Description, Domain, Kind string
		Platforms                       []string
		Augmentation                    map[string]bool
		Tags                            []modelTag
		Images                          map[string]*modelImage // by SHA-256
	}
	modelTag struct{ Name, Description, Type string }

	modelImage struct {
		Tags     []string
		Regions  []modelRegion
		Metadata map[string]string

		picture int
	}
	modelRegion struct {
		Tag                      string
		Left, Top, Width, Height float64
	}
)

// words are pieces of names that have broken other tools.
var words = []string{
	"chat", "Über", "猫", "قطة", "חתול", "🐈‍⬛", "👩🏽‍🚀", "a/b", "50%", "x&y=z", "\"q\"", "#1", "new\nline", "\ttab", "+", "'", "\\", "<b>",
	"\u202eevil", "e\u0301", "\u00a0", "..", "null", "NaN", "=1+1", ";", "CON", "$HOME", "%2F", "?",
}

// chance makes an account at random, the same for the same seed.
type chance struct {
	*rand.Rand
	names int
	often int // once in how many times something is large
	room  int // for labels of the project at hand, so that it stays quick
}

// oneIn is true once in n times.
func (c *chance) oneIn(n int) bool { return c.IntN(n) == 0 }

// text is of at most so many characters.
func (c *chance) text(most int) string {
	var b []rune
	size := 1 + c.IntN(min(most, 24))
	if c.oneIn(40) {
		size = most
	}
	for len(b) < size {
		b = append(b, []rune(words[c.IntN(len(words))])...)
		if c.oneIn(2) {
			b = append(b, ' ')
		}
	}
	return string(b[:size])
}

// name is a text that nothing else is called.
func (c *chance) name(most int) string {
	c.names++
	n := strconv.Itoa(c.names)
	return c.text(most-len(n)-1) + " " + n
}

func (c *chance) description() string {
	if c.oneIn(2) {
		return ""
	}
	return c.text(1000)
}

// few is a number up to most, mostly a small one.
func (c *chance) few(usual, most int) int {
	if c.oneIn(c.often) {
		return c.IntN(most + 1)
	}
	return c.IntN(usual + 1)
}

var (
	classificationDomains = []string{classification, "ca455789-012d-4b50-9fec-5bb63841c793", "0732100f-1a38-4e49-a514-c9b44c697ab5"}
	detectionDomains      = []string{detection, "3780a898-81c3-4516-81ae-3a139614e1f3", "a27d5ca5-bb19-49d8-a70a-fec086c47f5b"}
)

// project makes one of any kind, whose pictures are of those that the
// account's other projects may have too.
func (c *chance) project(pictures int) *modelProject {
	c.often = []int{2, 25, 25, 25, 25, 25, 25, 25}[c.IntN(8)]
	c.room = 800
	p := &modelProject{
		Name: c.name(1000), Description: c.description(), Kind: []string{"Multilabel", "Multiclass", ""}[c.IntN(3)],
		Augmentation: map[string]bool{}, Images: map[string]*modelImage{},
	}
	p.Domain = classificationDomains[c.IntN(3)]
	if p.Kind == "" {
		p.Domain = detectionDomains[c.IntN(3)]
	}
	for _, method := range []string{"rotation", "scaling", "translation", "horizontal flip"} {
		if c.oneIn(2) {
			p.Augmentation[method] = c.oneIn(2)
		}
	}
	for _, platform := range []string{"ONNX", "CoreML", "TensorFlow"} {
		if c.oneIn(4) {
			p.Platforms = append(p.Platforms, platform)
		}
	}
	c.tags(p)
	if c.oneIn(10) {
		return p // empty but for its tags
	}
	metadata := c.metadata()
	for _, picture := range c.Perm(pictures)[:c.few(6, pictures)] {
		img := &modelImage{picture: picture}
		c.label(p, img)
		if len(metadata) > 0 {
			img.Metadata = metadata[c.IntN(len(metadata))]
		}
		sum := sha256.Sum256(picturesOf(picture))
		p.Images[fmt.Sprintf("%x", sum)] = img
	}
	return p
}

func (c *chance) tags(p *modelProject) {
	for range c.few(6, 120) {
		p.Tags = append(p.Tags, modelTag{c.name(1000), c.description(), "Regular"})
	}
	for _, kind := range []string{"Negative", "GeneralProduct"} {
		if c.oneIn(4) {
			p.Tags = slices.Insert(p.Tags, c.IntN(len(p.Tags)+1), modelTag{c.name(100), c.description(), kind})
		}
	}
}

// label gives an image tags, or regions in a project for detection.
func (c *chance) label(p *modelProject, img *modelImage) {
	var tags []string
	negative := ""
	for _, t := range p.Tags {
		if t.Type == "Negative" {
			negative = t.Name
		} else {
			tags = append(tags, t.Name)
		}
	}
	if negative != "" && c.oneIn(5) {
		img.Tags = []string{negative}
		return
	}
	c.Shuffle(len(tags), func(i, k int) { tags[i], tags[k] = tags[k], tags[i] })
	n := min(c.few(4, 100), len(tags), 100, c.room)
	c.room -= n
	if p.Kind == "Multiclass" {
		n = min(n, 1)
	}
	img.Tags = slices.Sorted(slices.Values(tags[:n]))
	if p.Kind != "" || n == 0 || c.oneIn(8) {
		return
	}
	boxes := min(c.few(3, 300), c.room)
	c.room -= boxes
	for range boxes {
		r := modelRegion{Tag: img.Tags[c.IntN(n)], Left: c.fraction(1), Top: c.fraction(1)}
		r.Width, r.Height = c.fraction(1-r.Left), c.fraction(1-r.Top)
		if !slices.Contains(img.Regions, r) && r.Width > 0 && r.Height > 0 {
			img.Regions = append(img.Regions, r)
		}
	}
	slices.SortFunc(img.Regions, modelRegion.compare)
}

// fraction is a number of single precision up to most, and sometimes just
// that.
func (c *chance) fraction(most float64) float64 {
	switch c.IntN(8) {
	case 0:
		return float64(float32(most * 0.999))
	case 1:
		return float64(float32(most / 2))
	}
	return float64(float32(c.Float64() * most))
}

// metadata makes what a project's images have: none, equal, a few kinds, or
// as much as the service takes.
func (c *chance) metadata() []map[string]string {
	var kinds []map[string]string
	for range c.few(3, 20) {
		m := map[string]string{}
		switch {
		case c.oneIn(3): // without
		case c.oneIn(12):
			for i := range 50 {
				m[fmt.Sprintf("%d %s", i, c.text(250))] = c.text(512)
			}
		default:
			for range 1 + c.IntN(4) {
				m[c.name(100)] = c.text(200)
			}
		}
		kinds = append(kinds, m)
	}
	return kinds
}

func (r modelRegion) compare(o modelRegion) int {
	return cmp.Or(cmp.Compare(r.Tag, o.Tag), cmp.Compare(r.Left, o.Left), cmp.Compare(r.Top, o.Top),
		cmp.Compare(r.Width, o.Width), cmp.Compare(r.Height, o.Height))
}

func picturesOf(n int) []byte { return picture(1_000_000 + n) }

// seedModel makes a project in a resource, call by call, with no thought of
// how many.
func seedModel(t *testing.T, c *customvision.Client, p *modelProject) {
	t.Helper()
	ctx := t.Context()
	made, err := c.CreateProject(ctx, manifest.NewProject{
		Name: p.Name, Description: p.Description, DomainID: p.Domain, ClassificationType: p.Kind, TargetExportPlatforms: p.Platforms,
	})
	check(t, err)
	made.Settings.ImageProcessingSettings = &manifest.ImageProcessingSettings{AugmentationMethods: p.Augmentation}
	_, err = c.UpdateProject(ctx, made.ID, made)
	check(t, err)
	ids := map[string]string{}
	for _, tag := range p.Tags {
		m, err := c.CreateTag(ctx, made.ID, manifest.Tag{Name: tag.Name, Description: tag.Description, Type: tag.Type})
		check(t, err)
		ids[tag.Name] = m.ID
	}
	for _, sum := range slices.Sorted(maps.Keys(p.Images)) {
		seedImage(t, c, made.ID, p.Images[sum], ids)
	}
}

func seedImage(t *testing.T, c *customvision.Client, project string, img *modelImage, ids map[string]string) {
	t.Helper()
	entry := manifest.NewImage{Name: "picture", Contents: picturesOf(img.picture)}
	for i, tag := range img.Tags {
		if i < 20 {
			entry.TagIDs = append(entry.TagIDs, ids[tag])
		}
	}
	sum, err := c.CreateImagesFromFiles(t.Context(), project, manifest.ImageBatch{Images: []manifest.NewImage{entry}, Metadata: img.Metadata})
	check(t, err)
	if len(sum.Images) != 1 || sum.Images[0].Status != "OK" {
		t.Fatalf("an image could not be seeded: %+v", sum.Images)
	}
	id := sum.Images[0].Image.ID
	var later []manifest.ImageTagEntry
	for i, tag := range img.Tags {
		if i >= 20 {
			later = append(later, manifest.ImageTagEntry{ImageID: id, TagID: ids[tag]})
		}
	}
	if len(later) > 0 {
		_, err = c.CreateImageTags(t.Context(), project, later)
		check(t, err)
	}
	for some := range slices.Chunk(img.Regions, 64) {
		var entries []manifest.ImageRegionEntry
		for _, r := range some {
			entries = append(entries, manifest.ImageRegionEntry{ImageID: id, Region: manifest.Region{
				TagID: ids[r.Tag], Left: number(r.Left), Top: number(r.Top), Width: number(r.Width), Height: number(r.Height),
			}})
		}
		_, err = c.CreateImageRegions(t.Context(), project, entries)
		check(t, err)
	}
}

// readModel says what a resource holds, by name.
func readModel(t *testing.T, c *customvision.Client) map[string]*modelProject {
	t.Helper()
	projects, err := c.Projects(t.Context())
	check(t, err)
	models := map[string]*modelProject{}
	for _, p := range projects {
		models[p.Name] = readProject(t, c, p)
	}
	return models
}

func readProject(t *testing.T, c *customvision.Client, p manifest.Project) *modelProject {
	t.Helper()
	m := &modelProject{
		Name: p.Name, Description: p.Description, Domain: p.Settings.DomainID, Kind: p.Settings.ClassificationType,
		Platforms: p.Settings.TargetExportPlatforms, Augmentation: p.Settings.ImageProcessingSettings.AugmentationMethods,
		Images: map[string]*modelImage{},
	}
	tags, err := c.Tags(t.Context(), p.ID, "")
	check(t, err)
	names := map[string]string{}
	for _, tag := range tags {
		names[tag.ID] = tag.Name
		m.Tags = append(m.Tags, modelTag{tag.Name, tag.Description, tag.Type})
	}
	for skip := 0; ; skip += 256 {
		page, err := c.Images(t.Context(), p.ID, manifest.ImageQuery{Skip: skip, Take: 256})
		check(t, err)
		for i := range page {
			m.Images[contentOf(t, c, p.ID, &page[i])] = readImage(&page[i], names)
		}
		if len(page) < 256 {
			return m
		}
	}
}

func readImage(img *manifest.ListedImage, names map[string]string) *modelImage {
	m := &modelImage{Metadata: img.Metadata}
	for _, t := range img.Tags {
		m.Tags = append(m.Tags, names[t.TagID])
	}
	slices.Sort(m.Tags)
	for _, r := range img.Regions {
		m.Regions = append(m.Regions, modelRegion{names[r.TagID], float(r.Left), float(r.Top), float(r.Width), float(r.Height)})
	}
	slices.SortFunc(m.Regions, modelRegion.compare)
	return m
}

func contentOf(t *testing.T, c *customvision.Client, project string, img *manifest.ListedImage) string {
	t.Helper()
	body, _, err := c.Download(t.Context(), project, img.OriginalURI, 0)
	check(t, err)
	defer body.Close()
	h := sha256.New()
	_, err = io.Copy(h, body)
	check(t, err)
	return fmt.Sprintf("%x", h.Sum(nil))
}

func number(f float64) json.Number {
	return json.Number(strconv.FormatFloat(f, 'g', -1, 32))
}

func float(n json.Number) float64 {
	f, err := strconv.ParseFloat(strings.TrimSpace(string(n)), 32)
	if err != nil {
		return -1
	}
	return f
}
