package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
	"slices"
	"syscall"
	"time"
)

// options are what the command line asks for.
type options struct {
	sections  *regexp.Regexp // names of sections
	rows      *regexp.Regexp // names of rows
	quick     bool           // sizes that show that it works, and no more
	full      bool           // ten million records too
	rounds    int
	dir       string // scratch; empty: chosen
	jsonFile  string
	benchFile string
	document  string
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	if exit, ok := errors.AsType[*statusError](err); ok {
		os.Exit(exit.status)
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "bench: %v\n", err)
		os.Exit(1)
	}
}

// run is the harness, or one of the processes that it starts of itself.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) error {
	if len(args) > 0 {
		if mode, ok := modes[args[0]]; ok {
			return mode(ctx, args[1:], stdin, stdout)
		}
	}
	o, err := parse(args, stderr)
	if err != nil {
		return err
	}
	return measureAll(ctx, o, stdout, stderr)
}

// mode is a process that the harness starts of itself.
type mode func(ctx context.Context, args []string, stdin io.Reader, stdout io.Writer) error

var modes = map[string]mode{
	"measure":  measureMode,
	"service":  serviceMode,
	"bare":     bareMode,
	"generate": generateMode,
	"codec":    codecMode,
	"first":    firstMode,
}

func parse(args []string, stderr io.Writer) (options, error) {
	var o options
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	f.SetOutput(stderr)
	pattern := f.String("run", "", "measure the sections whose names match this `PATTERN`: "+sectionNames())
	only := f.String("only", "", "show the rows whose names match this `PATTERN`, such as data/25kB/verify, and measure no more than they need")
	f.BoolVar(&o.quick, "quick", false, "small sizes, to see that it works; the figures mean nothing")
	f.BoolVar(&o.full, "full", false, "ten million records too, which takes long")
	f.IntVar(&o.rounds, "rounds", 3, "measure everything so many `TIMES`, in turns")
	f.StringVar(&o.dir, "dir", "", "keep vaults and pictures below `DIR` (else in memory, /dev/shm, where there is such a thing)")
	f.StringVar(&o.jsonFile, "json", "", "write the results as JSON to `FILE`")
	f.StringVar(&o.benchFile, "bench", "", "write the results as Go benchmark lines, for benchstat, to `FILE`")
	f.StringVar(&o.document, "update", "", "put the tables between the marks of a Markdown `FILE`, such as docs/performance.md")
	if err := f.Parse(args); err != nil {
		return o, &statusError{2}
	}
	if f.NArg() > 0 {
		return o, fmt.Errorf("%q is not understood; see -help", f.Arg(0))
	}
	if o.rounds < 1 {
		return o, errors.New("-rounds must be at least 1")
	}
	var err error
	if o.sections, err = regexp.Compile(*pattern); err != nil {
		return o, fmt.Errorf("-run: %w", err)
	}
	if o.rows, err = regexp.Compile(*only); err != nil {
		return o, fmt.Errorf("-only: %w", err)
	}
	return o, nil
}

// statusError ends the process with a status, and has been told already.
type statusError struct{ status int }

func (e *statusError) Error() string { return fmt.Sprintf("exit status %d", e.status) }

// measureAll runs the sections, prints each when it is done, and writes the
// files.
func measureAll(ctx context.Context, o options, stdout, stderr io.Writer) (err error) {
	b, err := newBench(ctx, o, stderr)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.close()) }()
	report := newReport(ctx, o)
	for _, s := range sections {
		if !o.sections.MatchString(s.name) || !b.wantsSection(s.name) {
			continue
		}
		began := time.Now()
		b.logf("%s: %s", s.name, s.title)
		tables, err := s.run(ctx, b)
		if err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		tables = slices.DeleteFunc(tables, func(t *table) bool { return t.keep(o.rows) == 0 })
		for _, t := range tables {
			t.Section = s.name
			fmt.Fprintln(stdout, t.markdown())
		}
		report.Tables = append(report.Tables, tables...)
		b.logf("%s took %.0f s", s.name, time.Since(began).Seconds())
	}
	fmt.Fprint(stdout, report.summary())
	return errors.Join(report.writeJSON(o.jsonFile), report.writeBench(o.benchFile), report.updateDocument(o.document))
}

// section is a part of the suite.
type section struct {
	name  string
	title string
	run   func(ctx context.Context, b *bench) ([]*table, error)
}

var sections = []section{
	{"calls", "calls of the Training API", callsSection},
	{"wall", "wall clock under the rate limit", wallSection},
	{"data", "image bytes, with the rate limit off", dataSection},
	{"archive", "the archive file", archiveSection},
	{"memory", "peak memory by the number of records", memorySection},
	{"start", "start-up and size", startSection},
}

func sectionNames() string {
	text := ""
	for i, s := range sections {
		if i > 0 {
			text += ", "
		}
		text += s.name
	}
	return text
}
