package plan

import (
	"slices"

	"cvarchive/manifest"
)

// LowerBound is a number of calls below which no rebuild of the content can
// stay, however its images are grouped:
//
//   - each image needs a place in a create call of at most 64 images and
//     [MaxBatchBytes] of uploads;
//   - images with different metadata cannot share the call that sets it, be
//     it the create call or UpdateImageMetadata;
//   - a create call names at most 20 tags, and a tag that no create call
//     names for an image must come in a later call of at most 128 tags.
//
// Two bounds follow, and the larger one counts: of the project as a whole,
// and of its groups of equal metadata one by one. Neither knows which tags
// lie on the same images, so where images have several of more than 20 tags,
// or differ so much in size that they do not fill their calls, a rebuild may
// need more calls than the bound and still be the best there is.
func (c *Content) LowerBound() int {
	base := 1 + len(c.tags)
	if NeedsUpdate(c.settings) {
		base++
	}
	groups := make([]demand, len(c.groups)+1)
	whole := demand{usage: map[int]int{}}
	for i := range c.items {
		it := &c.items[i]
		groups[it.group].add(it)
		whole.add(it)
	}
	least := 0
	for i := range groups {
		least += ceil(groups[i].images, manifest.MaxBatch)
	}
	least = max(least, whole.fewest(c.byURL))
	return base + max(ceil(whole.parts(least), partsOfCall), ceil(leastOfGroups(groups, c.byURL), partsOfCall))
}

// partsOfCall is what a call counts in the sums below, so that the later
// calls, which groups share, can be added up in fractions: one tag each.
const partsOfCall = manifest.MaxTagBatch

// demand is what images ask of the calls that make them.
type demand struct {
	images int
	bytes  int64
	usage  map[int]int // images by tag
	beyond int         // tags of images that have more than a call takes
}

func (d *demand) add(it *item) {
	if d.usage == nil {
		d.usage = map[int]int{}
	}
	d.images++
	d.bytes += it.size
	d.beyond += max(0, len(it.uses)-manifest.MaxBatchTags)
	for _, u := range it.uses {
		d.usage[u.tag]++
	}
}

// fewest is the number of create calls that the images need for their number
// and size.
func (d *demand) fewest(byURL bool) int {
	n := ceil(d.images, manifest.MaxBatch)
	if !byURL {
		n = max(n, int((d.bytes+MaxBatchBytes-1)/MaxBatchBytes))
	}
	return n
}

// parts finds the best trade between create calls, of which there are at
// least so many, and later calls: n create calls name at most 20n tags, so all
// the others come later, at best those with the fewest images.
func (d *demand) parts(least int) int {
	counts := make([]int, 0, len(d.usage))
	later := 0
	for _, n := range d.usage {
		counts = append(counts, n)
		later += n
	}
	slices.SortFunc(counts, func(a, b int) int { return b - a })
	named := min(len(counts), manifest.MaxBatchTags*least)
	for _, n := range counts[:named] {
		later -= n
	}
	best := -1
	for calls := least; best < 0 || calls*partsOfCall < best; calls++ {
		if total := calls*partsOfCall + max(later, d.beyond); best < 0 || total < best {
			best = total
		}
		next := min(len(counts), manifest.MaxBatchTags*(calls+1))
		for _, n := range counts[named:next] {
			later -= n
		}
		named = next
	}
	return best
}

// leastOfGroups adds up what the groups of equal metadata take at least, the
// first one being of the images without any. A group is created apart, in
// calls of its own, or some of its images are created with others' and get
// their metadata later.
func leastOfGroups(groups []demand, byURL bool) int {
	apart, cheapest, dearer, shared := 0, 0, -1, 0
	for i := range groups {
		g := &groups[i]
		if g.images == 0 {
			continue
		}
		alone := g.parts(g.fewest(byURL))
		apart += alone
		if i == 0 {
			cheapest += min(alone, shareOfCall(g.images))
			shared += alone // more images in these calls take nothing from them
			continue
		}
		late := ceil(g.images, manifest.MaxMetadataIDs) * partsOfCall
		shared += late
		if g.images <= manifest.MaxBatch {
			late += shareOfCall(g.images) // all of them; else it may be one
		} else {
			late += shareOfCall(1)
		}
		least := min(alone, late)
		cheapest += least
		if more := late - least; dearer < 0 || more < dearer {
			dearer = more
		}
	}
	if dearer < 0 {
		return apart // there is no metadata to come later
	}
	return min(apart, max(shared, cheapest+dearer))
}

// shareOfCall is the part of a create call that images take by their number.
func shareOfCall(images int) int { return images * partsOfCall / manifest.MaxBatch }
