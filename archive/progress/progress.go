// Package progress is what a running flow (backup, verify, restore) says
// about itself: one event type that the flows send and the user interface
// renders as a bar, as log lines or as JSON lines.
package progress

// Event is one thing that happened. Zero fields do not apply.
type Event struct {
	Kind    Kind
	Project string // name, for people
	ID      string // id of the project or image
	Item    string // what it is about: an image, a member, a call
	Done    int64  // images or items finished in this phase
	Total   int64  // images or items expected in this phase; 0: not known
	Bytes   int64  // bytes moved by this event
	Message string
	Err     error
}

// Kind says what an [Event] is about.
type Kind string

// Kinds of events.
const (
	PhaseStarted    Kind = "phase"    // Message names the phase, Total its size
	ProjectStarted  Kind = "project"  // Project, ID, Total images
	ItemDone        Kind = "item"     // one image, model, member or object finished; Bytes
	ItemFailed      Kind = "failed"   // one item failed; Err
	Warning         Kind = "warning"  // Message
	ProjectFinished Kind = "finished" // Project, ID; Message is the outcome
)

// Func receives events. It is called from several goroutines at once and
// must not block for long. A nil Func drops them.
type Func func(Event)

// Send calls f unless it is nil.
func (f Func) Send(e Event) {
	if f != nil {
		f(e)
	}
}
