package ui

import (
	"bytes"
	"io"
	"log/slog"
)

// NewLogger writes what the program does, for --verbose, one line a record.
// Secrets redact themselves (manifest.Secret); control characters are
// quoted by the handler.
func NewLogger(w io.Writer) *slog.Logger {
	return slog.New(slog.NewTextHandler(withoutDelete{w}, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// withoutDelete escapes the one control character that the handler takes for
// a printable one.
type withoutDelete struct{ io.Writer }

// Write implements [io.Writer].
func (w withoutDelete) Write(p []byte) (int, error) {
	if _, err := w.Writer.Write(bytes.ReplaceAll(p, []byte{0x7f}, []byte(`\x7f`))); err != nil {
		return 0, err
	}
	return len(p), nil
}
