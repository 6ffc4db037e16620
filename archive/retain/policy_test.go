package retain

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"cvarchive/archive/vault"
)

// at makes candidates of times, the newest first; a "!" marks one that is not
// whole, a prefix "b:" another source.
func at(times ...string) (list []Candidate) {
	for _, text := range times {
		c := Candidate{Whole: true}
		c.Source = "a"
		if text[1] == ':' {
			c.Source, text = text[:1], text[2:]
		}
		if text[len(text)-1] == '!' {
			c.Whole, text = false, text[:len(text)-1]
		}
		c.Created, _ = time.Parse("2006-01-02T15:04", text)
		c.Archive = vault.Archive{Source: c.Source, Created: c.Created, Name: c.Source + "/" + text}
		list = append(list, c)
	}
	return list
}

func TestDecide(t *testing.T) {
	days := at("2028-03-03T02:00", "2028-03-02T22:00", "2028-03-02T02:00", "2028-03-01T02:00", "2028-02-28T02:00", "2028-02-10T02:00", "2027-12-31T02:00")
	held := at("2028-03-03T02:00", "2028-03-02T02:00")
	held[1].Hold = "a restore of it is under way"
	for name, test := range map[string]struct {
		archives []Candidate
		policy   Policy
		kept     []string // name: reasons
	}{
		"last": {days, Policy{Last: 2}, []string{"a/2028-03-03T02:00: last", "a/2028-03-02T22:00: last"}},
		"daily keeps the newest of each day": {days, Policy{Daily: 3},
			[]string{"a/2028-03-03T02:00: daily 2028-03-03", "a/2028-03-02T22:00: daily 2028-03-02", "a/2028-03-01T02:00: daily 2028-03-01"}},
		"hourly": {at("2028-03-03T02:50", "2028-03-03T02:10", "2028-03-03T01:10"), Policy{Hourly: 1}, []string{"a/2028-03-03T02:50: hourly 2028-03-03 02h"}},
		"weekly, monthly, yearly": {days, Policy{Weekly: 2, Monthly: 2, Yearly: 2}, []string{
			"a/2028-03-03T02:00: weekly 2028-W09, monthly 2028-03, yearly 2028",
			"a/2028-02-28T02:00: monthly 2028-02",
			"a/2028-02-10T02:00: weekly 2028-W06",
			"a/2027-12-31T02:00: yearly 2027"}},
		"the oldest stands in for what is to come": {at("2028-03-03T02:00", "2028-03-02T02:00", "2028-03-01T02:00"), Policy{Monthly: 12}, []string{
			"a/2028-03-03T02:00: monthly 2028-03", "a/2028-03-01T02:00: monthly (oldest)"}},
		"within counts from the newest": {days, Policy{Within: Period{Days: 2, Hours: 1}}, []string{
			"a/2028-03-03T02:00: within 2d1h of the newest", "a/2028-03-02T22:00: within 2d1h of the newest",
			"a/2028-03-02T02:00: within 2d1h of the newest", "a/2028-03-01T02:00: within 2d1h of the newest"}},
		"each source by itself": {at("b:2028-03-03T02:00", "2028-03-02T02:00", "b:2028-03-02T02:00", "2028-03-01T02:00"), Policy{Last: 1}, []string{
			"a/2028-03-02T02:00: last", "b/2028-03-03T02:00: last"}},
		"the newest whole one": {at("2028-03-03T02:00!", "2028-03-02T02:00!", "2028-03-01T02:00", "2028-02-01T02:00"), Policy{Last: 1}, []string{
			"a/2028-03-03T02:00: last", "a/2028-03-01T02:00: newest whole archive of its source"}},
		"none is whole": {at("2028-03-03T02:00!", "2028-03-02T02:00!"), Policy{Names: []string{"a/2028-03-02T02:00"}}, []string{
			"a/2028-03-03T02:00: newest of its source, which has no whole archive", "a/2028-03-02T02:00: named"}},
		"unless asked": {at("2028-03-03T02:00!", "2028-03-02T02:00"), Policy{Last: 1, EvenNewest: true}, []string{"a/2028-03-03T02:00: last"}},
		"held":         {held, Policy{Last: 1}, []string{"a/2028-03-03T02:00: last", "a/2028-03-02T02:00: a restore of it is under way"}},
	} {
		t.Run(name, func(t *testing.T) {
			var kept []string
			// The order in which archives are listed does not matter.
			shuffled := append([]Candidate(nil), test.archives...)
			rand.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
			decisions := Decide(shuffled, test.policy)
			for _, d := range decisions {
				text := d.Archive.Name + ": "
				for i, r := range d.Reasons {
					if i > 0 {
						text += ", "
					}
					text += r
				}
				if d.Keep {
					kept = append(kept, text)
				} else if diff := cmp.Diff([]string{"no rule keeps it"}, d.Reasons); diff != "" {
					t.Errorf("%s (-want +got):\n%s", d.Archive.Name, diff)
				}
			}
			if len(decisions) != len(test.archives) {
				t.Errorf("%d decisions on %d archives", len(decisions), len(test.archives))
			}
			if diff := cmp.Diff(test.kept, kept); diff != "" {
				t.Errorf("kept (-want +got):\n%s", diff)
			}
		})
	}
}

func TestParsePeriod(t *testing.T) {
	for text, want := range map[string]Period{
		"30d": {Days: 30}, "1y5m7d2h": {Years: 1, Months: 5, Days: 7, Hours: 2}, "2w": {Days: 14},
		"": {}, "30": {}, "d": {}, "0d": {}, "-1d": {}, "1s": {}, "1d1": {}, "99999d": {}, "1.5d": {},
	} {
		p, err := ParsePeriod(text)
		if p != want || (err == nil) == want.IsZero() {
			t.Errorf("%q: %+v, %v", text, p, err)
		}
		if err == nil {
			if again, err := ParsePeriod(p.String()); again != p || err != nil {
				t.Errorf("%q as %q: %+v, %v", text, p, again, err)
			}
		}
	}
}
