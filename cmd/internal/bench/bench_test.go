package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestMain lets the test be the processes that the harness starts of itself.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && modes[os.Args[1]] != nil {
		main()
		return
	}
	os.Exit(m.Run())
}

// The whole harness, in small: every section measures something, and its
// figures arrive in all three forms.
func TestQuick(t *testing.T) {
	dir := t.TempDir()
	var stdout, stderr bytes.Buffer
	file := func(name string) string { return filepath.Join(dir, name) }
	document := ""
	for _, s := range sections {
		document += "<!-- figures: " + s.name + " -->\nOLD FIGURES\n<!-- end -->\n"
	}
	if err := os.WriteFile(file("document"), []byte(document), 0o600); err != nil {
		t.Fatal(err)
	}
	args := []string{"-quick", "-rounds", "1", "-dir", dir, "-json", file("json"), "-bench", file("bench"), "-update", file("document")}
	measured := sections
	if underRace {
		measured = slices.DeleteFunc(slices.Clone(sections), func(s section) bool { return s.name != "calls" && s.name != "start" })
		args = append(args, "-run", "^(calls|start)$")
	}
	err := run(t.Context(), args, nil, &stdout, &stderr)
	if err != nil {
		t.Fatalf("%v\n%s", err, stderr.String())
	}
	text, err := os.ReadFile(file("json"))
	if err != nil {
		t.Fatal(err)
	}
	var r report
	if err := json.Unmarshal(text, &r); err != nil {
		t.Fatal(err)
	}
	lines, err := os.ReadFile(file("bench"))
	if err != nil {
		t.Fatal(err)
	}
	updated, err := os.ReadFile(file("document"))
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Count(updated, []byte("OLD FIGURES")) != len(sections)-len(measured) || bytes.Count(updated, []byte("<!-- end -->")) != len(sections) {
		t.Errorf("the document became\n%s", updated)
	}
	rows := map[string]int{}
	for _, table := range r.Tables {
		for _, row := range table.Rows {
			rows[table.Section]++
			for _, m := range row.Metrics {
				if m.Median < 0 || len(m.Values) == 0 {
					t.Errorf("%s: %s is %v", row.Name, m.Unit, m.Values)
				}
			}
			if !strings.Contains(stdout.String(), "| "+row.Name+" ") {
				t.Errorf("%s is not in the text", row.Name)
			}
			if !bytes.Contains(lines, []byte("Benchmark"+benchName(row.Name)+" 1\t")) {
				t.Errorf("%s is not among the benchmark lines", row.Name)
			}
		}
	}
	for _, s := range measured {
		if rows[s.name] == 0 {
			t.Errorf("section %s measured nothing", s.name)
		}
	}
	left, err := filepath.Glob(filepath.Join(dir, "cvarchive-bench-*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	t.Logf("%s", stdout.String())
}

// What a benchmark line may not have would make benchstat pass it over.
func TestBenchNames(t *testing.T) {
	valid := regexp.MustCompile(`^[A-Z][A-Za-z0-9/._-]*$`)
	for _, name := range []string{"data/25kB/backup/bare loop", "calls/backup of 1 % new", "calls/rebuild/3 × 5 (all), x"} {
		if got := benchName(name); !valid.MatchString(got) {
			t.Errorf("%q became %q", name, got)
		}
	}
}

func TestNumber(t *testing.T) {
	for v, want := range map[float64]string{0: "0", 1: "1", 0.0123456: "0.0123", 12.345: "12.3", 999.9: "1,000", 1234567: "1,234,567", 0.9996: "1.000"} {
		if got := number(v); got != want {
			t.Errorf("number(%v) = %q, want %q", v, got, want)
		}
	}
}

// A median is judged, not its worst value; and ratios keep their round.
func TestRow(t *testing.T) {
	r := (&table{}).row("a")
	r.atMost("s", 2)
	for _, v := range []float64{9, 1, 2} {
		r.add("s", v)
	}
	m := r.metric("s")
	if m.Median != 2 || m.Min != 1 || m.Max != 9 || !r.Goals[0].Met {
		t.Errorf("%+v, goal %+v", m, r.Goals[0])
	}
	if r.add("s", 3); r.Goals[0].Met || r.Goals[0].Got != 2.5 {
		t.Errorf("goal %+v", r.Goals[0])
	}
}

// Every picture is another, is about as large as it should be, and the
// service takes it as it is.
func TestPictures(t *testing.T) {
	for _, median := range []int{1000, 25_000, 5_000_000} {
		p, err := newPictures(median)
		if err != nil {
			t.Fatal(err)
		}
		seen := map[string]bool{}
		for n := range uint64(20) {
			data := p.draw(n)
			if len(data) != p.size(n) || len(data) > largest || len(data) < median/8 {
				t.Errorf("picture %d of %d bytes has %d, %d were announced", n, median, len(data), p.size(n))
			}
			seen[string(data)] = true
		}
		if len(seen) != 20 || !bytes.Equal(p.draw(3), p.draw(3)) {
			t.Errorf("%d different pictures of 20", len(seen))
		}
	}
}

// A run that is stopped leaves nothing and ends soon.
func TestStopped(t *testing.T) {
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var out bytes.Buffer
	if err := run(ctx, []string{"-quick", "-dir", dir}, nil, &out, &out); err == nil {
		t.Error("it says nothing of being stopped")
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) > 0 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
}

// What is asked for by rows keeps those, and no table without any.
func TestOnly(t *testing.T) {
	b := &bench{options: options{rows: regexp.MustCompile("25kB/verify")}}
	small, large := sizeClass{name: "25kB"}, sizeClass{name: "5MB"}
	if !b.wants(small.rows()...) || b.wants(large.rows()...) || b.wants(small.operation("copy")...) {
		t.Errorf("wants %v, %v, %v", b.wants(small.rows()...), b.wants(large.rows()...), b.wants(small.operation("copy")...))
	}
	for pattern, want := range map[string][2]bool{"data/25kB/verify": {true, false}, "^wall/": {false, true}, "verify": {true, true}, "": {true, true}} {
		b := &bench{options: options{rows: regexp.MustCompile(pattern)}}
		if got := [2]bool{b.wantsSection("data"), b.wantsSection("wall")}; got != want {
			t.Errorf("%q wants data and wall: %v", pattern, got)
		}
	}
	table := &table{Notes: []string{"why"}}
	for _, name := range []string{"data/25kB/copy/cvarchive", "data/25kB/verify/restic"} {
		table.row(name)
	}
	if n := table.keep(b.rows); n != 1 || table.Rows[0].Name != "data/25kB/verify/restic" {
		t.Errorf("kept %d: %+v", n, table.Rows)
	}
}
