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

type count struct{ done, total int64 }

func (m *meter) add(e progress.Event) {
	m.bytes += e.Bytes
	switch e.Kind {
	case progress.PhaseStarted:
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
		p.done, p.total = max(p.done, e.Done), max(p.total, e.Total)
	case e.Done > 0:
		m.loose = max(m.loose, e.Done)
	case e.Kind == progress.ItemDone && p == nil:
		m.loose++
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
