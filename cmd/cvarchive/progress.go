package main

import (
	"slices"

	"github.com/urfave/cli/v2"

	"cvarchive/cmd/internal/ui"
)

// progressFlag goes with the commands that take long.
func progressFlag() cli.Flag {
	return &cli.StringFlag{Name: "progress", Value: string(ui.ModeAuto),
		Usage: "show progress on standard error as `MODE`: auto, plain, json or none"}
}

// progress starts the display that --progress asks for.
func (a *app) progress(c *cli.Context) (*ui.Progress, error) {
	mode := ui.Mode(c.String("progress"))
	if !slices.Contains(ui.Modes(), mode) {
		return nil, usagef("--progress cannot be %q; it is auto, plain, json or none", string(mode))
	}
	return ui.NewProgress(a.stderr, mode, a.now), nil
}
