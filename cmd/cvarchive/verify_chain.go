package main

import (
	"context"
	"fmt"
	"slices"

	"cvarchive/archive/verify"
	"cvarchive/cmd/internal/ui"
)

// verifiedChain is what the archives of one source say of each other, a line
// of "verify --chain --json".
type verifiedChain struct {
	Type     string   `json:"type"` // "chain"
	Source   string   `json:"source"`
	Sound    bool     `json:"sound"`
	Archives int      `json:"archives"`
	Linked   int      `json:"linked"`  // to the archive that they build on, which is as it was
	Altered  int      `json:"altered"` // build on an archive that is another now
	Gaps     int      `json:"gaps"`    // places where an archive is missing
	First    string   `json:"first,omitempty"`
	Last     string   `json:"last,omitempty"`
	Problems int64    `json:"problems"` // how many
	Notes    []string `json:"notes,omitempty"`

	shown []verify.Problem
}

// checkChained refuses lone files, which have no chain to be seen.
func (todo *verifyTargets) checkChained() error {
	for _, t := range todo.targets {
		if t.path != "" {
			return usagef("--chain is about the archives of a vault, and %s is a file; leave one of them out", t.path)
		}
	}
	return nil
}

// runChains checks the chain of every source that an archive is of.
func (r *verification) runChains(ctx context.Context, todo *verifyTargets, pass *verify.Pass) error {
	var sources []string
	for _, t := range todo.targets {
		if !slices.Contains(sources, t.entry.Source) {
			sources = append(sources, t.entry.Source)
		}
	}
	for _, source := range sources {
		report, err := pass.Chain(ctx, source)
		if err != nil {
			return err
		}
		c := verifiedChain{
			Type: "chain", Source: source, Sound: report.Sound(), Archives: report.Archives, Linked: report.Linked, Altered: report.Altered,
			Gaps: report.Gaps, First: report.First, Last: report.Last, Problems: int64(len(report.Problems)), Notes: report.Notes, shown: report.Problems,
		}
		r.chains = append(r.chains, c)
		if r.chained != nil {
			r.chained(c)
		}
	}
	return nil
}

func (a *app) printChain(c verifiedChain) {
	mark := a.out.Paint(ui.Green, "✓")
	if !c.Sound {
		mark = a.out.Paint(ui.Red, "✗")
	}
	text := ui.Count(c.Archives, "archive")
	if c.Archives > 1 {
		text += fmt.Sprintf(", %s to %s, %s to the unaltered one before", ui.Clean(c.First), ui.Clean(c.Last), ui.Grouped(c.Linked)+" linked")
	}
	if c.Gaps > 0 {
		text += ", " + ui.Count(c.Gaps, "gap")
	}
	a.out.Printf("%s chain of %s: %s\n", mark, ui.Clean(c.Source), text)
	for _, p := range c.shown {
		a.out.Printf("  %s\n", a.out.Paint(ui.Red, ui.Sentence(p.Archive+": "+p.String())))
	}
	for _, n := range c.Notes {
		a.out.Printf("  note: %s\n", ui.Sentence(n))
	}
}
