package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/urfave/cli/v2"

	"cvarchive/cmd/internal/suggest"
)

func (a *app) completionCommand() *cli.Command {
	shells := map[string]func(io.Writer, []*cli.Command){
		"bash": bashCompletion,
		"zsh":  zshCompletion,
		"fish": fishCompletion,
	}
	names := []string{"bash", "fish", "zsh"}
	return &cli.Command{
		Name:      "completion",
		Usage:     "print a script that completes commands and flags in a shell",
		ArgsUsage: "bash|zsh|fish",
		Description: examples("Prints a completion script. Load it in the shell's start-up file.",
			`source <(cvarchive completion bash)                  # in ~/.bashrc`,
			`source <(cvarchive completion zsh)                   # in ~/.zshrc, after compinit`,
			`cvarchive completion fish | source                   # in ~/.config/fish/config.fish`),
		Action: a.action(func(c *cli.Context) error {
			shell := c.Args().First()
			script, ok := shells[shell]
			switch {
			case shell == "":
				return usagef("completion needs the name of a shell: %s", strings.Join(names, ", "))
			case !ok:
				hint := suggest.DidYouMean(shell, names)
				if hint == "" {
					hint = "it is one of " + strings.Join(names, ", ")
				}
				return usagef("completion does not know the shell %q; %s", shell, hint)
			}
			script(a.out, c.App.Commands)
			return nil
		}, 1, ""),
	}
}

// flagNames returns a command's long flags as they are typed.
func flagNames(c *cli.Command) []string {
	names := []string{"--help"}
	for _, f := range c.Flags {
		if n := dashed(f.Names()[0]); n != "--help" {
			names = append(names, n)
		}
	}
	return names
}

// usageOf returns a flag's explanation as one line without the library's
// mark-up.
func usageOf(f cli.Flag) string {
	if d, ok := f.(cli.DocGenerationFlag); ok {
		return strings.ReplaceAll(d.GetUsage(), "`", "")
	}
	return ""
}

func bashCompletion(w io.Writer, commands []*cli.Command) {
	var names []string
	for _, c := range commands {
		names = append(names, c.Name)
	}
	fmt.Fprintf(w, `# bash completion for cvarchive
_cvarchive() {
	local word=${COMP_WORDS[COMP_CWORD]} command= candidates= i
	for ((i = 1; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		-*) ;;
		*) command=${COMP_WORDS[i]}; break ;;
		esac
	done
	case $command in
	'') candidates='%s --help --version' ;;
`, strings.Join(names, " "))
	for _, c := range commands {
		candidates := flagNames(c)
		if c.Name == "completion" {
			candidates = append(candidates, "bash", "zsh", "fish")
		}
		fmt.Fprintf(w, "\t%s) candidates='%s' ;;\n", c.Name, strings.Join(candidates, " "))
	}
	fmt.Fprint(w, `	esac
	COMPREPLY=($(compgen -W "$candidates" -- "$word"))
}
complete -o default -F _cvarchive cvarchive
`)
}

func zshCompletion(w io.Writer, commands []*cli.Command) {
	fmt.Fprint(w, "#compdef cvarchive\n_cvarchive() {\n\tlocal -a commands\n\tcommands=(\n")
	for _, c := range commands {
		fmt.Fprintf(w, "\t\t%s\n", single(c.Name+":"+strings.ReplaceAll(c.Usage, ":", `\:`)))
	}
	fmt.Fprint(w, "\t)\n\tif ((CURRENT == 2)); then\n\t\t_describe command commands\n\t\treturn\n\tfi\n\tcase ${words[2]} in\n")
	for _, c := range commands {
		fmt.Fprintf(w, "\t%s)\n\t\t_arguments '*:file:_files' '--help[show help]'", c.Name)
		for _, f := range c.Flags {
			spec := dashed(f.Names()[0])
			if repeatable(f) {
				spec = "*" + spec
			}
			if spec == "--help" {
				continue
			}
			spec += "[" + strings.NewReplacer("[", `\[`, "]", `\]`, ":", `\:`).Replace(usageOf(f)) + "]"
			if takesValue(f) {
				spec += ":value:_files"
			}
			fmt.Fprintf(w, " \\\n\t\t\t%s", single(spec))
		}
		fmt.Fprint(w, "\n\t\t;;\n")
	}
	fmt.Fprint(w, "\tesac\n}\ncompdef _cvarchive cvarchive\n")
}

func fishCompletion(w io.Writer, commands []*cli.Command) {
	fmt.Fprint(w, "# fish completion for cvarchive\n")
	for _, c := range commands {
		fmt.Fprintf(w, "complete -c cvarchive -n __fish_use_subcommand -f -a %s -d %s\n", c.Name, single(c.Usage))
	}
	for _, c := range commands {
		for _, f := range c.Flags {
			name := f.Names()[0]
			value := ""
			if takesValue(f) {
				value = " -r"
			}
			fmt.Fprintf(w, "complete -c cvarchive -n '__fish_seen_subcommand_from %s' -l %s%s -d %s\n", c.Name, name, value, single(usageOf(f)))
		}
	}
	fmt.Fprint(w, "complete -c cvarchive -n '__fish_seen_subcommand_from completion' -f -a 'bash zsh fish'\n")
}

// single quotes text for all three shells.
func single(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
