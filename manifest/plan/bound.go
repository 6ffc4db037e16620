package plan

import (
	"math"
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
// Several bounds follow, and the largest counts: one of the project as a whole
// ([demand.parts]), one of its groups of equal metadata ([leastOfGroups]), and
// one that looks at which tags lie on the same images ([Content.affinity]).
//
// To find the fewest calls is a packing problem (sets of tags into calls of 20),
// which nobody knows how to solve quickly. So where images have several of more
// than 20 tags as if by chance, the bound is not tight: it knows how much any
// two images have in common, but not that 64 of them cannot all be each other's
// nearest. It does not look into which images fill a call's bytes either.
func (c *Content) LowerBound() int {
	base := 1 + len(c.tags)
	if NeedsUpdate(c.settings) {
		base++
	}
	groups := make([]demand, len(c.groups)+1)
	var whole demand
	for i := range c.items {
		it := &c.items[i]
		groups[it.group].add(it)
		whole.add(it)
	}
	whole.finish()
	bare := &groups[0] // without metadata
	bare.finish()
	// A group takes a call for each 64 of its images: a create call of its
	// own, or one for their metadata, which carries no tag; and neither is a
	// call that creates images without metadata.
	least, others := 0, 0
	for i := range groups {
		least += ceil(groups[i].images, manifest.MaxBatch)
		if i > 0 {
			others += ceil(groups[i].images, manifest.MaxBatch)
		}
	}
	parts := max(float64(whole.parts(max(least, whole.fewest(c.byURL)))), c.affinity(),
		float64(bare.parts(bare.fewest(c.byURL))+others*partsOfCall))
	for _, s := range whole.shares() {
		parts = max(parts, leastOfGroups(groups, s, c.byURL))
	}
	return base + int(math.Ceil(parts/partsOfCall-1e-9))
}

// partsOfCall is what a call counts in the sums below, so that the later
// calls, which groups share, can be added up in fractions: one tag each.
const partsOfCall = manifest.MaxTagBatch

// demand is what images ask of the calls that make them.
type demand struct {
	images      int
	bytes       int64
	usage       map[int]int // images by tag
	labels      int         // tags of all images
	beyond      int         // tags of images that have more than a call takes
	least, most int         // tags of an image

	// named has how many labels a call can carry for its 20 names at most:
	// the sums of the 20, 40, 60 … most useful names, a name being good
	// for the 64 images of one call.
	named []int
}

func (d *demand) add(it *item) {
	if d.usage == nil {
		d.usage = map[int]int{}
	}
	n := len(it.uses)
	if d.images == 0 {
		d.least = n
	}
	d.least, d.most = min(d.least, n), max(d.most, n)
	d.images++
	d.bytes += it.size
	d.labels += n
	d.beyond += max(0, n-manifest.MaxBatchTags)
	for _, u := range it.uses {
		d.usage[u.tag]++
	}
}

// finish works out what calls can carry.
func (d *demand) finish() {
	var names []int
	for _, n := range d.usage {
		for ; n > 0; n -= manifest.MaxBatch {
			names = append(names, min(n, manifest.MaxBatch))
		}
	}
	slices.SortFunc(names, func(a, b int) int { return b - a })
	d.named = []int{0}
	sum := 0
	for call := range slices.Chunk(names, manifest.MaxBatchTags) {
		for _, n := range call {
			sum += n
		}
		d.named = append(d.named, sum)
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

// later is how many labels so many create calls must leave to later ones.
func (d *demand) later(calls int) int {
	return max(d.labels-d.named[min(calls, len(d.named)-1)], d.beyond)
}

// parts finds the best trade between create calls, of which there are at
// least so many, and later calls.
func (d *demand) parts(least int) int {
	best := math.MaxInt
	for calls := least; calls*partsOfCall < best; calls++ {
		best = min(best, calls*partsOfCall+d.later(calls))
	}
	return best
}

// share is what an image takes at least of a create call and of later ones:
// its number of tags and some more, and never less than least.
type share struct{ more, least float64 }

// shares gives two bounds of that. A call of m images carries at most the 20
// commonest tags, for 64 images each, so it and its later calls take 128 parts
// for itself and all labels but those: divided by m, that is what each image
// takes beside its own labels. And an image takes a 64th of a call, and those
// of its tags that are more than 20.
func (d *demand) shares() []share {
	carry := share{more: math.Inf(1)}
	for m := 1; m <= manifest.MaxBatch; m++ {
		var counts []int
		for _, n := range d.usage {
			counts = append(counts, min(n, m))
		}
		slices.SortFunc(counts, func(a, b int) int { return b - a })
		carried := 0
		for _, n := range counts[:min(len(counts), manifest.MaxBatchTags)] {
			carried += n
		}
		carry.more = min(carry.more, float64(partsOfCall-carried)/float64(m))
	}
	carry.least = max(0, float64(d.least)+carry.more)
	const own = float64(partsOfCall) / manifest.MaxBatch
	return []share{carry, {
		more:  own - float64(min(d.most, manifest.MaxBatchTags)),
		least: own + float64(max(0, d.least-manifest.MaxBatchTags)),
	}}
}

// leastOfGroups adds up what the groups of equal metadata take at least, the
// first one being of the images without any.
//
// Of a group of n images some are created apart, in B calls of their own, and
// x in calls shared with other groups, after which their metadata takes a call
// for each 64 of them. Were all n created in the B calls, L tags would come
// later; the x take no more off that than their own tags, of which their share
// of the other calls is s.more short at most. So the group takes at least
//
//	B + M + max(L + x·s.more, x·s.least),  B ≥ (n-x)/64,  M ≥ x/64
//
// and the least of that over all x and B is what it adds.
func leastOfGroups(groups []demand, s share, byURL bool) (total float64) {
	for i := range groups {
		g := &groups[i]
		if g.images == 0 {
			continue
		}
		g.finish()
		best := math.Inf(1)
		for x := 0; x <= g.images; x++ {
			fixed := 0.0
			if i > 0 {
				fixed = float64(ceil(x, manifest.MaxMetadataIDs) * partsOfCall)
			}
			calls := ceil(g.images-x, manifest.MaxBatch)
			if x == 0 {
				calls = g.fewest(byURL)
			}
			for ; fixed+float64(calls*partsOfCall) < best; calls++ {
				rest := max(float64(g.later(calls))+float64(x)*s.more, float64(x)*s.least)
				best = min(best, fixed+float64(calls*partsOfCall)+rest)
			}
			if fixed >= best {
				break
			}
		}
		total += best
	}
	return total
}
