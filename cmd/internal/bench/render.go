package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// markdown is the table as a person reads it, on a terminal too.
func (t *table) markdown() string {
	units := t.units()
	goals := false
	for _, r := range t.Rows {
		goals = goals || len(r.Goals) > 0
	}
	head := append([]string{""}, units...)
	if goals {
		head = append(head, "goal")
	}
	lines := [][]string{head}
	for _, r := range t.Rows {
		line := []string{r.Name}
		for _, u := range units {
			line = append(line, r.metric(u).String())
		}
		if goals {
			var texts []string
			for _, g := range r.Goals {
				texts = append(texts, g.String())
			}
			line = append(line, strings.Join(texts, "; "))
		}
		lines = append(lines, line)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "### %s\n\n", t.Title)
	if len(t.Rows) > 0 {
		writeAligned(&b, lines)
	}
	for _, n := range t.Notes {
		fmt.Fprintf(&b, "\n%s\n", n)
	}
	return b.String()
}

// writeAligned writes a Markdown table whose columns line up.
func writeAligned(b *strings.Builder, lines [][]string) {
	widths := make([]int, len(lines[0]))
	for _, line := range lines {
		for i, cell := range line {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell), 3)
		}
	}
	write := func(line []string, fill string) {
		for i, cell := range line {
			if fill == "-" {
				fmt.Fprintf(b, "|%s", strings.Repeat(fill, widths[i]+2))
				continue
			}
			fmt.Fprintf(b, "| %s%s ", cell, strings.Repeat(fill, widths[i]-utf8.RuneCountInString(cell)))
		}
		b.WriteString("|\n")
	}
	write(lines[0], " ")
	write(make([]string, len(widths)), "-")
	for _, line := range lines[1:] {
		write(line, " ")
	}
}

// String is the median, with the least and the most when they differ.
func (m *metric) String() string {
	if m == nil {
		return ""
	}
	median, least, most := number(m.Median), number(m.Min), number(m.Max)
	if least == most {
		return median
	}
	return fmt.Sprintf("%s (%s–%s)", median, least, most)
}

// number shows three digits, and all of those before the point.
func number(v float64) string {
	if v == 0 || math.IsInf(v, 0) || math.IsNaN(v) {
		return strconv.FormatFloat(v, 'g', -1, 64)
	}
	digits := max(0, 2-int(math.Floor(math.Log10(math.Abs(v)))))
	text := strconv.FormatFloat(v, 'f', digits, 64)
	if strings.Contains(text, ".") && v == math.Trunc(v) {
		text, _, _ = strings.Cut(text, ".")
	}
	whole, rest, _ := strings.Cut(text, ".")
	for i := len(whole) - 3; i > 0 && whole[i-1] != '-'; i -= 3 {
		whole = whole[:i] + "," + whole[i:]
	}
	if rest != "" {
		return whole + "." + rest
	}
	return whole
}

// report is everything that was measured.
type report struct {
	Commit  string    `json:"commit,omitempty"`
	Date    time.Time `json:"date"`
	Go      string    `json:"go"`
	System  string    `json:"system"`
	CPU     string    `json:"cpu,omitempty"`
	Cores   int       `json:"cores"`
	Rounds  int       `json:"rounds"`
	Quick   bool      `json:"quick,omitempty"`
	Full    bool      `json:"full,omitempty"`
	Seconds float64   `json:"seconds"` // all of it took so long
	Tables  []*table  `json:"tables"`

	began time.Time
}

func newReport(ctx context.Context, o options) *report {
	return &report{
		Commit: commit(ctx), Date: time.Now().UTC().Truncate(time.Second), Go: runtime.Version(),
		System: runtime.GOOS + "/" + runtime.GOARCH, CPU: cpuName(), Cores: runtime.NumCPU(),
		Rounds: o.rounds, Quick: o.quick, Full: o.full, began: time.Now(),
	}
}

// commit is the checkout's, or nothing.
func commit(ctx context.Context) string {
	out, err := exec.CommandContext(ctx, "git", "describe", "--always", "--dirty").Output()
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(out))
}

func cpuName() string {
	text, _ := os.ReadFile("/proc/cpuinfo") // Linux has it
	for line := range strings.Lines(string(text)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// summary counts the goals, and names those that were missed.
func (r *report) summary() string {
	met, all := 0, 0
	var b strings.Builder
	for _, t := range r.Tables {
		for _, row := range t.Rows {
			for _, g := range row.Goals {
				all++
				if g.Met {
					met++
					continue
				}
				fmt.Fprintf(&b, "- missed: %s: %s is %s, %s\n", row.Name, g.Unit, number(g.Got), strings.TrimSuffix(g.String(), ": **missed**"))
			}
		}
	}
	return fmt.Sprintf("%d of %d goals met, %d rounds, %.0f s on %d cores (%s), %s, commit %s\n%s",
		met, all, r.Rounds, time.Since(r.began).Seconds(), r.Cores, r.CPU, r.Go, r.Commit, b.String())
}

func (r *report) writeJSON(path string) error {
	if path == "" {
		return nil
	}
	r.Seconds = math.Round(time.Since(r.began).Seconds())
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return fmt.Errorf("encode the results: %w", err)
	}
	return os.WriteFile(path, append(text, '\n'), 0o644)
}

// writeBench writes a benchmark line a row and round, as go test -count does,
// so that benchstat compares two files.
func (r *report) writeBench(path string) error {
	if path == "" {
		return nil
	}
	var b bytes.Buffer
	system, arch, _ := strings.Cut(r.System, "/")
	fmt.Fprintf(&b, "goos: %s\ngoarch: %s\npkg: cvarchive/cmd/internal/bench\ncpu: %s\ncommit: %s\n", system, arch, r.CPU, r.Commit)
	fmt.Fprint(&b, "Unit images/s better=higher\nUnit records/s better=higher\nUnit MB/s better=higher\n")
	for _, t := range r.Tables {
		for _, row := range t.Rows {
			row.writeBench(&b)
		}
	}
	return os.WriteFile(path, b.Bytes(), 0o644)
}

func (r *row) writeBench(b *bytes.Buffer) {
	rounds := 0
	for _, m := range r.Metrics {
		rounds = max(rounds, len(m.Values))
	}
	for i := range rounds {
		fmt.Fprintf(b, "Benchmark%s 1", benchName(r.Name))
		for _, m := range r.Metrics {
			if i >= len(m.Values) {
				continue
			}
			unit, v := m.Unit, m.Values[i]
			if unit == "s" {
				unit, v = "ns/op", v*1e9
			}
			fmt.Fprintf(b, "\t%s %s", strconv.FormatFloat(v, 'g', 8, 64), unit)
		}
		b.WriteByte('\n')
	}
}

// benchName makes a row's name one that benchmark lines can have.
func benchName(name string) string {
	name = strings.NewReplacer(" ", "-", ",", "", "×", "x", "%", "pct", "(", "", ")", "").Replace(name)
	return strings.ToUpper(name[:1]) + name[1:]
}
