package plan

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"

	"cvarchive/manifest"
)

// Content is what an archived project holds, as far as planning a rebuild
// needs it: a compact entry for each image, whatever its regions and
// metadata weigh. Records are added in the order of the archive and are
// referred to by their number in it.
type Content struct {
	settings manifest.ProjectSettings
	tags     []manifest.Tag
	tagIndex map[string]int // archived tag id → index in tags

	items    []item
	byDigest map[key]int32 // content → index in items
	also     map[int][]int // index in items → records with the same bytes
	groups   map[key]int   // metadata → group number, from 1
	records  int

	all, whole Held
	merged     []Merged
	lost       []Lost
	strict     overStrict
	unknown    int // tag references that name no tag
	iteration  int // images that only an iteration holds
	byURL      bool
}

// Held counts what a project has. Tags has one count for each of
// [Content.Tags].
type Held struct {
	Images       int
	Regions      int
	WithMetadata int
	Bytes        int64
	Tags         []int
}

// Merged says that the bytes of one image are in the project twice: a
// resource keeps one image, with the labels of both.
type Merged struct {
	Record int // number of the record that is merged away
	Into   int // number of the record that is kept
	// Dropped says what of the second record the one image cannot carry.
	Dropped []string
}

// Lost is an image whose bytes the archive does not hold.
type Lost struct {
	Record int
	ID     string
}

// item is one image to create.
type item struct {
	record  int
	size    int64
	group   int // metadata; 0: none
	uses    []use
	regions []area // to find those that a duplicate repeats
}

// area is a region's fingerprint and tag.
type area struct {
	key key
	tag int32
}

// use is a tag on an image: by itself, or through regions.
type use struct{ tag, regions int }

type key [16]byte

// NewContent starts the content of a project with its settings and tags.
func NewContent(p manifest.Project, tags []manifest.Tag) *Content {
	c := &Content{
		settings: p.Settings,
		tagIndex: map[string]int{},
		byDigest: map[key]int32{},
		also:     map[int][]int{},
		groups:   map[key]int{},
	}
	for _, t := range tags {
		c.addTag(t)
	}
	return c
}

func (c *Content) addTag(t manifest.Tag) int {
	c.tagIndex[t.ID] = len(c.tags)
	c.tags = append(c.tags, t)
	c.all.Tags = append(c.all.Tags, 0)
	c.whole.Tags = append(c.whole.Tags, 0)
	return len(c.tags) - 1
}

// By says how the image bytes travel, which decides how many go in a call:
// bodies of uploads are bounded in bytes, lists of URLs are not.
func (c *Content) By(t Transfer) { c.byURL = t == TransferURL }

// Tags are the tags that the project needs: those listed, and those that only
// an image's record names (a tag made or removed while the backup ran).
func (c *Content) Tags() []manifest.Tag { return c.tags }

// TagNames gives the name of each tag by its archived id.
func (c *Content) TagNames() map[string]string {
	m := make(map[string]string, len(c.tagIndex))
	for id, i := range c.tagIndex {
		m[id] = c.tags[i].Name
	}
	return m
}

// All counts the images of the workspace, as archived.
func (c *Content) All() Held { return c.all }

// Restorable counts what can be rebuilt: images whose bytes are archived, one
// for each distinct content.
func (c *Content) Restorable() Held { return c.whole }

// Merged lists the records whose bytes another record has too.
func (c *Content) Merged() []Merged { return c.merged }

// Lost lists the images whose bytes the archive does not hold.
func (c *Content) Lost() []Lost { return c.lost }

// Add takes the next record.
func (c *Content) Add(img *manifest.Image) {
	record := c.records
	c.records++
	if len(img.Iterations) > 0 {
		c.iteration++
		return
	}
	it := item{record: record}
	c.label(&it, img)
	c.all.count(&it, img)
	if img.Object == nil {
		c.lost = append(c.lost, Lost{record, img.ID})
		return
	}
	it.size = img.Object.Size
	content := key(img.Object.SHA256[:len(key{})])
	if first, ok := c.byDigest[content]; ok {
		c.merge(int(first), &it)
		return
	}
	c.byDigest[content] = int32(len(c.items)) // an archive holds some millions
	c.whole.count(&it, img)
	c.whole.Bytes += it.size
	c.items = append(c.items, it)
}

func (h *Held) count(it *item, img *manifest.Image) {
	h.Images++
	h.Regions += len(it.regions)
	if len(img.Metadata) > 0 {
		h.WithMetadata++
	}
	for _, u := range it.uses {
		h.Tags[u.tag]++
	}
}

// label fills in tags, regions and the metadata group of an image.
func (c *Content) label(it *item, img *manifest.Image) {
	if len(img.Regions) > 0 {
		it.regions = make([]area, 0, len(img.Regions)) // and no more, for there are many
	}
	for _, r := range img.Regions {
		if tag, ok := c.tag(r.TagID, r.TagName); ok {
			it.use(tag, 1)
			it.regions = append(it.regions, area{regionKey(tag, &r), int32(tag)})
		}
	}
	for _, t := range img.Tags {
		if tag, ok := c.tag(t.TagID, t.TagName); ok {
			it.use(tag, 0)
		}
	}
	if len(img.Metadata) > 0 {
		c.strict.check(img)
		k := metadataKey(img.Metadata)
		if c.groups[k] == 0 {
			c.groups[k] = len(c.groups) + 1
		}
		it.group = c.groups[k]
	}
}

// tag resolves a reference. One that is not listed is matched, or added, by
// the name that the record gives.
func (c *Content) tag(id, name string) (int, bool) {
	if i, ok := c.tagIndex[id]; ok {
		return i, true
	}
	if name == "" {
		c.unknown++
		return 0, false
	}
	if i := slices.IndexFunc(c.tags, func(t manifest.Tag) bool { return t.Name == name }); i >= 0 {
		c.tagIndex[id] = i
		return i, true
	}
	return c.addTag(manifest.Tag{ID: id, Name: name, Type: manifest.TagRegular}), true
}

func (it *item) use(tag, regions int) {
	for i := range it.uses {
		if it.uses[i].tag == tag {
			it.uses[i].regions += regions
			return
		}
	}
	it.uses = append(it.uses, use{tag, regions})
}

func regionKey(tag int, r *manifest.Region) key {
	b := binary.AppendUvarint(nil, uint64(tag))
	for _, n := range [...]json.Number{r.Left, r.Top, r.Width, r.Height} {
		f, err := n.Float64()
		if err != nil {
			b = append(b, n...)
		}
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(float32(f)))
	}
	sum := sha256.Sum256(b)
	return key(sum[:len(key{})])
}

func metadataKey(m map[string]string) key {
	var b []byte
	for _, k := range slices.Sorted(maps.Keys(m)) {
		for _, s := range [...]string{k, m[k]} {
			b = binary.AppendUvarint(b, uint64(len(s)))
			b = append(b, s...)
		}
	}
	sum := sha256.Sum256(b)
	return key(sum[:len(key{})])
}

// merge gives an image the labels of a second record with the same bytes, as
// far as one image can carry both; [Content.Image] does the same to the
// records themselves.
func (c *Content) merge(image int, dup *item) {
	into := &c.items[image]
	m := Merged{Record: dup.record, Into: into.record}
	for _, u := range dup.uses {
		if into.has(u.tag) {
			continue
		}
		if !c.goesWith(into, u.tag) {
			m.Dropped = append(m.Dropped, fmt.Sprintf("tag %q", c.tags[u.tag].Name))
			continue
		}
		into.use(u.tag, 0)
		c.whole.Tags[u.tag]++
	}
	for _, a := range dup.regions {
		if tag := int(a.tag); into.has(tag) && !slices.Contains(into.regions, a) {
			into.regions = append(into.regions, a)
			into.use(tag, 1)
			c.whole.Regions++
		}
	}
	switch {
	case into.group == 0 && dup.group != 0:
		into.group = dup.group
		c.whole.WithMetadata++
	case dup.group != 0 && dup.group != into.group:
		m.Dropped = append(m.Dropped, "metadata")
	}
	c.also[image] = append(c.also[image], dup.record)
	c.merged = append(c.merged, m)
}

func (it *item) has(tag int) bool {
	return slices.ContainsFunc(it.uses, func(u use) bool { return u.tag == tag })
}

// goesWith reports whether an image with these tags may carry one more: a
// multiclass project has one tag an image, and a negative tag stands alone.
func (c *Content) goesWith(it *item, tag int) bool {
	if len(it.uses) == 0 {
		return true
	}
	if c.settings.ClassificationType == "Multiclass" || c.tags[tag].Type == manifest.TagNegative {
		return false
	}
	return !slices.ContainsFunc(it.uses, func(u use) bool { return c.tags[u.tag].Type == manifest.TagNegative })
}

// Len counts the images to create.
func (c *Content) Len() int { return len(c.items) }

// Group numbers the metadata of an image; images with equal metadata have
// equal numbers, 0 means none.
func (c *Content) Group(image int) int { return c.items[image].group }

// TagOf resolves a record's tag reference to an index in [Content.Tags].
func (c *Content) TagOf(id, name string) (int, bool) {
	if i, ok := c.tagIndex[id]; ok {
		return i, true
	}
	if name == "" {
		return 0, false
	}
	i := slices.IndexFunc(c.tags, func(t manifest.Tag) bool { return t.Name == name })
	return i, i >= 0
}

// Image builds the record of an image to create, from the archived record or
// from several with the same bytes. load gives a record by its number.
func (c *Content) Image(image int, load func(record int) (*manifest.Image, error)) (*manifest.Image, error) {
	it, also := &c.items[image], c.also[image]
	first, err := load(it.record)
	if err != nil || len(also) == 0 {
		return first, err
	}
	m := *first
	m.Tags, m.Regions = nil, nil
	seen := map[area]bool{}
	tagged := map[int]bool{}
	for _, n := range append([]int{it.record}, also...) {
		img, err := load(n)
		if err != nil {
			return nil, err
		}
		for _, t := range img.Tags {
			if tag, ok := c.TagOf(t.TagID, t.TagName); ok && it.has(tag) && !tagged[tag] {
				tagged[tag] = true
				m.Tags = append(m.Tags, t)
			}
		}
		for _, r := range img.Regions {
			tag, ok := c.TagOf(r.TagID, r.TagName)
			if a := (area{regionKey(tag, &r), int32(tag)}); ok && it.has(tag) && !seen[a] {
				seen[a] = true
				m.Regions = append(m.Regions, r)
			}
		}
		if len(m.Metadata) == 0 {
			m.Metadata = img.Metadata
		}
	}
	return &m, nil
}
