package restore

import (
	"fmt"
	"html/template"
	"io"
	"strings"

	"cvarchive/manifest/plain"
)

// Document is a report for people and files: facts, then sections with lines
// and tables. It is written as Markdown or as one self-contained HTML page.
// All text is plain; names from archives and services need no care.
type Document struct {
	Title    string
	Good     bool   // the verdict
	Verdict  string // one sentence
	Facts    []Fact
	Sections []Section
}

// Fact is one line of a table of two columns.
type Fact struct{ Name, Value string }

// Section is about one project, or one part of the work.
type Section struct {
	Title   string
	Good    bool
	Verdict string
	Lines   []string
	Tables  []Table
}

// Table has as many cells in each row as in its head.
type Table struct {
	Caption string
	Head    []string
	Rows    [][]string
}

// Markdown writes the document as GitHub's Markdown.
func (d *Document) Markdown(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\n\n%s %s\n\n", escape(d.Title), mark(d.Good), escape(d.Verdict))
	if len(d.Facts) > 0 {
		b.WriteString("| | |\n|---|---|\n")
		for _, f := range d.Facts {
			fmt.Fprintf(&b, "| %s | %s |\n", escape(f.Name), escape(f.Value))
		}
		b.WriteString("\n")
	}
	for _, s := range d.Sections {
		fmt.Fprintf(&b, "## %s\n\n%s %s\n\n", escape(s.Title), mark(s.Good), escape(s.Verdict))
		for _, l := range s.Lines {
			fmt.Fprintf(&b, "- %s\n", escape(l))
		}
		if len(s.Lines) > 0 {
			b.WriteString("\n")
		}
		for _, t := range s.Tables {
			t.markdown(&b)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (t *Table) markdown(b *strings.Builder) {
	fmt.Fprintf(b, "%s\n\n", escape(t.Caption))
	row := func(cells []string) {
		for _, c := range cells {
			fmt.Fprintf(b, "| %s ", escape(c))
		}
		b.WriteString("|\n")
	}
	row(t.Head)
	b.WriteString(strings.Repeat("|---", len(t.Head)) + "|\n")
	for _, r := range t.Rows {
		row(r)
	}
	b.WriteString("\n")
}

func mark(good bool) string {
	if good {
		return "✓"
	}
	return "✗"
}

// escape makes text mean itself in a line or a table cell of Markdown.
func escape(s string) string {
	var b strings.Builder
	for _, r := range plain.Text(s) {
		if strings.ContainsRune("\\`*_{}[]<>#|~&", r) {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}

// HTML writes the document as a page that needs nothing else and runs
// nothing.
func (d *Document) HTML(w io.Writer) error { return page.Execute(w, d) }

var page = template.Must(template.New("page").Funcs(template.FuncMap{"mark": mark, "plain": plain.Text}).Parse(`<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{{plain .Title}}</title>
<style>
:root { --text: #1f2328; --quiet: #59636e; --line: #d1d9e0; --page: #fff; --good: #116329; --good-page: #e6f6e9; --bad: #a40e26; --bad-page: #fdecea }
@media (prefers-color-scheme: dark) {
  :root { --text: #e6edf3; --quiet: #9aa5b1; --line: #3d444d; --page: #0d1117; --good: #56d364; --good-page: #12261a; --bad: #ff8f87; --bad-page: #2d1416 }
}
body { font: 15px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; color: var(--text); background: var(--page); overflow-wrap: anywhere }
h1 { font-size: 1.6rem; line-height: 1.25 } h2 { font-size: 1.2rem; line-height: 1.3; margin: 2.2rem 0 .6rem; padding-top: 1rem; border-top: 1px solid var(--line) }
table { border-collapse: collapse; margin: 1rem 0; font-variant-numeric: tabular-nums }
th, td { text-align: start; vertical-align: top; padding: .3rem 1rem .3rem 0; border-bottom: 1px solid var(--line) }
th { font-weight: 600 } th[scope=row] { color: var(--quiet); font-weight: 500; min-width: 6rem } caption { text-align: start; font-weight: 600; padding-bottom: .3rem }
.verdict { padding: .5rem .8rem; border-inline-start: 4px solid; border-radius: 3px; font-weight: 600 }
.good { color: var(--good) } .bad { color: var(--bad) } .verdict.good { background: var(--good-page) } .verdict.bad { background: var(--bad-page) }
ul { padding-inline-start: 1.2rem } li { margin: .15rem 0 } a { color: inherit }
@media print { body { margin: 0; max-width: none } h2 { break-after: avoid } tr, li { break-inside: avoid } }
</style>
</head>
<body>
<h1>{{plain .Title}}</h1>
<p class="verdict {{template "class" .Good}}">{{mark .Good}} {{plain .Verdict}}</p>
{{if .Facts}}<table>{{range .Facts}}
<tr><th scope="row">{{plain .Name}}</th><td>{{plain .Value}}</td></tr>{{end}}
</table>{{end}}
{{if gt (len .Sections) 1}}<ul>{{range $i, $s := .Sections}}
<li><a href="#s{{$i}}"><bdi>{{plain .Title}}</bdi></a> <span class="{{template "class" .Good}}">{{mark .Good}} {{plain .Verdict}}</span></li>{{end}}
</ul>{{end}}
{{range $i, $s := .Sections}}<section>
<h2 id="s{{$i}}">{{plain .Title}}</h2>
<p class="verdict {{template "class" .Good}}">{{mark .Good}} {{plain .Verdict}}</p>
{{if .Lines}}<ul>{{range .Lines}}
<li>{{plain .}}</li>{{end}}
</ul>{{end}}
{{range .Tables}}<table><caption>{{plain .Caption}}</caption>
<tr>{{range .Head}}<th scope="col">{{plain .}}</th>{{end}}</tr>{{range .Rows}}
<tr>{{range .}}<td>{{plain .}}</td>{{end}}</tr>{{end}}
</table>{{end}}
</section>
{{end}}</body>
</html>
{{define "class"}}{{if .}}good{{else}}bad{{end}}{{end}}`))
