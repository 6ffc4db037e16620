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
// and how many of each have been matched. It has two small entries an image.
type ledger struct {
	exact   map[key]exactly // content included
	loose   map[key]loosely // content left out
	total   int
	matched int
}

type exactly struct{ wanted, used int32 }

type loosely struct {
	wanted int32
	used   int32 // all matches
	blind  int32 // of them, those that knew no content
}

func newLedger(want iter.Seq2[Item, error]) (*ledger, error) {
	l := &ledger{exact: map[key]exactly{}, loose: map[key]loosely{}}
	for it, err := range want {
		if err != nil {
			return nil, err
		}
		exact, loose := it.identity()
		e := l.exact[exact]
		e.wanted++
		l.exact[exact] = e
		o := l.loose[loose]
		o.wanted++
		l.loose[loose] = o
		l.total++
	}
	return l, nil
}

// match finds an equal wanted image and takes it.
func (l *ledger) match(it *Item) (ok, byContent bool) {
	exact, k := it.identity()
	loose := l.loose[k]
	if loose.used >= loose.wanted {
		return false, false
	}
	switch known := !it.Content.IsZero(); {
	case l.take(exact):
		ok, byContent = true, known
	case known:
		blind := *it
		blind.Content = [32]byte{}
		ok = l.take(blind.fingerprint(content | labels)) // the archive does not know the content
	default:
		ok = true
		loose.blind++
	}
	if ok {
		loose.used++
		l.loose[k] = loose
		l.matched++
	}
	return ok, byContent
}

// take takes a wanted image of a fingerprint, content included.
func (l *ledger) take(k key) bool {
	e := l.exact[k]
	if e.used >= e.wanted {
		return false
	}
	e.used++
	l.exact[k] = e
	return true
}

// open counts the wanted images that nothing matched.
func (l *ledger) open() int { return l.total - l.matched }

// settled reports, once for each match, that a wanted image was matched.
func (l *ledger) settled(it *Item) bool {
	k := it.fingerprint(content | labels)
	if e := l.exact[k]; e.used > 0 {
		e.used--
		l.exact[k] = e
		return true
	}
	k = it.fingerprint(labels)
	if o := l.loose[k]; o.blind > 0 {
		o.blind--
		l.loose[k] = o
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
