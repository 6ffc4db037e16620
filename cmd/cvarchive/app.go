package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"cvarchive/cmd/internal/config"
	"cvarchive/cmd/internal/ui"
)

// commands is the table of what cvarchive can do, in the order of its help.
func (a *app) commands() []*cli.Command {
	return []*cli.Command{
		a.demoCommand(),
		a.initCommand(),
		a.doctorCommand(),
		a.backupCommand(),
		a.listCommand(),
		a.inspectCommand(),
		a.verifyCommand(),
		a.signCommand(),
		a.diffCommand(),
		a.repairCommand(),
		a.restoreCommand(),
		a.drillCommand(),
		a.exportCommand(),
		a.pruneCommand(),
		a.holdCommand(),
		a.rehydrateCommand(),
		a.copyCommand(),
		a.bundleCommand(),
		a.unbundleCommand(),
		a.simulateCommand(),
		a.versionCommand(),
		a.completionCommand(),
	}
}

// app is one run of the program.
type app struct {
	process
	out  *ui.Output // results; counts on standard output's errors being kept
	log  *slog.Logger
	file *config.File // once read
}

// run carries out one command line, without the program's name, and returns
// the exit status. It never ends the process and may be called many times.
func run(ctx context.Context, args []string, p process) int {
	a := &app{process: p, out: ui.NewOutput(p.stdout, p.lookupEnv), log: slog.New(slog.DiscardHandler)}
	err := a.dispatch(ctx, args)
	if err == nil && a.out.Err() != nil {
		err = fmt.Errorf("write to standard output: %w; the results above are not complete", a.out.Err())
	}
	report(p.stderr, err)
	return exitStatus(err)
}

// dispatch hands a command line to the library, sorted as it needs it.
func (a *app) dispatch(ctx context.Context, args []string) error {
	root := a.root()
	sorted, err := permute(root, args)
	if err != nil {
		return err
	}
	return root.RunContext(ctx, append([]string{root.Name}, sorted...))
}

// root builds the program for the library, with everything switched off
// that would print or exit behind our back.
func (a *app) root() *cli.App {
	root := &cli.App{
		Name:                      "cvarchive",
		Usage:                     "backups of Azure AI Custom Vision that outlive their tokens",
		UsageText:                 "cvarchive COMMAND [flags and arguments in any order]",
		Description:               rootDescription,
		Version:                   toolVersion(),
		HideHelpCommand:           true,
		DisableSliceFlagSeparator: true, // names may hold commas
		Writer:                    a.out,
		ErrWriter:                 a.stderr,
		ExitErrHandler:            func(*cli.Context, error) {},
		OnUsageError:              onUsageError,
		CustomAppHelpTemplate:     appHelp,
		Commands:                  a.commands(),
		Action: func(c *cli.Context) error {
			_ = cli.ShowAppHelp(c)
			return nil
		},
	}
	for _, c := range root.Commands {
		c.HideHelpCommand = true
		c.OnUsageError = onUsageError
		c.CustomHelpTemplate = commandHelp
		quietDefaults(c.Flags)
	}
	return root
}

// quietDefaults keeps "(default: false)" out of the help.
func quietDefaults(flags []cli.Flag) {
	for _, f := range flags {
		if b, ok := f.(*cli.BoolFlag); ok {
			b.DisableDefaultText = !b.Value
		}
	}
}

// helpOf says where a command is explained.
func helpOf(c *cli.Context) string { return "cvarchive " + c.Command.Name + " --help" }

// onUsageError receives what the library itself finds wrong: values of the
// wrong type. It would print the help on standard output otherwise.
func onUsageError(c *cli.Context, err error, _ bool) error {
	message := strings.NewReplacer(" for flag -", " for --", " for -", " for --").Replace(err.Error())
	return usagef("%s; see %s", strings.TrimSuffix(message, ": parse error"), helpOf(c))
}

// action wraps what a command does: it sets up logging, checks the number of
// arguments, and turns a signal into an interruption that says how to go on.
// resume is a clause for that.
func (a *app) action(do func(*cli.Context) error, maxArgs int, resume string) cli.ActionFunc {
	return func(c *cli.Context) error {
		if c.Bool("verbose") {
			a.log = ui.NewLogger(a.stderr)
		}
		if extra := c.Args().Slice(); maxArgs >= 0 && len(extra) > maxArgs {
			return usagef("%s does not take %q; see %s", c.Command.Name, extra[maxArgs], helpOf(c))
		}
		return interrupted(c.Context, do(c), resume)
	}
}

// commonFlags are known to every command that opens the config; they may
// stand before the command's name too.
func commonFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "config", Usage: "read the configuration from `FILE` (else $CVARCHIVE_CONFIG, ./cvarchive.yaml, the user's config folder)"},
		&cli.StringFlag{Name: "vault", Usage: "use the vault at `URL` or folder instead of the config's (else $CVARCHIVE_VAULT)"},
		identityFlag(),
		&cli.BoolFlag{Name: "verbose", Aliases: []string{"v"}, Usage: "log what is done, each call to the service included, to standard error"},
	}
}

// withCommon puts a command's own flags before the common ones.
func withCommon(own ...cli.Flag) []cli.Flag { return slices.Concat(own, commonFlags()) }

func jsonFlag() cli.Flag {
	return &cli.BoolFlag{Name: "json", Usage: "print the result as JSON, as docs/json.md describes it"}
}

// examples renders a command's description: prose, then commands to copy.
func examples(prose string, lines ...string) string {
	var b strings.Builder
	b.WriteString(strings.TrimSpace(prose))
	b.WriteString("\n\nExamples:\n")
	for _, l := range lines {
		fmt.Fprintf(&b, "  %s\n", l)
	}
	return b.String()
}

var _ io.Writer = (*ui.Output)(nil)
