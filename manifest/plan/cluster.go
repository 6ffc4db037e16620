package plan

import (
	"cmp"
	"slices"

	"cvarchive/manifest"
)

const (
	// clusterCalls is how many calls are filled together: more find better
	// company for an image, and take longer.
	clusterCalls = 32
	// clusterRounds bounds the rounds for the same images.
	clusterRounds = 10
	// clusterTries is how many numbers of calls are tried for a small
	// project, in which one call is a larger part of all.
	clusterTries = 4
)

// clustered fills calls with images that share tags, where no call can carry
// the tags of all: again and again each call names the 20 tags that are worth
// most to its images, and each image goes to the call that carries most of it.
// It starts with images sorted by their tags, and tries a few numbers of calls.
func (c *Content) clustered(images []int) (best []Batch) {
	fewest := ceil(len(images), manifest.MaxBatch)
	tries := clusterTries
	if fewest > clusterCalls {
		tries = 1
	}
	for calls := fewest; calls < fewest+tries; calls++ {
		var batches []Batch
		for from, left := 0, calls; left > 0; {
			some := min(left, clusterCalls)
			to := from + (len(images)-from)*some/left
			batches = append(batches, c.cluster(images[from:to], some)...)
			from, left = to, left-some
		}
		if best == nil || c.cheaper(batches, best) {
			best = batches
		}
	}
	return best
}

// cheaper compares batches as schedules of their own: by whole calls, then by
// what they add to later calls that others may share.
func (c *Content) cheaper(a, b []Batch) bool {
	var x, y Schedule
	x.append(c, a)
	y.append(c, b)
	parts := func(s *Schedule) int {
		return len(s.Batches)*partsOfCall + s.laterTags + s.laterRegions*partsOfCall/manifest.MaxBatch
	}
	return cmp.Or(cmp.Compare(x.calls(), y.calls()), cmp.Compare(parts(&x), parts(&y))) < 0
}

// worth is the part of later calls that a tag saves by going along, in parts.
func (u use) worth() int { return max(1, u.regions*partsOfCall/manifest.MaxBatch) }

// cluster fills so many calls with images.
func (c *Content) cluster(images []int, calls int) []Batch {
	k := &clustering{c: c, images: images, weight: make([]int, len(c.tags)), carriers: make([][]int, len(c.tags)), gain: make([]int, calls)}
	now := make([][]int, calls)
	for i := range now {
		now[i] = images[len(images)*i/calls : len(images)*(i+1)/calls]
	}
	var best [][]int
	most := -1
	for range clusterRounds {
		carried := k.name(now)
		if carried <= most {
			break
		}
		best, most = now, carried
		now = k.settle()
	}
	var batches []Batch
	left := map[int]bool{} // too large for what was left of every call
	for _, i := range images {
		left[i] = true
	}
	for _, b := range best {
		for _, i := range b {
			delete(left, i)
		}
		for len(b) > 0 {
			n := c.fit(b, manifest.MaxBatch, 0)
			tags, _ := c.carried(b[:n])
			batches = append(batches, Batch{Images: b[:n:n], Tags: tags})
			b = b[n:]
		}
	}
	rest := slices.DeleteFunc(slices.Clone(images), func(i int) bool { return !left[i] })
	return append(batches, c.byWindow(rest, nil, true)...)
}

// clustering is the state of [Content.cluster].
type clustering struct {
	c        *Content
	images   []int
	weight   []int   // by tag, for one call at a time
	carriers [][]int // the calls that name a tag
	gain     []int   // by call, for one image at a time
	byGain   [][]placing
}

// placing is an image that a call would carry something of.
type placing struct{ image, call int }

// name chooses the tags of each call, and says what all of them carry.
func (k *clustering) name(calls [][]int) (carried int) {
	for t := range k.carriers {
		k.carriers[t] = k.carriers[t][:0]
	}
	for b, images := range calls {
		var tags []int
		for _, i := range images {
			for _, u := range k.c.items[i].uses {
				if k.weight[u.tag] == 0 {
					tags = append(tags, u.tag)
				}
				k.weight[u.tag] += u.worth()
			}
		}
		slices.SortFunc(tags, func(x, y int) int { return cmp.Or(cmp.Compare(k.weight[y], k.weight[x]), cmp.Compare(x, y)) })
		for _, t := range tags[:min(len(tags), manifest.MaxBatchTags)] {
			carried += k.weight[t]
			k.carriers[t] = append(k.carriers[t], b)
		}
		for _, t := range tags {
			k.weight[t] = 0
		}
	}
	return carried
}

// settle moves each image to the call that carries most of it, the most
// decided first, as far as there is room.
func (k *clustering) settle() [][]int {
	for g := range k.byGain {
		k.byGain[g] = k.byGain[g][:0]
	}
	for _, i := range k.images {
		k.place(i)
	}
	next := make([][]int, len(k.gain))
	bytes := make([]int64, len(k.gain))
	settled := make(map[int]bool, len(k.images))
	settle := func(i, call int) {
		if !settled[i] && k.c.fit([]int{i}, manifest.MaxBatch-len(next[call]), bytes[call]) == 1 {
			settled[i] = true
			next[call] = append(next[call], i)
			bytes[call] += k.c.items[i].size
		}
	}
	for _, places := range slices.Backward(k.byGain) {
		for _, p := range places {
			settle(p.image, p.call)
		}
	}
	for _, i := range k.images { // that nothing is carried of
		for call := range next {
			settle(i, call)
		}
	}
	return next
}

// place finds the calls that carry something of an image.
func (k *clustering) place(image int) {
	var calls []int
	for _, u := range k.c.items[image].uses {
		for _, b := range k.carriers[u.tag] {
			if k.gain[b] == 0 {
				calls = append(calls, b)
			}
			k.gain[b] += u.worth()
		}
	}
	for _, b := range calls {
		for len(k.byGain) <= k.gain[b] {
			k.byGain = append(k.byGain, nil)
		}
		k.byGain[k.gain[b]] = append(k.byGain[k.gain[b]], placing{image, b})
		k.gain[b] = 0
	}
}
