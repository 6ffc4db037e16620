// Command cvarchive backs up Azure AI Custom Vision accounts into a vault and
// restores them, by token or from the captured content.
//
// It is one verb per file: each parses its flags, calls one flow (under
// archive/) and prints what came of it. What they share:
//
//   - main.go, app.go: the process, the table of commands, run.
//   - args.go: flags before and after arguments, refused before any work.
//   - exit.go: the one place where errors become exit statuses.
//   - open.go: from config and flags to a vault and a resource.
//
// Results go to standard output, everything else to standard error.
package main
