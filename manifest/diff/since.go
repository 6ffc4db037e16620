package diff

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"iter"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"cvarchive/manifest"
)

// Inventory is one state of a project whose ids mean the same in the other
// state: of the same resource at another time.
type Inventory struct {
	Project    manifest.Project
	Tags       []manifest.Tag
	Iterations []manifest.Iteration
	// Images yields the images of the workspace, in any order, each id
	// once. That of the old state is called up to twice and must give the
	// same each time; that of the new state, once.
	Images func() iter.Seq2[*manifest.Image, error]
}

// Since says what happened to a project between two of its states, by id: a
// tag, an image or an iteration that has another name, other labels or other
// values is the same one, changed. The edits of some maxImages images are kept;
// with 0 the old images are read only once.
//
// Memory holds some fifty bytes for each old image, none for the new ones,
// and the records of the images whose edits are kept. An error is one of the
// image sequences'.
func Since(old, new *Inventory, maxImages int) (*History, error) {
	h := &History{}
	h.settings(old, new)
	h.tags(old.Tags, new.Tags)
	h.iterations(old.Iterations, new.Iterations)
	c := &imageComparison{h: h, most: maxImages, names: tagNames(old, new)}
	return h, c.run(old.Images, new.Images)
}

func (h *History) settings(old, new *Inventory) {
	r := &Result{max: math.MaxInt}
	compareSettings(r, &old.Project, &new.Project, true)
	o, n := &old.Project.Settings, &new.Project.Settings
	for _, name := range slices.Sorted(maps.Keys(union(o.Extra, n.Extra))) {
		if a, b := string(o.Extra[name]), string(n.Extra[name]); a != b {
			r.add(Change{Kind: Setting, Item: name, Want: a, Got: b})
		}
	}
	for _, c := range r.Changes {
		e := Edit{Op: Changed, What: OfSetting, Name: c.Item, Old: c.Want, New: c.Got}
		if c.Item == "name" {
			e = Edit{Op: Changed, What: OfName, Old: strconv.Quote(c.Want), New: strconv.Quote(c.Got)}
		}
		h.Edits = append(h.Edits, e)
	}
}

func union(a, b manifest.Extra) manifest.Extra {
	u := maps.Clone(a)
	if u == nil {
		u = manifest.Extra{}
	}
	maps.Copy(u, b)
	return u
}

// things compares two lists by id: those of the new list in its order, then
// those that are gone.
func things[T any](h *History, what string, old, new []T, id, name, describe func(*T) string, differ func(o, n *T, edit func(field, a, b string))) {
	before := make(map[string]*T, len(old))
	for i := range old {
		before[strings.ToLower(id(&old[i]))] = &old[i]
	}
	for i := range new {
		n := &new[i]
		key := strings.ToLower(id(n))
		o, ok := before[key]
		if !ok {
			h.Edits = append(h.Edits, Edit{Op: Added, What: what, ID: id(n), Name: name(n), New: describe(n)})
			continue
		}
		delete(before, key)
		edit := func(field, a, b string) {
			if a != b {
				h.Edits = append(h.Edits, Edit{Op: Changed, What: what, ID: id(n), Name: name(o), Field: field, Old: a, New: b})
			}
		}
		edit("name", name(o), name(n))
		differ(o, n, edit)
	}
	for i := range old {
		if o := before[strings.ToLower(id(&old[i]))]; o == &old[i] {
			h.Edits = append(h.Edits, Edit{Op: Removed, What: what, ID: id(o), Name: name(o), Old: describe(o)})
		}
	}
}

func (h *History) tags(old, new []manifest.Tag) {
	things(h, OfTag, old, new,
		func(t *manifest.Tag) string { return t.ID },
		func(t *manifest.Tag) string { return t.Name },
		func(t *manifest.Tag) string {
			return fmt.Sprintf("%s, %d %s", strings.ToLower(cmp.Or(t.Type, manifest.TagRegular)), t.ImageCount, plural(t.ImageCount, "image"))
		},
		func(o, n *manifest.Tag, edit func(field, a, b string)) {
			edit("type", o.Type, n.Type)
			edit("description", o.Description, n.Description)
		})
}

// iterations compares those that were asked to train. The service gives a
// project one more, in state New, with the first edit after a training; it
// says nothing that the images do not.
func (h *History) iterations(old, new []manifest.Iteration) {
	begun := func(all []manifest.Iteration) []manifest.Iteration {
		return slices.DeleteFunc(slices.Clone(all), func(i manifest.Iteration) bool { return i.Status == "New" })
	}
	things(h, OfIteration, begun(old), begun(new),
		func(i *manifest.Iteration) string { return i.ID },
		func(i *manifest.Iteration) string { return i.Name },
		func(i *manifest.Iteration) string { return strings.ToLower(i.Status) },
		func(o, n *manifest.Iteration, edit func(field, a, b string)) {
			edit("status", o.Status, n.Status)
			edit("trained", string(o.TrainedAt), string(n.TrainedAt))
			edit("published as", o.PublishName, n.PublishName)
			edit("domainId", strings.ToLower(o.DomainID), strings.ToLower(n.DomainID))
		})
}

func plural(n int, noun string) string {
	if n == 1 {
		return noun
	}
	return noun + "s"
}

// tagNames gives each tag the name of the newer state, so that a renamed tag
// reads the same in both.
func tagNames(old, new *Inventory) map[string]string {
	names := map[string]string{}
	for _, tags := range [][]manifest.Tag{old.Tags, new.Tags} {
		for _, t := range tags {
			names[t.ID] = t.Name
		}
	}
	return names
}

// prints are the fingerprints of one image's parts.
type prints struct{ tags, regions, metadata, content uint64 } // content 0: not known

// known is what is kept of an old image.
type known struct {
	prints
	seen    bool
	changed bool
}

type imageComparison struct {
	h     *History
	most  int
	names map[string]string

	at      map[key]int32 // by id, index in old
	old     []known
	changed map[key]*manifest.Image // new records whose edits are kept
	added   []Edit
	kept    int
}

func (c *imageComparison) run(old, new func() iter.Seq2[*manifest.Image, error]) error {
	c.at, c.changed = map[key]int32{}, map[key]*manifest.Image{}
	for img, err := range old() {
		if err != nil {
			return err
		}
		c.at[idKey(img.ID)] = int32(len(c.old))
		c.old = append(c.old, known{prints: c.prints(img)})
	}
	t := &c.h.Images
	t.Old = len(c.old)
	for img, err := range new() {
		if err != nil {
			return err
		}
		t.New++
		c.compare(img)
	}
	for i := range c.old {
		if !c.old[i].seen {
			t.Removed++
		}
	}
	if c.most == 0 || t.Removed+t.Changed == 0 {
		c.h.ImageEdits = c.added
		return nil
	}
	return c.explain(old)
}

// compare takes one new image.
func (c *imageComparison) compare(img *manifest.Image) {
	t := &c.h.Images
	id := idKey(img.ID)
	i, ok := c.at[id]
	if !ok {
		t.Added++
		if c.kept < c.most {
			c.kept++
			it := ItemOf(img, c.names)
			c.added = append(c.added, Edit{Op: Added, What: OfImage, ID: img.ID, New: it.describe()})
		}
		return
	}
	o := &c.old[i]
	o.seen = true
	n := c.prints(img)
	count := func(differs bool, part *int) {
		if differs {
			*part++
			o.changed = true
		}
	}
	count(o.tags != n.tags, &t.Retagged)
	count(o.regions != n.regions, &t.Regions)
	count(o.metadata != n.metadata, &t.Metadata)
	count(o.content != n.content && o.content != 0 && n.content != 0, &t.Content)
	if o.changed {
		t.Changed++
		if c.kept < c.most {
			c.kept++
			c.changed[id] = new(*img)
		}
	}
}

// explain reads the old images again for the edits of those that are gone or
// changed, and puts them before the added ones.
func (c *imageComparison) explain(old func() iter.Seq2[*manifest.Image, error]) error {
	var edits []Edit
	n := -1
	for img, err := range old() {
		if err != nil {
			return err
		}
		n++
		switch o := &c.old[n]; {
		case !o.seen && len(edits)+len(c.added) < c.most:
			it := ItemOf(img, c.names)
			edits = append(edits, Edit{Op: Removed, What: OfImage, ID: img.ID, Old: it.describe()})
		case o.changed:
			if now := c.changed[idKey(img.ID)]; now != nil {
				edits = append(edits, c.edits(img, now)...)
			}
		}
	}
	c.h.ImageEdits = append(edits, c.added...)
	return nil
}

// edits says how one image changed.
func (c *imageComparison) edits(old, new *manifest.Image) []Edit {
	o, n := ItemOf(old, c.names), ItemOf(new, c.names)
	was, is := c.prints(old), c.prints(new)
	var out []Edit
	edit := func(differs bool, field, a, b string) {
		if differs {
			out = append(out, Edit{Op: Changed, What: OfImage, ID: new.ID, Field: field, Old: a, New: b})
		}
	}
	edit(was.tags != is.tags, "tags", quoted(o.Tags), quoted(n.Tags))
	a, b := unlike(o.Regions, n.Regions)
	edit(was.regions != is.regions, "regions", a, b)
	a, b = unlikePairs(o.Metadata, n.Metadata)
	edit(was.metadata != is.metadata, "metadata", a, b)
	edit(was.content != is.content && was.content != 0 && is.content != 0, "content", o.Content.String(), n.Content.String())
	return out
}

func idKey(id string) key {
	sum := sha256.Sum256([]byte(strings.ToLower(id)))
	return key(sum[:len(key{})])
}

// prints makes the fingerprints of an image. Tags count by id, so that a
// renamed one is no change of its images.
func (c *imageComparison) prints(img *manifest.Image) prints {
	it := ItemOf(nameless(img), nil)
	p := prints{
		tags: it.print(tags), regions: it.print(regions | regionCount), metadata: it.print(metadata),
	}
	if img.Object != nil {
		p.content = it.print(content) | 1
	}
	return p
}

// nameless is an image whose labels have ids only.
func nameless(img *manifest.Image) *manifest.Image {
	n := *img
	n.Tags, n.Regions = slices.Clone(img.Tags), slices.Clone(img.Regions)
	for i := range n.Tags {
		n.Tags[i].TagName = ""
	}
	for i := range n.Regions {
		n.Regions[i].TagName = ""
	}
	return &n
}

// print is a short fingerprint, for two states of one image.
func (it *Item) print(p parts) uint64 {
	k := it.fingerprint(p)
	return binary.LittleEndian.Uint64(k[:])
}
