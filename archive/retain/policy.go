package retain

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"cvarchive/archive/vault"
)

// Policy says which archives to keep. An archive is kept when any rule keeps
// it. Rules are applied to each source by itself; days, weeks (ISO, from
// Monday), months and years are those of UTC.
type Policy struct {
	Last    int // the newest ones
	Hourly  int // the newest of each of the last so many hours that have one
	Daily   int
	Weekly  int
	Monthly int
	Yearly  int
	// Within keeps those that are not older than the newest of their
	// source by more than this.
	Within Period
	// Names are archives to keep besides. They are no rule by themselves.
	Names []string
	// EvenNewest lets go of the newest whole archive of a source too, when
	// no rule keeps it.
	EvenNewest bool
}

// IsEmpty reports whether there is no rule, so that nothing would be kept.
func (p Policy) IsEmpty() bool {
	return p.Last+p.Hourly+p.Daily+p.Weekly+p.Monthly+p.Yearly == 0 && p.Within.IsZero()
}

// Candidate is an archive with what a decision needs to know of it.
type Candidate struct {
	vault.Archive
	Whole bool   // it has everything that was asked for
	Hold  string // why it must stay, a clause; empty: nothing holds it
}

// Decision says what becomes of an archive, and why.
type Decision struct {
	Archive vault.Archive
	Keep    bool
	Reasons []string // all that keep it; or the one why it goes
}

// Decide applies a policy. Decisions come by source, and for each with the
// newest archive first.
func Decide(archives []Candidate, p Policy) []Decision {
	archives = slices.Clone(archives)
	slices.SortStableFunc(archives, func(a, b Candidate) int {
		return cmp.Or(cmp.Compare(a.Source, b.Source), b.Created.Compare(a.Created), cmp.Compare(b.Name, a.Name))
	})
	var decisions []Decision
	for len(archives) > 0 {
		n := slices.IndexFunc(archives, func(c Candidate) bool { return c.Source != archives[0].Source })
		if n < 0 {
			n = len(archives)
		}
		decisions = append(decisions, p.decide(archives[:n])...)
		archives = archives[n:]
	}
	return decisions
}

// decide applies the policy to the archives of one source, newest first.
func (p Policy) decide(archives []Candidate) []Decision {
	rules := p.rules()
	safe := slices.IndexFunc(archives, func(c Candidate) bool { return c.Whole })
	if safe < 0 {
		safe = 0 // none is whole; the newest is the best there is
	}
	decisions := make([]Decision, len(archives))
	for i, c := range archives {
		d := Decision{Archive: c.Archive}
		for r := range rules {
			if reason := rules[r].keeps(c.Created.UTC(), i == len(archives)-1); reason != "" {
				d.Reasons = append(d.Reasons, reason)
			}
		}
		if !p.Within.IsZero() && c.Created.After(p.Within.Before(archives[0].Created)) {
			d.Reasons = append(d.Reasons, fmt.Sprintf("within %s of the newest", p.Within))
		}
		if slices.Contains(p.Names, c.Name) {
			d.Reasons = append(d.Reasons, "named")
		}
		if c.Hold != "" {
			d.Reasons = append(d.Reasons, c.Hold)
		}
		if i == safe && !p.EvenNewest && len(d.Reasons) == 0 {
			d.Reasons = append(d.Reasons, safeReason(c))
		}
		if d.Keep = len(d.Reasons) > 0; !d.Keep {
			d.Reasons = []string{"no rule keeps it"}
		}
		decisions[i] = d
	}
	return decisions
}

func safeReason(c Candidate) string {
	if c.Whole {
		return "newest whole archive of its source"
	}
	return "newest of its source, which has no whole archive"
}

// rule keeps the newest archive of each of so many periods.
type rule struct {
	name   string
	left   int
	period func(time.Time) string
	last   string
}

func (p Policy) rules() []rule {
	form := func(layout string) func(time.Time) string {
		return func(t time.Time) string { return t.Format(layout) }
	}
	week := func(t time.Time) string {
		year, week := t.ISOWeek()
		return fmt.Sprintf("%d-W%02d", year, week)
	}
	return []rule{
		{name: "last", left: p.Last},
		{name: "hourly", left: p.Hourly, period: form("2006-01-02 15h")},
		{name: "daily", left: p.Daily, period: form("2006-01-02")},
		{name: "weekly", left: p.Weekly, period: week},
		{name: "monthly", left: p.Monthly, period: form("2006-01")},
		{name: "yearly", left: p.Yearly, period: form("2006")},
	}
}

// keeps says why the rule keeps the next older archive, or nothing. The oldest
// one stands for a period that has not begun to fill: as in restic, it is kept
// while a rule has not found as many as it wants.
func (r *rule) keeps(created time.Time, oldest bool) string {
	if r.left == 0 {
		return ""
	}
	if r.period == nil {
		r.left--
		return r.name
	}
	switch period := r.period(created); {
	case period != r.last:
		r.last = period
		r.left--
		return r.name + " " + period
	case oldest:
		r.left--
		return r.name + " (oldest)"
	}
	return ""
}
