package ui

import "cvarchive/archive/progress"

// meter sums up where a phase stands. Flows work on several projects at
// once and count within each; a phase without projects counts as a whole.
type meter struct {
	name     string
	expected int64 // items of the phase, as it was announced
	loose    int64 // items done that belong to no started project
	bytes    int64
	projects map[string]*count
}

// count is what is done of a project. Phases of its own follow each other: each
// adds what it expects to what was done before.
type count struct {
	done, total int64
	phases      int
	before      int64 // done when the phase started
}

// phase begins a phase of a project, of which others may be under way.
func (c *count) phase(total int64) {
	c.phases++
	c.before = c.done
	c.total = c.done + total
}

func (m *meter) add(e progress.Event) {
	m.bytes += e.Bytes
	switch e.Kind {
	case progress.PhaseStarted:
		if p := m.projects[e.Project]; p != nil {
			m.name = joined(Clean(e.Project), Sentence(e.Message))
			p.phase(e.Total)
			return
		}
		*m = meter{name: joined(Clean(e.Project), Sentence(e.Message)), expected: e.Total, projects: map[string]*count{}}
	case progress.ProjectStarted:
		if m.projects == nil {
			m.projects = map[string]*count{}
		}
		m.projects[e.Project] = &count{total: e.Total}
	case progress.ItemDone, progress.ItemFailed:
		m.item(e)
	}
}

func (m *meter) item(e progress.Event) {
	p := m.projects[e.Project]
	switch {
	case e.Done > 0 && p != nil:
		p.done, p.total = max(p.done, p.before+e.Done), max(p.total, p.before+e.Total)
	case e.Done > 0:
		m.loose = max(m.loose, e.Done)
	case e.Kind == progress.ItemDone && p == nil:
		m.loose++
	case e.Kind == progress.ItemDone && p.phases > 0:
		p.done++
	}
}

// so returns how many items are done and, if known, how many there are.
func (m *meter) so() (done, total int64) {
	done = m.loose
	for _, p := range m.projects {
		done += p.done
		total += p.total
	}
	if len(m.projects) == 0 {
		total = m.expected
	}
	return done, total
}

// String is done, of how many, and bytes.
func (m *meter) String() string {
	done, total := m.so()
	text := Grouped(done)
	if total > 0 {
		text += " of " + Grouped(total)
	}
	if m.bytes > 0 {
		text += ", " + Bytes(m.bytes)
	}
	return text
}
