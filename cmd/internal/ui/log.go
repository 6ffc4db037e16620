package ui

import (
	"io"
	"log/slog"
)

// NewLogger writes what the program does, for --verbose, one line a record.
// Secrets redact themselves (manifest.Secret); control characters are
// quoted by the handler.
func NewLogger(w io.Writer) *slog.Logger {
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: slog.LevelDebug}))
}
