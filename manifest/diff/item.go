package diff

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"cvarchive/manifest"
)

// Tolerance is how far a region's fractions may lie apart and still be the
// same region: the service computes in single precision.
const Tolerance = 1e-6

// Item is one image as it is compared.
type Item struct {
	ID      string          // for reports only
	Content manifest.Digest // zero: not known
	Width   int             // pixels; 0: not known
	Height  int
	Tags    []string // names, sorted; those of regions included
	Regions []Region // sorted
	// Metadata is compared whole; nil and empty are the same.
	Metadata map[string]string
}

// Region is a rectangle with its tag's name.
type Region struct {
	Tag                      string
	Left, Top, Width, Height float64
}

// ItemOf makes an item of an archived or listed image. tagName gives the name
// of a tag by its id; an unknown one is shown by its recorded name, else by
// its id.
func ItemOf(img *manifest.Image, tagName map[string]string) Item {
	it := Item{ID: img.ID, Width: img.Width, Height: img.Height, Metadata: img.Metadata}
	if img.Object != nil {
		it.Content = img.Object.SHA256
	}
	name := func(id, recorded string) string { return cmp.Or(tagName[id], recorded, id) }
	for _, t := range img.Tags {
		it.Tags = append(it.Tags, name(t.TagID, t.TagName))
	}
	for _, r := range img.Regions {
		n := name(r.TagID, r.TagName)
		it.Tags = append(it.Tags, n)
		it.Regions = append(it.Regions, Region{n, number(r.Left), number(r.Top), number(r.Width), number(r.Height)})
	}
	slices.Sort(it.Tags)
	it.Tags = slices.Compact(it.Tags)
	slices.SortFunc(it.Regions, compareRegions)
	return it
}

func number(n json.Number) float64 {
	f, err := n.Float64()
	if err != nil {
		return math.NaN() // equal to nothing, and so reported
	}
	return f
}

func compareRegions(a, b Region) int {
	return cmp.Or(strings.Compare(a.Tag, b.Tag),
		cmp.Compare(a.Left, b.Left), cmp.Compare(a.Top, b.Top),
		cmp.Compare(a.Width, b.Width), cmp.Compare(a.Height, b.Height))
}

// key is a fingerprint of an item: 128 bits of a SHA-256.
type key [16]byte

// Parts of an item that a fingerprint may cover.
type parts uint8

const (
	content parts = 1 << iota
	size
	tags
	regions
	regionCount
	metadata
	labels = size | tags | regions | metadata
)

// fingerprint covers the chosen parts. Regions count in single precision: two
// that differ by less may still differ in their fingerprint, so unequal
// fingerprints are only a reason to look closer.
func (it *Item) fingerprint(p parts) key { return keyOf(it.append(make([]byte, 0, 512), p)) }

// identity is the fingerprints of all that can be compared, and of that
// without the content.
func (it *Item) identity() (exact, loose key) {
	b := it.append(make([]byte, 0, 512), content|labels)
	return keyOf(b), keyOf(b[len(it.Content):])
}

func keyOf(b []byte) key {
	sum := sha256.Sum256(b)
	return key(sum[:len(key{})])
}

// append appends what a fingerprint covers, the content first.
func (it *Item) append(b []byte, p parts) []byte {
	text := func(s string) {
		b = binary.AppendUvarint(b, uint64(len(s)))
		b = append(b, s...)
	}
	if p&content != 0 {
		b = append(b, it.Content[:]...)
	}
	if p&size != 0 {
		b = binary.AppendVarint(b, int64(it.Width))
		b = binary.AppendVarint(b, int64(it.Height))
	}
	if p&tags != 0 {
		b = binary.AppendUvarint(b, uint64(len(it.Tags)))
		for _, t := range it.Tags {
			text(t)
		}
	}
	if p&(regions|regionCount) != 0 {
		b = binary.AppendUvarint(b, uint64(len(it.Regions)))
	}
	if p&regions != 0 {
		for _, r := range it.Regions {
			text(r.Tag)
			for _, f := range [...]float64{r.Left, r.Top, r.Width, r.Height} {
				b = binary.LittleEndian.AppendUint32(b, math.Float32bits(float32(f)))
			}
		}
	}
	if p&metadata != 0 {
		b = binary.AppendUvarint(b, uint64(len(it.Metadata)))
		for _, k := range slices.Sorted(maps.Keys(it.Metadata)) {
			text(k)
			text(it.Metadata[k])
		}
	}
	return b
}

// sameRegions compares sorted regions within [Tolerance]. Rounding can change
// the order, so each region looks for any free partner of its tag.
func sameRegions(a, b []Region) bool {
	if len(a) != len(b) {
		return false
	}
	taken := make([]bool, len(b))
	for _, r := range a {
		j := partner(r, b, taken)
		if j < 0 {
			return false
		}
		taken[j] = true
	}
	return true
}

func partner(r Region, among []Region, taken []bool) int {
	for j := range among {
		if !taken[j] && near(r, among[j]) {
			return j
		}
	}
	return -1
}

func near(a, b Region) bool {
	close := func(x, y float64) bool { return math.Abs(x-y) <= Tolerance }
	return a.Tag == b.Tag && close(a.Left, b.Left) && close(a.Top, b.Top) &&
		close(a.Width, b.Width) && close(a.Height, b.Height)
}

// describe says what an image is like, for a missing or extra one.
func (it *Item) describe() string {
	var s []string
	if it.Width > 0 {
		s = append(s, fmt.Sprintf("%d×%d", it.Width, it.Height))
	}
	if len(it.Tags) == 0 {
		s = append(s, "untagged")
	} else {
		s = append(s, quoted(it.Tags))
	}
	if n := len(it.Regions); n > 0 {
		s = append(s, fmt.Sprintf("%d regions", n))
	}
	return strings.Join(s, ", ")
}

func quoted(names []string) string {
	s := make([]string, len(names))
	for i, n := range names {
		s[i] = fmt.Sprintf("%q", n)
	}
	return strings.Join(s, ", ")
}
