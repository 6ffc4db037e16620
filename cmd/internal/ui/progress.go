package ui

import (
	"io"
	"sync"
	"time"

	"cvarchive/archive/progress"
)

// Mode is how progress is shown.
type Mode string

// Modes, as --progress takes them.
const (
	ModeAuto  Mode = "auto"  // bar on a terminal, lines elsewhere
	ModePlain Mode = "plain" // lines at intervals
	ModeJSON  Mode = "json"  // one JSON object a line
	ModeNone  Mode = "none"  // failures and warnings only
)

// Modes lists them.
func Modes() []Mode { return []Mode{ModeAuto, ModePlain, ModeJSON, ModeNone} }

// Progress renders the events of one running flow. It is safe for
// concurrent use.
type Progress struct {
	mu    sync.Mutex
	meter meter
	view  view
}

// view is one way of showing events; calls never overlap.
type view interface {
	event(e progress.Event, sum *meter) // sum includes e
	close()
}

// NewProgress shows progress on w, which is standard error.
func NewProgress(w io.Writer, mode Mode, now func() time.Time) *Progress {
	switch {
	case mode == ModeJSON:
		return &Progress{view: &jsonView{w: w, now: now}}
	case mode == ModeNone:
		return &Progress{view: quietView{w}}
	case mode == ModeAuto && IsTerminal(w):
		return &Progress{view: &barView{w: w}}
	default:
		return &Progress{view: &plainView{w: w, now: now}}
	}
}

// Event receives what a flow reports; it is a [progress.Func].
func (p *Progress) Event(e progress.Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.meter.add(e)
	p.view.event(e, &p.meter)
}

// Close ends the display.
func (p *Progress) Close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.view.close()
}

// about names what an event is about, for one line.
func about(e progress.Event) string {
	name := e.Item
	if name == "" {
		name = e.ID
	}
	switch {
	case e.Project == "":
		return Clean(name)
	case name == "" || e.Kind == progress.ProjectStarted || e.Kind == progress.ProjectFinished:
		return Clean(e.Project)
	default:
		return Clean(e.Project) + ": " + Clean(name)
	}
}

// line is the text of the events that every view but JSON tells at once; ""
// for the others.
func line(e progress.Event) string {
	switch e.Kind {
	case progress.ItemFailed:
		return "failed: " + joined(about(e), errorText(e))
	case progress.Warning:
		return "warning: " + joined(about(e), Sentence(e.Message))
	default:
		return ""
	}
}

func errorText(e progress.Event) string {
	if e.Err != nil {
		return Sentence(e.Err.Error())
	}
	return Sentence(e.Message)
}

func joined(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return a + ": " + b
}
