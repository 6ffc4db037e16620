package main

import (
	"context"
	"io"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"cvarchive/cmd/internal/demo"
	"cvarchive/cmd/internal/ui"
)

func (a *app) demoCommand() *cli.Command {
	return &cli.Command{
		Name:  "demo",
		Usage: "show the whole story on the built-in service",
		Description: examples(`Starts the built-in Custom Vision service with three regions and a sample account, and
runs the main job on it, each step as the command you would type: check, backup, list,
inspect, verify, dry run, restore by token, and, with the tokens expired and the source
region down, restore from the content. It takes under half a minute, needs no account,
and uses no network beyond this machine.

What it made stays in a folder, with a configuration, to go on playing with.`,
			"cvarchive demo",
			"cvarchive demo --dir ./cvarchive-demo",
			"cvarchive demo --keep"),
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "dir", Usage: "work in this empty or new `FOLDER` (default: a new one among the temporary files)"},
			&cli.BoolFlag{Name: "keep", Usage: "keep the service running after the story, until Ctrl-C"},
		},
		Action: a.action(func(c *cli.Context) error {
			return demo.Run(c.Context, demo.Options{
				Dir: c.String("dir"), Keep: c.Bool("keep"), Key: simulatorKey, Command: typed, Out: a.out,
				Bold: func(s string) string { return a.out.Paint(ui.Bold, s) },
			})
		}, 0, "run cvarchive demo again to see it from the start"),
	}
}

// typed carries out a command line as if somebody had typed it, with results
// and messages in one stream as a terminal shows them.
func typed(ctx context.Context, args []string, env demo.Env, clock func() time.Time, out io.Writer) int {
	return run(ctx, args, process{
		stdin: strings.NewReader(""), stdout: out, stderr: out, lookupEnv: env, clock: clock,
	})
}
