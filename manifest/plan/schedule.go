package plan

import (
	"cmp"
	"slices"

	"cvarchive/manifest"
)

// MaxBatchBytes bounds the image bytes of one create call. In the body they
// are base64, a third longer; bodies of about 60 MB were seen to time out.
const MaxBatchBytes = 28 << 20

// Schedule says which images go in which create call, and what follows in
// later calls. It depends on the content alone, so that a plan can count on
// it and a restore, or another one that takes over, arrives at the same.
type Schedule struct {
	Batches []Batch

	metadataCalls int
	laterTags     int
	laterRegions  int
}

// Batch is one create call.
type Batch struct {
	Images []int // see [Content.Image]
	// Tags are the tags, as indexes in [Content.Tags], that go with the
	// images, in their regions too; those of other tags follow by
	// CreateImageTags and CreateImageRegions. nil: all go along.
	Tags []int
	// LateMetadata says that the images differ in metadata, which follows
	// by UpdateImageMetadata.
	LateMetadata bool
}

// Carries reports whether a tag goes along in the create call.
func (b *Batch) Carries(tag int) bool { return b.Tags == nil || slices.Contains(b.Tags, tag) }

// Schedule groups the images in as few calls as it can find.
//
// Images with equal metadata go together, since a create call has one
// metadata for all its images. That is cheapest unless a group's tags or
// bytes spread it over more calls than its number calls for; such groups may
// do better pooled with images that resemble them, with their metadata set
// afterwards. Both are tried.
func (c *Content) Schedule() *Schedule {
	byGroup := make([][]int, len(c.groups)+1)
	for i := range c.items {
		g := c.items[i].group
		byGroup[g] = append(byGroup[g], i)
	}
	apart := &Schedule{}
	pool := slices.Clone(byGroup[0])
	pooled := &Schedule{}
	for g, images := range byGroup {
		batches := c.pack(images)
		apart.append(c, batches)
		switch few := ceil(len(images), manifest.MaxBatch); {
		case g == 0:
		case len(batches) > few || slices.ContainsFunc(batches, func(b Batch) bool { return b.Tags != nil }):
			pool = append(pool, images...)
			pooled.metadataCalls += few
		default:
			pooled.append(c, batches)
		}
	}
	if pooled.metadataCalls == 0 {
		return apart
	}
	batches := c.pack(pool)
	for i := range batches {
		batches[i].LateMetadata = true
	}
	pooled.append(c, batches)
	if pooled.calls() < apart.calls() {
		return pooled
	}
	return apart
}

func (s *Schedule) append(c *Content, batches []Batch) {
	for i := range batches {
		tags, regions := c.later(&batches[i])
		s.laterTags += tags
		s.laterRegions += regions
	}
	s.Batches = append(s.Batches, batches...)
}

func (s *Schedule) calls() int {
	return len(s.Batches) + s.metadataCalls +
		ceil(s.laterTags, manifest.MaxTagBatch) + ceil(s.laterRegions, manifest.MaxBatch)
}

// later counts the tags and regions of a batch that do not go along.
func (c *Content) later(b *Batch) (tags, regions int) {
	if b.Tags == nil {
		return 0, 0
	}
	for _, i := range b.Images {
		for _, u := range c.items[i].uses {
			if !b.Carries(u.tag) {
				tags, regions = u.addLater(tags, regions)
			}
		}
	}
	return tags, regions
}

// addLater adds what a use costs in later calls: its regions bring the tag
// with them.
func (u use) addLater(tags, regions int) (int, int) {
	if u.regions > 0 {
		return tags, regions + u.regions
	}
	return tags + 1, regions
}

// laterCost is the share of later calls that a use takes.
func (u use) laterCost() float64 {
	tags, regions := u.addLater(0, 0)
	return float64(tags)/manifest.MaxTagBatch + float64(regions)/manifest.MaxBatch
}

// pack groups images that can share metadata into create calls.
func (c *Content) pack(images []int) []Batch {
	if len(images) == 0 {
		return nil
	}
	usage := c.usage(images)
	if len(sortedPositive(usage)) <= manifest.MaxBatchTags {
		return c.inOrder(images)
	}
	var tagged, untagged []int
	single := true
	for _, i := range images {
		switch len(c.items[i].uses) {
		case 0:
			untagged = append(untagged, i)
		case 1:
			tagged = append(tagged, i)
		default:
			single = false
			tagged = append(tagged, i)
		}
	}
	var full []Batch
	if single {
		full, tagged = c.fullOfSingles(tagged)
	}
	c.sortByTags(tagged, usage)
	// Sending tags later looks cheap at each cut, but a first such call is
	// a whole one; for no fewer create calls it is not worth it.
	mixed, strict := c.byWindow(tagged, untagged, true), c.byWindow(tagged, untagged, false)
	best := mixed
	if c.cheaper(strict, best) {
		best = strict
	}
	rest := slices.Concat(tagged, untagged)
	if c.cost(best) > ceil(len(rest), manifest.MaxBatch) {
		if batches := c.clustered(rest); c.cheaper(batches, best) {
			best = batches
		}
	}
	return append(full, best...)
}

// cost counts the calls of batches that are a schedule of their own.
func (c *Content) cost(batches []Batch) int {
	var s Schedule
	s.append(c, batches)
	return s.calls()
}

// usage counts for each tag the images that use it.
func (c *Content) usage(images []int) []int {
	n := make([]int, len(c.tags))
	for _, i := range images {
		for _, u := range c.items[i].uses {
			n[u.tag]++
		}
	}
	return n
}

func sortedPositive(counts []int) []int {
	s := slices.DeleteFunc(slices.Clone(counts), func(n int) bool { return n == 0 })
	slices.Sort(s)
	return s
}

// inOrder fills calls one after the other; the tags of all images fit in any.
func (c *Content) inOrder(images []int) []Batch {
	var batches []Batch
	for len(images) > 0 {
		n := c.fit(images, manifest.MaxBatch, 0)
		batches = append(batches, Batch{Images: images[:n:n]})
		images = images[n:]
	}
	return batches
}

// fit says how many of the images go in a call that has room for so many and
// holds so many bytes already. An empty call takes at least one.
func (c *Content) fit(images []int, room int, bytes int64) int {
	for n, i := range images {
		bytes += c.items[i].size
		if n == room || !c.byURL && bytes > MaxBatchBytes && (n > 0 || bytes > c.items[i].size) {
			return n
		}
	}
	return len(images)
}

// sortByTags brings images with like tags together, the commonest tags first.
func (c *Content) sortByTags(images []int, usage []int) {
	commonest := func(a, b use) int {
		return cmp.Or(cmp.Compare(usage[b.tag], usage[a.tag]), cmp.Compare(a.tag, b.tag))
	}
	for _, i := range images {
		slices.SortFunc(c.items[i].uses, commonest)
	}
	slices.SortStableFunc(images, func(a, b int) int {
		return slices.CompareFunc(c.items[a].uses, c.items[b].uses, commonest)
	})
}

// fullOfSingles fills as many calls as it can with images of one tag each, at
// most 20 tags a call: it takes the rarest tags that together fill a call,
// and what is left of the last one goes back in line. It returns the images
// for which no full call was found.
func (c *Content) fullOfSingles(images []int) (batches []Batch, rest []int) {
	byTag := map[int][]int{}
	for _, i := range images {
		tag := c.items[i].uses[0].tag
		byTag[tag] = append(byTag[tag], i)
	}
	var line [][]int // images of one tag each, the rarest first
	for tag := range c.tags {
		if len(byTag[tag]) > 0 {
			line = append(line, byTag[tag])
		}
	}
	rarest := func(a, b []int) int { return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a[0], b[0])) }
	slices.SortFunc(line, rarest)
	for {
		from, to := window(line)
		if from < 0 {
			return batches, slices.Concat(line...)
		}
		var b []int
		for _, of := range line[from : to-1] {
			b = append(b, of...)
		}
		last := line[to-1]
		take := manifest.MaxBatch - len(b)
		b = append(b, last[:take]...)
		line = slices.Delete(line, from, to)
		if last = last[take:]; len(last) > 0 {
			at, _ := slices.BinarySearchFunc(line, last, rarest)
			line = slices.Insert(line, at, last)
		}
		batches = append(batches, c.inOrder(b)...)
	}
}

// window finds the first run of at most 20 neighbours in line that fills a
// call, and only with its last one; -1 when there is none.
func window(line [][]int) (from, to int) {
	sum := 0
	for to < len(line) {
		sum += len(line[to])
		to++
		if to-from > manifest.MaxBatchTags {
			sum -= len(line[from])
			from++
		}
		if sum >= manifest.MaxBatch {
			return from, to
		}
	}
	return -1, -1
}

// byWindow cuts sorted images into calls. It stops where a 21st tag would
// come; with mayFollow it compares that, at each cut, with filling the call
// and sending the tags that do not fit later. Untagged images fill what is
// left.
func (c *Content) byWindow(tagged, untagged []int, mayFollow bool) []Batch {
	var batches []Batch
	for len(tagged) > 0 {
		filler := func(n int) int { return min(manifest.MaxBatch-n, len(untagged)) }
		strict := c.strictly(tagged)
		n := c.fit(tagged, manifest.MaxBatch, 0)
		carried, later := c.carried(tagged[:n])
		b := Batch{Tags: carried}
		if strict > 0 && (!mayFollow || float64(n+filler(n)) <= (1+later)*float64(strict+filler(strict))) {
			n, b.Tags = strict, nil
		}
		b.Images = slices.Clone(tagged[:n])
		tagged = tagged[n:]
		fill := c.fit(untagged, manifest.MaxBatch-n, c.bytes(b.Images))
		b.Images = append(b.Images, untagged[:fill]...)
		untagged = untagged[fill:]
		batches = append(batches, b)
	}
	return append(batches, c.inOrder(untagged)...)
}

func (c *Content) bytes(images []int) (n int64) {
	for _, i := range images {
		n += c.items[i].size
	}
	return n
}

// strictly counts the images that go in one call with all their tags; 0 when
// the first alone has too many.
func (c *Content) strictly(images []int) int {
	seen := map[int]bool{}
	for n, i := range images[:c.fit(images, manifest.MaxBatch, 0)] {
		for _, u := range c.items[i].uses {
			seen[u.tag] = true
		}
		if len(seen) > manifest.MaxBatchTags {
			return n
		}
	}
	return c.fit(images, manifest.MaxBatch, 0)
}

// carried chooses the 20 tags that would be the dearest to send later, and
// says how many calls, as a fraction, the others take.
func (c *Content) carried(images []int) (tags []int, later float64) {
	type costly struct {
		tag  int
		cost float64
	}
	var all []costly
	at := map[int]int{}
	for _, i := range images {
		for _, u := range c.items[i].uses {
			n, ok := at[u.tag]
			if !ok {
				n = len(all)
				at[u.tag] = n
				all = append(all, costly{tag: u.tag})
			}
			all[n].cost += u.laterCost()
		}
	}
	if len(all) <= manifest.MaxBatchTags {
		return nil, 0
	}
	slices.SortFunc(all, func(a, b costly) int { return cmp.Or(cmp.Compare(b.cost, a.cost), cmp.Compare(a.tag, b.tag)) })
	for _, t := range all[:manifest.MaxBatchTags] {
		tags = append(tags, t.tag)
	}
	for _, t := range all[manifest.MaxBatchTags:] {
		later += t.cost
	}
	return tags, later
}
