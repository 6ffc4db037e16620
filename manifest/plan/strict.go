package plan

import (
	"unicode/utf8"

	"cvarchive/manifest"
)

// Limits of metadata that some of the service's documents give: entries, and
// characters of a key and of a value. Others allow 50, 256 and 512.
const (
	strictPairs = 10
	strictKey   = 128
	strictValue = 256
)

// overStrict counts the images whose metadata the service may refuse.
type overStrict struct {
	count int
	ids   []string // the first
}

func (o *overStrict) check(img *manifest.Image) {
	over := len(img.Metadata) > strictPairs
	for k, v := range img.Metadata {
		over = over || utf8.RuneCountInString(k) > strictKey || utf8.RuneCountInString(v) > strictValue
	}
	if !over {
		return
	}
	o.count++
	if len(o.ids) < maxItems {
		o.ids = append(o.ids, img.ID)
	}
}
