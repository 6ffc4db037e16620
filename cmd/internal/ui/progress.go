package ui

import (
	"encoding/json"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"

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
	mu   sync.Mutex
	view view
}

// view is one way of showing events; calls never overlap.
type view interface {
	event(progress.Event)
	close()
}

// NewProgress shows progress on w, which is standard error.
func NewProgress(w io.Writer, mode Mode, now func() time.Time) *Progress {
	switch {
	case mode == ModeJSON:
		return &Progress{view: &jsonView{enc: json.NewEncoder(w), now: now}}
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
	p.view.event(e)
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

// quietView tells what went wrong and nothing else.
type quietView struct{ w io.Writer }

func (v quietView) event(e progress.Event) {
	if l := line(e); l != "" {
		fmt.Fprintln(v.w, l)
	}
}

func (quietView) close() {}

// interval is the time between two plain lines about items.
const interval = 10 * time.Second

// plainView writes lines for logs: phases and projects as they come, items
// summed up at intervals.
type plainView struct {
	w     io.Writer
	now   func() time.Time
	last  time.Time
	bytes int64
}

func (v *plainView) event(e progress.Event) {
	v.bytes += e.Bytes
	switch e.Kind {
	case progress.PhaseStarted:
		v.last = v.now()
		fmt.Fprintln(v.w, joined(Sentence(e.Message), of(e.Total)))
	case progress.ProjectStarted:
		v.last = v.now()
		fmt.Fprintln(v.w, joined(about(e), of(e.Total)))
	case progress.ProjectFinished:
		fmt.Fprintln(v.w, joined(about(e), Sentence(e.Message)))
	case progress.ItemDone:
		if now := v.now(); now.Sub(v.last) >= interval {
			v.last = now
			fmt.Fprintln(v.w, joined(Clean(e.Project), v.so(e)))
		}
	default:
		fmt.Fprintln(v.w, line(e))
	}
}

// so says how far a phase is.
func (v *plainView) so(e progress.Event) string {
	text := Grouped(e.Done)
	if e.Total > 0 {
		text += " of " + Grouped(e.Total)
	}
	if v.bytes > 0 {
		text += ", " + Bytes(v.bytes)
	}
	return text
}

func (*plainView) close() {}

func of(total int64) string {
	if total <= 0 {
		return ""
	}
	return Grouped(total)
}

// jsonView writes one object a line, for programs that watch.
type jsonView struct {
	enc *json.Encoder
	now func() time.Time
}

// progressLine is the documented shape of a line of --progress json.
type progressLine struct {
	Time    time.Time     `json:"time"`
	Event   progress.Kind `json:"event"`
	Project string        `json:"project,omitempty"`
	ID      string        `json:"id,omitempty"`
	Item    string        `json:"item,omitempty"`
	Done    int64         `json:"done,omitempty"`
	Total   int64         `json:"total,omitempty"`
	Bytes   int64         `json:"bytes,omitempty"`
	Message string        `json:"message,omitempty"`
}

func (v *jsonView) event(e progress.Event) {
	l := progressLine{
		Time: v.now().UTC(), Event: e.Kind, Project: e.Project, ID: e.ID, Item: e.Item,
		Done: e.Done, Total: e.Total, Bytes: e.Bytes, Message: e.Message,
	}
	if e.Err != nil {
		l.Message = Sentence(e.Err.Error())
	}
	_ = v.enc.Encode(l) // standard error: nobody to tell
}

func (*jsonView) close() {}

// barView shows one bar on a terminal, for the phase in hand.
type barView struct {
	w     io.Writer
	bar   *progressbar.ProgressBar
	bytes int64
}

func (v *barView) event(e progress.Event) {
	v.bytes += e.Bytes
	switch e.Kind {
	case progress.PhaseStarted:
		v.start(Sentence(e.Message), e.Total)
	case progress.ProjectStarted:
		v.start(about(e), e.Total)
	case progress.ItemDone:
		v.advance(e)
	case progress.ProjectFinished:
		v.above(joined(about(e), Sentence(e.Message)))
	default:
		v.above(line(e))
	}
}

func (v *barView) start(name string, total int64) {
	v.close()
	if total <= 0 {
		total = -1 // a spinner
	}
	v.bar = progressbar.NewOptions64(total,
		progressbar.OptionSetWriter(v.w),
		progressbar.OptionSetDescription(name),
		progressbar.OptionShowCount(),
		progressbar.OptionSetWidth(24),
		progressbar.OptionThrottle(100*time.Millisecond),
		progressbar.OptionClearOnFinish(),
		progressbar.OptionUseANSICodes(true),
		progressbar.OptionSetPredictTime(total > 0),
	)
}

func (v *barView) advance(e progress.Event) {
	if v.bar == nil {
		v.start(Clean(e.Project), e.Total)
	}
	if e.Total > 0 && e.Total != v.bar.GetMax64() {
		v.bar.ChangeMax64(e.Total)
	}
	if e.Done > 0 {
		_ = v.bar.Set64(e.Done)
	} else {
		_ = v.bar.Add(1)
	}
}

// above writes a line that stays, over the bar.
func (v *barView) above(text string) {
	if v.bar != nil {
		_ = v.bar.Clear()
	}
	fmt.Fprintln(v.w, text)
}

func (v *barView) close() {
	if v.bar != nil {
		_ = v.bar.Clear()
		v.bar = nil
	}
}
