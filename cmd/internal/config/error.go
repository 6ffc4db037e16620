package config

import "fmt"

// Error is something wrong with the configuration, at a place in a file. It
// never quotes a value that may be secret.
type Error struct {
	File    string // path; empty where no file is concerned
	Line    int    // from 1; 0: the file as a whole
	Column  int    // from 1; 0: not known
	Message string // one sentence, with what to do
}

// Error puts the place first, as editors and compilers do.
func (e *Error) Error() string {
	switch {
	case e.File == "":
		return e.Message
	case e.Line == 0:
		return fmt.Sprintf("%s: %s", e.File, e.Message)
	case e.Column == 0:
		return fmt.Sprintf("%s:%d: %s", e.File, e.Line, e.Message)
	default:
		return fmt.Sprintf("%s:%d:%d: %s", e.File, e.Line, e.Column, e.Message)
	}
}
