package demo

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"
)

// Command carries out one command line of cvarchive, without the program's
// name, writes all its output to out, and returns its exit status.
type Command func(ctx context.Context, args []string, env Env, clock func() time.Time, out io.Writer) int

// Env looks up an environment variable, as [os.LookupEnv] does.
type Env func(name string) (value string, found bool)

// step is one command of the story.
type step struct {
	happens string // what the world does before the command
	event   func(*world) error
	say     string // what the command is for, one sentence
	args    []string
	status  int      // with which it must end
	shows   []string // what its output must say, so that the story is true
}

const outage = 25 * time.Hour

// story is the main job of the program, end to end.
func story() []step {
	return []step{
		{
			say:  "Check the configuration, the vault and the access to each resource before anything else.",
			args: []string{"doctor"},
		}, {
			say:  "Back up the whole account: every project and every image, into one archive of the vault.",
			args: []string{"backup", "westeurope"}, shows: []string{"Fruit bowl"},
		}, {
			say:  "See which archives the vault holds.",
			args: []string{"list"}, shows: []string{"westeurope/"},
		}, {
			say:  "Read what the archive contains; this and the next step need no access to Custom Vision.",
			args: []string{"inspect", "latest"}, shows: []string{"Shelf watch", "ممنوع الدخول"},
		}, {
			say:  "Prove that nothing in the vault was altered: read back every image and compare its digest.",
			args: []string{"verify", "latest", "--read-data"},
		}, {
			say:    "Ask what a restore into another region would do; exit status 3 says that changes are pending.",
			args:   []string{"restore", "latest", "--to", "northeurope", "--dry-run"},
			status: 3, shows: []string{"import"},
		}, {
			say:  "Do it (--yes answers the question that a terminal would ask). The tokens still live, so the service copies the projects by itself; then each is read back and compared with the archive.",
			args: []string{"restore", "latest", "--to", "northeurope", "--yes"},
		}, {
			happens: "Now the disaster: 25 hours pass, so every token has expired, and the region westeurope goes down.",
			event: func(w *world) error {
				w.service.Advance(outage)
				return w.switchOff()
			},
			say:    "Tonight's backup fails, and says so.",
			args:   []string{"backup", "westeurope"},
			status: 1, shows: []string{"westeurope"},
		}, {
			say:    "Ask what a restore into a third region would do. No token is left, so the plan is to rebuild the projects from the archived content.",
			args:   []string{"restore", "latest", "--to", "uksouth", "--dry-run"},
			status: 3, shows: []string{"rebuild"},
		}, {
			say:  "Do it, with the source still down. Nothing but the vault and the new region is needed.",
			args: []string{"restore", "latest", "--to", "uksouth", "--yes"},
		}, {
			say:   "Plan the same restore once more: everything is there already, and the exit status 0 says so.",
			args:  []string{"restore", "latest", "--to", "uksouth", "--dry-run"},
			shows: []string{"skip"},
		}, {
			say:  "And the archive is what it was.",
			args: []string{"verify", "--all", "--read-data"},
		},
	}
}

// teller runs the steps and prints them.
type teller struct {
	world *world
	run   Command
	out   io.Writer
	bold  func(string) string
}

// tell runs the whole story. The first command that does not end as it must
// is an error.
func (t *teller) tell(ctx context.Context, steps []step) error {
	for i, s := range steps {
		if s.happens != "" {
			fmt.Fprintf(t.out, "\n%s\n", wrap(t.bold(s.happens)))
		}
		if s.event != nil {
			if err := s.event(t.world); err != nil {
				return err
			}
		}
		fmt.Fprintf(t.out, "\n%s\n\n", wrap(fmt.Sprintf("%d. %s", i+1, s.say)))
		if err := t.step(ctx, s); err != nil {
			return fmt.Errorf("step %d of the demo, %q: %w", i+1, commandLine(s.args), err)
		}
	}
	return nil
}

// step types one command and checks how it ends.
func (t *teller) step(ctx context.Context, s step) error {
	fmt.Fprintf(t.out, "%s\n", t.bold("$ "+commandLine(s.args)))
	var said strings.Builder
	status := t.run(ctx, s.args, t.world.env, t.world.service.Now, io.MultiWriter(t.out, &said))
	if err := ctx.Err(); err != nil {
		return err
	}
	if s.status != 0 {
		fmt.Fprintf(t.out, "(exit status %d)\n", status)
	}
	if status != s.status {
		return fmt.Errorf("it ended with exit status %d, and should have with %d", status, s.status)
	}
	for _, text := range s.shows {
		if !strings.Contains(said.String(), text) {
			return fmt.Errorf("its output should have shown %q", text)
		}
	}
	return nil
}

func commandLine(args []string) string { return "cvarchive " + strings.Join(args, " ") }

// wrap breaks text into lines that fit a terminal.
func wrap(text string) string {
	const width = 96
	var b strings.Builder
	column := 0
	for i, word := range strings.Fields(text) {
		n := len([]rune(word))
		switch {
		case i == 0:
		case column+1+n > width:
			b.WriteByte('\n')
			column = 0
		default:
			b.WriteByte(' ')
			column++
		}
		b.WriteString(word)
		column += n
	}
	return b.String()
}
