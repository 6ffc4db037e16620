package plan

import (
	"math"
	"math/bits"

	"cvarchive/manifest"
)

// mostAffine bounds the images that are compared with each other.
const mostAffine = 4096

// affinity bounds, in parts of calls, what the images take for the tags that
// they do not have in common.
//
// Take a create call of m images, in which d(t) have the tag t of q tags, D =
// Σd(t) and Q = Σd(t)². The k = 20 tags that it names are on
//
//	e ≤ kD/q + √(κ(Q - D²/q)),  κ = k(q-k)/q
//
// of its images: k of q numbers exceed their mean by no more, in sum, than
// their variance allows. Q counts the tags that pairs of images have in common,
// so it is at most the sum over the images of c(m), the tags of an image and
// those that it shares with the m-1 images most like it. For any λ > 0 and μ,
// √x ≤ x/2λ + λ/2 and D² ≥ 2μD - μ², so that e is at most a sum over the
// images; and so is what the call takes, 128 parts for itself and D - e for
// later calls. Or no more than 20 tags of each image go along, if that says
// more. The sum of the least that each image takes, whatever m, is a bound.
func (c *Content) affinity() float64 {
	n := len(c.items)
	if n == 0 || n > mostAffine {
		return 0
	}
	usage, labels := map[int]int{}, 0
	for i := range c.items {
		for _, u := range c.items[i].uses {
			usage[u.tag]++
			labels++
		}
	}
	q, k := float64(len(usage)), float64(manifest.MaxBatchTags)
	if q <= k || labels == n {
		return 0 // one tag an image is seen to by counting
	}
	common := c.common()
	kappa, mean := k*(q-k)/q, float64(labels)/float64(n)
	takes := make([]float64, n)
	for i := range takes {
		takes[i] = math.Inf(1)
	}
	for m := 1; m <= min(n, manifest.MaxBatch); m++ {
		shared, capped := 0.0, 0.0
		for i := range c.items {
			shared += float64(common[i][m-1])
			capped += float64(min(len(c.items[i].uses), manifest.MaxBatchTags))
		}
		size := float64(m)
		mu := size * mean
		lambda := math.Sqrt(max(kappa*(size*shared/float64(n)-mu*mu/q), 1))
		carried := func(i int) float64 {
			own := float64(len(c.items[i].uses))
			return k*own/q + kappa/(2*lambda)*(float64(common[i][m-1])-2*mu*own/q) + (kappa*mu*mu/(2*lambda*q)+lambda/2)/size
		}
		total := 0.0
		for i := range c.items {
			total += carried(i)
		}
		for i := range c.items {
			own := len(c.items[i].uses)
			along := float64(min(own, manifest.MaxBatchTags))
			if total < capped {
				along = carried(i)
			}
			takes[i] = min(takes[i], partsOfCall/size+float64(own)-along)
		}
	}
	sum := 0.0
	for _, t := range takes {
		sum += t
	}
	return sum
}

// common gives, for each image and each number of images up to a call's, the
// tags of the image and those that it has in common with the others most like
// it.
func (c *Content) common() [][manifest.MaxBatch]int {
	words := (len(c.tags) + 63) / 64
	sets := make([]uint64, len(c.items)*words)
	for i := range c.items {
		for _, u := range c.items[i].uses {
			sets[i*words+u.tag/64] |= 1 << (u.tag % 64)
		}
	}
	out := make([][manifest.MaxBatch]int, len(c.items))
	for i := range c.items {
		mine := sets[i*words : (i+1)*words]
		alike := make([]int, len(c.items[i].uses)+1) // images by tags in common
		for k := range c.items {
			n := 0
			for w, bit := range sets[k*words : (k+1)*words] {
				n += bits.OnesCount64(bit & mine[w])
			}
			alike[n]++
		}
		own := len(c.items[i].uses)
		alike[own]-- // itself
		out[i][0] = own
		next := own
		for m := 1; m < manifest.MaxBatch; m++ {
			for next > 0 && alike[next] == 0 {
				next--
			}
			alike[next]--
			out[i][m] = out[i][m-1] + next
		}
	}
	return out
}
