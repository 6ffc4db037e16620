package ui

import (
	"fmt"
	"io"
	"time"

	"cvarchive/archive/progress"
)

// quietView tells what went wrong and nothing else.
type quietView struct{ w io.Writer }

func (v quietView) event(e progress.Event, _ *meter) {
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
	w    io.Writer
	now  func() time.Time
	last time.Time
}

func (v *plainView) event(e progress.Event, sum *meter) {
	switch e.Kind {
	case progress.PhaseStarted:
		v.last = v.now()
		fmt.Fprintln(v.w, sum.name)
	case progress.ProjectStarted:
		fmt.Fprintln(v.w, joined(about(e), Count(e.Total, "image")))
	case progress.ProjectFinished:
		fmt.Fprintln(v.w, joined(about(e), Sentence(e.Message)))
	case progress.ItemDone:
		if now := v.now(); now.Sub(v.last) >= interval {
			v.last = now
			fmt.Fprintln(v.w, joined(sum.name, sum.String()))
		}
	default:
		fmt.Fprintln(v.w, line(e))
	}
}

func (*plainView) close() {}

// jsonView writes one object a line, for programs that watch.
type jsonView struct {
	w   io.Writer
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

func (v *jsonView) event(e progress.Event, _ *meter) {
	l := progressLine{
		Time: v.now().UTC(), Event: e.Kind, Project: e.Project, ID: e.ID, Item: e.Item,
		Done: e.Done, Total: e.Total, Bytes: e.Bytes, Message: e.Message,
	}
	if e.Err != nil {
		l.Message = Sentence(e.Err.Error())
	}
	_ = writeJSON(v.w, l, "") // standard error: nobody to tell
}

func (*jsonView) close() {}
