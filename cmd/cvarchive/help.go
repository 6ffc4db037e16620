package main

const rootDescription = `Captures every project of a Custom Vision resource (settings, tags, images, regions,
metadata, iterations, models, and the export token) into a compressed archive in a
vault: a folder, or an Azure Blob container. Restores any of it into any resource:
by token while the token lives, from the captured content afterwards.

Exit status: 0 done; 1 failed; 2 usage or configuration error; 3 pending changes or
differences found (restore --dry-run, diff); 4 finished, but not whole; 130 interrupted.`

// appHelp and commandHelp are templates of the library's own kind; they
// leave out what it would add about itself.
const appHelp = `cvarchive - {{.Usage}}

Usage: {{.UsageText}}

{{.Description}}

Commands:{{range .VisibleCommands}}
  {{printf "%-12s" .Name}} {{.Usage}}{{end}}

"cvarchive COMMAND --help" explains a command and shows examples.
`

const commandHelp = `{{.HelpName}} - {{.Usage}}

Usage: {{.HelpName}}{{if .VisibleFlags}} [flags]{{end}}{{if .ArgsUsage}} {{.ArgsUsage}}{{end}}

{{.Description}}{{if .VisibleFlags}}
Flags:{{range .VisibleFlags}}
  {{wrap .String 4}}{{end}}
{{end}}`
