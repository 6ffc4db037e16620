// Package ui is what cvarchive shows: results on standard output as text or
// JSON, progress and log lines on standard error.
//
// Names that come from a service or an archive are untrusted. Whatever
// prints one passes it through [Clean], or uses [Table], which does.
//
//   - [Output] is standard output: it remembers failed writes and knows
//     whether colour is welcome.
//   - [Table], [Bytes], [Count], [Time] lay out results.
//   - [Progress] renders the events of a running flow: a bar on a terminal,
//     lines at intervals elsewhere, or JSON lines.
package ui
