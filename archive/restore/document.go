package restore

import (
	"fmt"
	"html/template"
	"io"
	"strings"
	"unicode"
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
	for _, r := range s {
		switch {
		case strings.ContainsRune("\\`*_{}[]<>#|~&", r):
			b.WriteByte('\\')
			b.WriteRune(r)
		case !unicode.IsPrint(r):
			b.WriteByte(' ')
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// HTML writes the document as a page that needs nothing else and runs
// nothing.
func (d *Document) HTML(w io.Writer) error { return page.Execute(w, d) }

var page = template.Must(template.New("page").Funcs(template.FuncMap{"mark": mark}).Parse(`<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{.Title}}</title>
<style>
body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #222; background: #fff; overflow-wrap: anywhere }
table { border-collapse: collapse; margin: 1rem 0 } th, td { text-align: left; vertical-align: top; padding: .2rem .8rem .2rem 0; border-bottom: 1px solid #ddd }
.good { color: #157a3c } .bad { color: #b3261e } caption { text-align: left; font-weight: bold }
</style>
</head>
<body>
<h1>{{.Title}}</h1>
<p class="{{if .Good}}good{{else}}bad{{end}}">{{mark .Good}} {{.Verdict}}</p>
{{if .Facts}}<table>{{range .Facts}}
<tr><th scope="row">{{.Name}}</th><td>{{.Value}}</td></tr>{{end}}
</table>{{end}}
{{range .Sections}}<section>
<h2>{{.Title}}</h2>
<p class="{{if .Good}}good{{else}}bad{{end}}">{{mark .Good}} {{.Verdict}}</p>
{{if .Lines}}<ul>{{range .Lines}}
<li>{{.}}</li>{{end}}
</ul>{{end}}
{{range .Tables}}<table><caption>{{.Caption}}</caption>
<tr>{{range .Head}}<th scope="col">{{.}}</th>{{end}}</tr>{{range .Rows}}
<tr>{{range .}}<td>{{.}}</td>{{end}}</tr>{{end}}
</table>{{end}}
</section>
{{end}}</body>
</html>
`))
