package retain

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Period is a span of the calendar, such as a year and six months.
type Period struct{ Years, Months, Days, Hours int }

const maxPeriod = 10_000 // of any unit

// ParsePeriod reads a period as restic writes them: numbers with the units y,
// m (months), w, d and h, such as 30d or 1y6m.
func ParsePeriod(text string) (p Period, err error) {
	bad := fmt.Errorf("%q is no period; write numbers with y (years), m (months), w (weeks), d (days) and h (hours), such as 30d or 1y6m", text)
	rest := text
	for rest != "" {
		i := strings.IndexAny(rest, "ymwdh")
		if i < 1 {
			return Period{}, bad
		}
		n, err := strconv.ParseUint(rest[:i], 10, 32)
		if err != nil || n > maxPeriod {
			return Period{}, bad
		}
		switch rest[i] {
		case 'y':
			p.Years += int(n)
		case 'm':
			p.Months += int(n)
		case 'w':
			p.Days += 7 * int(n)
		case 'd':
			p.Days += int(n)
		case 'h':
			p.Hours += int(n)
		}
		rest = rest[i+1:]
	}
	if p == (Period{}) {
		return p, bad
	}
	return p, nil
}

// IsZero reports whether there is no period.
func (p Period) IsZero() bool { return p == Period{} }

// Before returns the time that lies a period before t.
func (p Period) Before(t time.Time) time.Time {
	return t.AddDate(-p.Years, -p.Months, -p.Days).Add(-time.Duration(p.Hours) * time.Hour)
}

// After returns the time that lies a period after t.
func (p Period) After(t time.Time) time.Time {
	return t.AddDate(p.Years, p.Months, p.Days).Add(time.Duration(p.Hours) * time.Hour)
}

// String writes a period as [ParsePeriod] reads it.
func (p Period) String() string {
	var b strings.Builder
	for _, u := range []struct {
		n    int
		unit string
	}{{p.Years, "y"}, {p.Months, "m"}, {p.Days, "d"}, {p.Hours, "h"}} {
		if u.n > 0 {
			fmt.Fprintf(&b, "%d%s", u.n, u.unit)
		}
	}
	return b.String()
}
