package backup

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"cvarchive/manifest"
)

// Limit bounds what a capture may lose before its archive is marked as
// incomplete: a number of images and models, or a share of them. The zero
// value sets no bound.
type Limit struct {
	set     bool
	items   int
	percent float64
	share   bool // percent counts, not items
}

// ParseLimit reads a limit: "25" images, or "5%" of them.
func ParseLimit(text string) (Limit, error) {
	number, share := strings.CutSuffix(text, "%")
	if share {
		p, err := strconv.ParseFloat(number, 64)
		if err != nil || !(p >= 0 && p <= 100) {
			return Limit{}, fmt.Errorf("%q is no share; write 0%% to 100%%", text)
		}
		return Limit{set: true, percent: p, share: true}, nil
	}
	n, err := strconv.Atoi(number)
	if err != nil || n < 0 {
		return Limit{}, fmt.Errorf("%q is neither a number of images nor a share of them; write 25 or 5%%", text)
	}
	return Limit{set: true, items: n}, nil
}

// String is what [ParseLimit] reads.
func (l Limit) String() string {
	switch {
	case !l.set:
		return "none"
	case l.share:
		return strconv.FormatFloat(l.percent, 'f', -1, 64) + "%"
	}
	return strconv.Itoa(l.items)
}

// exceeded reports whether a loss is more than the limit allows.
func (l Limit) exceeded(by loss) bool {
	switch {
	case !l.set:
		return false
	case l.share:
		return float64(by.lost)*100 > l.percent*float64(by.all)
	}
	return by.lost > l.items
}

// loss is how much of what a resource has is not in the archive.
type loss struct {
	lost int // images and models without bytes, images that were not listed
	all  int
}

func (l *loss) add(more loss) {
	l.lost += more.lost
	l.all += more.all
}

// incompleteCode marks the failure of an archive that lost too much.
const incompleteCode = "Incomplete"

// IsIncomplete reports whether a backup lost more than it was allowed to, so
// that a vault marks its archive.
func IsIncomplete(m *manifest.Manifest) bool {
	return slices.ContainsFunc(m.Failures, func(f manifest.Failure) bool { return f.Item == "archive" && f.Code == incompleteCode })
}

// failure says that the loss is more than was allowed.
func (l loss) failure(limit Limit) manifest.Failure {
	return manifest.Failure{
		Item: "archive", Code: incompleteCode,
		Message: fmt.Sprintf("the capture lost %d of %d images and models, more than the limit of %s; this archive is never the latest", l.lost, l.all, limit),
	}
}

// loss counts for one project, before it is written. One of which nothing
// could be captured has lost one thing at least.
func (c *capture) loss() loss {
	l := loss{lost: c.failed, all: c.spool.Len()}
	if missing := c.state.expected - c.state.listing.images; c.state.listing.err != nil && missing > 0 {
		l.add(loss{missing, missing})
	}
	for i := range c.state.iterations {
		for _, m := range c.state.iterations[i].Models {
			if l.all++; m.Failure != nil {
				l.lost++
			}
		}
	}
	if l.lost == 0 && c.outcome() == manifest.Failed {
		l.add(loss{1, 1})
	}
	return l
}
