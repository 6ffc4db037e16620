package main

import (
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"cvarchive/cmd/internal/suggest"
)

// urfave/cli v2 stops reading flags at the first argument: in "restore
// latest --to dr --dry-run" it would see no target and no dry run. permute
// therefore sorts a command line into command, flags, "--", arguments
// before the library sees it, and refuses what it cannot place.
func permute(app *cli.App, args []string) ([]string, error) {
	command, rest, err := splitCommand(app, args)
	if err != nil || command == nil {
		return rest, err
	}
	flags, arguments, err := splitFlags(command, rest)
	if err != nil {
		return nil, err
	}
	out := append([]string{command.Name}, flags...)
	if len(arguments) > 0 {
		out = append(append(out, "--"), arguments...)
	}
	return out, nil
}

// splitCommand finds the command's name, behind flags that may stand before
// it ("cvarchive --config x list"), and takes it out. Without a command the
// line must be one of the program's own: nothing, --help, --version.
func splitCommand(app *cli.App, args []string) (*cli.Command, []string, error) {
	for i := 0; i < len(args); i++ {
		arg := args[i]
		switch {
		case arg == "--help" || arg == "-h":
			return nil, []string{"--help"}, nil
		case arg == "--version":
			return nil, []string{"--version"}, nil
		case arg == "--" || arg == "" || arg == "-":
			return nil, nil, usagef("a command is expected before %q; cvarchive --help lists them", arg)
		case arg[0] == '-':
			flag := findFlag(commonFlags(), arg)
			if flag == nil {
				return nil, nil, usagef("unknown flag %s before the command; write it after the command it belongs to", arg)
			}
			if takesValue(flag) && !strings.Contains(arg, "=") {
				i++
			}
		case arg == "help":
			return helpOn(app, args[i+1:])
		default:
			command := app.Command(arg)
			if command == nil {
				return nil, nil, unknownCommand(app, arg)
			}
			return command, slices.Delete(slices.Clone(args), i, i+1), nil
		}
	}
	if len(args) > 0 {
		return nil, nil, usagef("no command is given; cvarchive --help lists them")
	}
	return nil, nil, nil
}

// helpOn serves "cvarchive help" and "cvarchive help COMMAND".
func helpOn(app *cli.App, args []string) (*cli.Command, []string, error) {
	if len(args) == 0 {
		return nil, []string{"--help"}, nil
	}
	command := app.Command(args[0])
	if command == nil {
		return nil, nil, unknownCommand(app, args[0])
	}
	return command, []string{"--help"}, nil
}

func unknownCommand(app *cli.App, name string) error {
	names := make([]string, len(app.Commands))
	for i, c := range app.Commands {
		names[i] = c.Name
	}
	hint := suggest.DidYouMean(name, names)
	if hint == "" {
		hint = "cvarchive --help lists the commands"
	}
	return usagef("there is no command %q; %s", name, hint)
}

// splitFlags takes a command's line apart. It refuses an unknown flag, a
// flag that lacks its value or swallows the next flag, and a single-valued
// flag that is given twice, since the last one would win in silence.
func splitFlags(command *cli.Command, line []string) (flags, arguments []string, err error) {
	seen := map[string]bool{}
	for i := 0; i < len(line); i++ {
		arg := line[i]
		if arg == "--" {
			return flags, append(arguments, line[i+1:]...), nil
		}
		if len(arg) < 2 || arg[0] != '-' {
			arguments = append(arguments, arg)
			continue
		}
		if arg == "--help" || arg == "-h" {
			return []string{"--help"}, nil, nil
		}
		flag := findFlag(command.Flags, arg)
		if flag == nil {
			return nil, nil, unknownFlag(command, arg)
		}
		name := flag.Names()[0]
		if seen[name] && !repeatable(flag) {
			return nil, nil, usagef("--%s is given twice; give it once", name)
		}
		seen[name] = true
		flags = append(flags, arg)
		if !takesValue(flag) || strings.Contains(arg, "=") {
			continue
		}
		i++
		if i == len(line) {
			return nil, nil, usagef("--%s needs a value; see cvarchive %s --help", name, command.Name)
		}
		if strings.HasPrefix(line[i], "-") && line[i] != "-" {
			return nil, nil, usagef("--%s needs a value, but %s follows; write --%s=%[2]s if that is the value", name, line[i], name)
		}
		flags = append(flags, line[i])
	}
	return flags, arguments, nil
}

// findFlag returns the flag that an argument such as "--to", "--to=x" or
// "-v" names, or nil. Long names take two hyphens.
func findFlag(flags []cli.Flag, arg string) cli.Flag {
	name, _, _ := strings.Cut(arg, "=")
	for _, f := range flags {
		for _, n := range f.Names() {
			if name == dashed(n) {
				return f
			}
		}
	}
	return nil
}

// dashed writes a flag's name as it is typed.
func dashed(name string) string {
	if len(name) == 1 {
		return "-" + name
	}
	return "--" + name
}

func unknownFlag(command *cli.Command, arg string) error {
	name, _, _ := strings.Cut(arg, "=")
	known := []string{"--help"}
	for _, f := range command.Flags {
		known = append(known, dashed(f.Names()[0]))
	}
	hint := suggest.DidYouMean(name, known)
	if hint == "" {
		hint = "cvarchive " + command.Name + " --help lists its flags, and -- ends them"
	}
	return usagef("%s has no flag %s; %s", command.Name, name, hint)
}

func takesValue(f cli.Flag) bool {
	d, ok := f.(cli.DocGenerationFlag)
	return ok && d.TakesValue()
}

func repeatable(f cli.Flag) bool {
	d, ok := f.(cli.DocGenerationSliceFlag)
	return ok && d.IsSliceFlag()
}
