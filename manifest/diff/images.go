package diff

import (
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
)

// maxUnmatched bounds the images of either side that are held in full for
// pairing; those beyond are counted as missing or extra, unpaired.
const maxUnmatched = 10_000

// compareImages matches the other side's images with the wanted ones, first
// by fingerprint, then pair by pair among those left over.
func compareImages(r *Result, want, got func() iter.Seq2[Item, error]) error {
	ledger, err := newLedger(want())
	if err != nil {
		return err
	}
	var extra, missing []Item
	for it, err := range got() {
		if err != nil {
			return err
		}
		r.Images++
		switch ok, byContent := ledger.match(&it); {
		case ok && byContent:
			r.Matched++
			r.ByContent++
		case ok:
			r.Matched++
		case len(extra) < maxUnmatched:
			extra = append(extra, it)
		default:
			r.Omitted++
		}
	}
	if ledger.open() > 0 {
		for it, err := range want() {
			if err != nil {
				return err
			}
			switch {
			case ledger.settled(&it):
			case len(missing) < maxUnmatched:
				missing = append(missing, it)
			default:
				r.Omitted++
			}
		}
	}
	pairUp(r, missing, extra)
	return nil
}

// ledger counts the wanted images by fingerprint, with and without content,
// and how many of each have been matched.
type ledger struct {
	exact     map[key]int // wanted, content included
	loose     map[key]int // wanted, content left out
	usedExact map[key]int
	usedLoose map[key]int // matches that knew no content
	looseUse  map[key]int // all matches, by loose fingerprint
	total     int
	matched   int
}

func newLedger(want iter.Seq2[Item, error]) (*ledger, error) {
	l := &ledger{
		exact: map[key]int{}, loose: map[key]int{},
		usedExact: map[key]int{}, usedLoose: map[key]int{}, looseUse: map[key]int{},
	}
	for it, err := range want {
		if err != nil {
			return nil, err
		}
		l.exact[it.fingerprint(content|labels)]++
		l.loose[it.fingerprint(labels)]++
		l.total++
	}
	return l, nil
}

// match finds an equal wanted image and takes it.
func (l *ledger) match(it *Item) (ok, byContent bool) {
	loose := it.fingerprint(labels)
	if l.looseUse[loose] >= l.loose[loose] {
		return false, false
	}
	known := *it
	known.Content = [32]byte{}
	for _, k := range []key{it.fingerprint(content | labels), known.fingerprint(content | labels)} {
		if l.usedExact[k] < l.exact[k] {
			l.usedExact[k]++
			l.looseUse[loose]++
			l.matched++
			return true, !it.Content.IsZero() && k == it.fingerprint(content|labels)
		}
	}
	if it.Content.IsZero() {
		l.usedLoose[loose]++
		l.looseUse[loose]++
		l.matched++
		return true, false
	}
	return false, false
}

// open counts the wanted images that nothing matched.
func (l *ledger) open() int { return l.total - l.matched }

// settled reports, once for each match, that a wanted image was matched.
func (l *ledger) settled(it *Item) bool {
	if k := it.fingerprint(content | labels); l.usedExact[k] > 0 {
		l.usedExact[k]--
		return true
	}
	if k := it.fingerprint(labels); l.usedLoose[k] > 0 {
		l.usedLoose[k]--
		return true
	}
	return false
}

// rounds are the ever looser likenesses by which leftover images are paired.
// All but the first two ask that the content of one side be unknown: two
// images with different bytes and different labels are two images.
var rounds = []struct {
	by         parts
	anyContent bool
}{
	{content, true},
	{labels, true},
	{size | tags | metadata | regionCount, false},
	{size | regions | metadata, false},
	{size | tags | regions, false},
	{size | tags, false},
	{size | metadata, false},
	{size, false},
}

func pairUp(r *Result, missing, extra []Item) {
	for _, round := range rounds {
		missing, extra = pairRound(r, missing, extra, round.by, round.anyContent)
	}
	for i := range missing {
		r.add(Change{Kind: ImageMissing, Item: missing[i].ID, Want: missing[i].describe()})
	}
	for i := range extra {
		r.add(Change{Kind: ImageExtra, Item: extra[i].ID, Got: extra[i].describe()})
	}
}

func pairRound(r *Result, missing, extra []Item, by parts, anyContent bool) (m, e []Item) {
	if len(missing) == 0 || len(extra) == 0 {
		return missing, extra
	}
	free := map[key][]int{}
	for i := range extra {
		if by == content && extra[i].Content.IsZero() {
			continue
		}
		k := extra[i].fingerprint(by)
		free[k] = append(free[k], i)
	}
	paired := make([]bool, len(extra))
	for i := range missing {
		w := &missing[i]
		k := w.fingerprint(by)
		at := slices.IndexFunc(free[k], func(j int) bool {
			return anyContent || w.Content.IsZero() || extra[j].Content.IsZero()
		})
		if at < 0 {
			m = append(m, *w)
			continue
		}
		j := free[k][at]
		free[k] = slices.Delete(free[k], at, at+1)
		paired[j] = true
		comparePair(r, w, &extra[j])
	}
	for j := range extra {
		if !paired[j] {
			e = append(e, extra[j])
		}
	}
	return m, e
}

func comparePair(r *Result, w, g *Item) {
	same := true
	differ := func(k Kind, want, got string) {
		same = false
		r.add(Change{Kind: k, Item: w.ID, OtherID: g.ID, Want: want, Got: got})
	}
	known := !w.Content.IsZero() && !g.Content.IsZero()
	if known && w.Content != g.Content {
		differ(ImageContent, w.Content.String(), g.Content.String())
	}
	if w.Width*g.Width != 0 && (w.Width != g.Width || w.Height != g.Height) {
		differ(ImageSize, fmt.Sprintf("%d×%d", w.Width, w.Height), fmt.Sprintf("%d×%d", g.Width, g.Height))
	}
	if !slices.Equal(w.Tags, g.Tags) {
		differ(ImageTags, quoted(w.Tags), quoted(g.Tags))
	}
	if !sameRegions(w.Regions, g.Regions) {
		a, b := unlike(w.Regions, g.Regions)
		differ(ImageRegions, a, b)
	}
	if !maps.Equal(w.Metadata, g.Metadata) {
		a, b := unlikePairs(w.Metadata, g.Metadata)
		differ(ImageMetadata, a, b)
	}
	if same {
		r.Matched++
		if known {
			r.ByContent++
		}
	}
}

// unlike shows the regions that have no partner on the other side.
func unlike(a, b []Region) (string, string) {
	only := func(of, other []Region) string {
		taken := make([]bool, len(other))
		var s []string
		for _, r := range of {
			if j := partner(r, other, taken); j >= 0 {
				taken[j] = true
				continue
			}
			s = append(s, fmt.Sprintf("%q at %g,%g %g×%g", r.Tag, r.Left, r.Top, r.Width, r.Height))
		}
		return abridged(s)
	}
	return only(a, b), only(b, a)
}

// unlikePairs shows the metadata that the other side lacks or has otherwise.
func unlikePairs(a, b map[string]string) (string, string) {
	only := func(of, other map[string]string) string {
		var s []string
		for _, k := range slices.Sorted(maps.Keys(of)) {
			if v, ok := other[k]; !ok || v != of[k] {
				s = append(s, fmt.Sprintf("%s=%q", k, of[k]))
			}
		}
		return abridged(s)
	}
	return only(a, b), only(b, a)
}

func abridged(s []string) string {
	const most = 5
	if n := len(s); n > most {
		s = append(s[:most:most], fmt.Sprintf("and %d more", n-most))
	}
	return strings.Join(s, "; ")
}
