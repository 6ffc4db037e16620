package ui

import (
	"fmt"
	"io"
	"os"

	"golang.org/x/term"
)

// Output is where results go. A write that fails (a full disk behind a
// redirection) is remembered and nothing is written after it.
type Output struct {
	w      io.Writer
	err    error
	colour bool
}

// NewOutput wraps standard output. Colour is used on a terminal, unless
// NO_COLOR is set or TERM is dumb.
func NewOutput(w io.Writer, env func(string) (string, bool)) *Output {
	noColour, _ := env("NO_COLOR")
	kind, _ := env("TERM")
	return &Output{w: w, colour: IsTerminal(w) && noColour == "" && kind != "dumb"}
}

// IsTerminal reports whether w (or a reader) is one.
func IsTerminal(w any) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// Write implements [io.Writer].
func (o *Output) Write(p []byte) (int, error) {
	if o.err != nil {
		return 0, o.err
	}
	n, err := o.w.Write(p)
	o.err = err
	return n, err
}

// Err returns the first failed write's error.
func (o *Output) Err() error { return o.err }

// Printf writes text.
func (o *Output) Printf(format string, args ...any) { fmt.Fprintf(o, format, args...) }

// JSON writes one indented JSON value.
func (o *Output) JSON(v any) error { return writeJSON(o, v, "  ") }

// JSONLine writes one JSON value on one line, as [Output.JSON] does.
func (o *Output) JSONLine(v any) error { return writeJSON(o, v, "") }

// Colours that carry meaning; the text never depends on them.
const (
	Green  = "32"
	Red    = "31"
	Yellow = "33"
	Bold   = "1"
	Faint  = "2"
)

// Paint colours text where colour is welcome.
func (o *Output) Paint(colour, text string) string {
	if !o.colour || text == "" {
		return text
	}
	return "\x1b[" + colour + "m" + text + "\x1b[0m"
}
