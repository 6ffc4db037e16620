package main

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// table is what one section, or a part of it, came to.
type table struct {
	Section string   `json:"section"`
	Title   string   `json:"title"`
	Notes   []string `json:"notes,omitempty"`
	Rows    []*row   `json:"rows"`
}

// row is one thing that was measured, in all rounds.
type row struct {
	// Name is a path such as backup/25kB/first; benchmark lines carry it.
	Name    string    `json:"name"`
	Metrics []*metric `json:"metrics"`
	Goals   []goal    `json:"goals,omitempty"`
}

// metric is one figure of a row, a value a round.
type metric struct {
	Unit   string    `json:"unit"`
	Values []float64 `json:"values"`
	Median float64   `json:"median"`
	Min    float64   `json:"min"`
	Max    float64   `json:"max"`
}

// goal is what the median of a metric should be.
type goal struct {
	Unit    string   `json:"unit"`
	AtLeast *float64 `json:"atLeast,omitempty"`
	AtMost  *float64 `json:"atMost,omitempty"`
	Got     float64  `json:"got"`
	Met     bool     `json:"met"`
}

// row returns the row of a name, and makes it when there is none.
func (t *table) row(name string) *row {
	for _, r := range t.Rows {
		if r.Name == name {
			return r
		}
	}
	r := &row{Name: name}
	t.Rows = append(t.Rows, r)
	return r
}

// merge adds what another table has.
func (t *table) merge(from *table) {
	for _, r := range from.Rows {
		into := t.row(r.Name)
		for _, m := range r.Metrics {
			for _, v := range m.Values {
				into.add(m.Unit, v)
			}
		}
		for _, g := range r.Goals {
			into.aim(g)
		}
	}
	for _, n := range from.Notes {
		t.note("%s", n)
	}
}

// keep keeps the rows whose names match, and returns how many there are; or
// notes that say why there is none.
func (t *table) keep(rows *regexp.Regexp) int {
	before := len(t.Rows)
	t.Rows = slices.DeleteFunc(t.Rows, func(r *row) bool { return !rows.MatchString(r.Name) })
	if before == 0 && rows.String() == "" {
		return len(t.Notes)
	}
	return len(t.Rows)
}

func (t *table) note(format string, args ...any) {
	if text := fmt.Sprintf(format, args...); !slices.Contains(t.Notes, text) {
		t.Notes = append(t.Notes, text)
	}
}

// add adds the value of one round.
func (r *row) add(unit string, value float64) {
	m := r.metric(unit)
	if m == nil {
		m = &metric{Unit: unit}
		r.Metrics = append(r.Metrics, m)
	}
	m.Values = append(m.Values, value)
	sorted := slices.Sorted(slices.Values(m.Values))
	m.Min, m.Max = sorted[0], sorted[len(sorted)-1]
	m.Median = (sorted[(len(sorted)-1)/2] + sorted[len(sorted)/2]) / 2
	for i := range r.Goals {
		r.Goals[i].judge(m)
	}
}

func (r *row) metric(unit string) *metric {
	for _, m := range r.Metrics {
		if m.Unit == unit {
			return m
		}
	}
	return nil
}

// atMost and atLeast set a goal for the median of a metric, once.
func (r *row) atMost(unit string, limit float64)  { r.aim(goal{Unit: unit, AtMost: &limit}) }
func (r *row) atLeast(unit string, limit float64) { r.aim(goal{Unit: unit, AtLeast: &limit}) }

func (r *row) aim(g goal) {
	for i := range r.Goals {
		if r.Goals[i].Unit == g.Unit {
			return
		}
	}
	if m := r.metric(g.Unit); m != nil {
		g.judge(m)
	}
	r.Goals = append(r.Goals, g)
}

func (g *goal) judge(m *metric) {
	if m.Unit != g.Unit {
		return
	}
	// What is shown is what is judged.
	g.Got = m.Median
	g.Met = (g.AtMost == nil || m.Median <= *g.AtMost) && (g.AtLeast == nil || m.Median >= *g.AtLeast)
}

// String is the goal and whether it was met.
func (g goal) String() string {
	word := "**missed**"
	if g.Met {
		word = "met"
	}
	if g.AtMost != nil {
		return fmt.Sprintf("%s ≤ %s: %s", g.Unit, number(*g.AtMost), word)
	}
	return fmt.Sprintf("%s ≥ %s: %s", g.Unit, number(*g.AtLeast), word)
}

// units are all units of a table, in the order of their first use.
func (t *table) units() []string {
	var units []string
	for _, r := range t.Rows {
		for _, m := range r.Metrics {
			if !slices.Contains(units, m.Unit) {
				units = append(units, m.Unit)
			}
		}
	}
	slices.SortStableFunc(units, func(a, b string) int { return cmp.Compare(column(a), column(b)) })
	return units
}

// column puts ratios behind what they are made of.
func column(unit string) int {
	if strings.HasPrefix(unit, "x-") {
		return 1
	}
	return 0
}
