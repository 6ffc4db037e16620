package demo

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cvarchive/cmd/internal/config"
)

func TestTellChecksEveryStep(t *testing.T) {
	w := newTestWorld(t)
	for _, tt := range []struct {
		name string
		step step
		want string // part of the error; empty: none
	}{
		{"as expected", step{args: []string{"list"}, status: 0, shows: []string{"said list"}}, ""},
		{"expected failure", step{args: []string{"fail"}, status: 1}, ""},
		{"unexpected failure", step{args: []string{"fail"}}, "exit status 1, and should have with 0"},
		{"unexpected success", step{args: []string{"list"}, status: 3}, "exit status 0, and should have with 3"},
		{"wrong output", step{args: []string{"list"}, shows: []string{"rebuild"}}, `should have shown "rebuild"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var out strings.Builder
			run := func(_ context.Context, args []string, _ Env, _ func() time.Time, out io.Writer) int {
				fmt.Fprintln(out, "said", args[0])
				if args[0] == "fail" {
					return 1
				}
				return 0
			}
			tell := &teller{world: w, run: run, out: &out, bold: func(s string) string { return s }}
			err := tell.tell(t.Context(), []step{tt.step})
			if got := fmt.Sprint(err); (err != nil) != (tt.want != "") || !strings.Contains(got, tt.want) {
				t.Errorf("error %v, want %q", err, tt.want)
			}
			if !strings.Contains(out.String(), "$ cvarchive "+tt.step.args[0]+"\nsaid ") {
				t.Errorf("the command and its output are not shown:\n%s", &out)
			}
		})
	}
}

// The disaster is one that commands feel, and it ends.
func TestWorld(t *testing.T) {
	w := newTestWorld(t)
	before := w.service.Now()
	file := func() *config.File { return must[*config.File](t)(config.Load(filepath.Join(w.dir, config.FileName))) }
	endpoint := func(region string) string {
		return must[config.Resource](t)(file().Resource(region, os.LookupEnv)).Endpoint
	}
	answers := func(region string) bool {
		resp, err := http.Get(endpoint(region) + "/customvision/v3.3/training/domains")
		if err != nil {
			return false
		}
		resp.Body.Close()
		return true
	}
	home := endpoint(source)

	if err := w.switchOff(); err != nil {
		t.Fatal(err)
	}
	w.service.Advance(outage)
	for _, region := range regions {
		if got, want := answers(region), region != source; got != want {
			t.Errorf("in the disaster %s answers: %t, want %t", region, got, want)
		}
	}

	if err := w.settle(); err != nil {
		t.Fatal(err)
	}
	for _, region := range regions {
		if !answers(region) {
			t.Errorf("after the story %s does not answer", region)
		}
		// One "simulate" has to serve them all, and the archive's source
		// must still be the same resource.
		if got, want := endpoint(region), strings.Replace(home, source, region, 1); got != want {
			t.Errorf("after the story %s is at %s, want %s", region, got, want)
		}
	}
	if skew := w.service.Now().Sub(before); skew > time.Hour {
		t.Errorf("after the story the clock is %v ahead", skew)
	}
}

func TestMakeFolder(t *testing.T) {
	full := t.TempDir()
	if err := os.WriteFile(filepath.Join(full, "thesis.txt"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := makeFolder(full); err == nil || !strings.Contains(err.Error(), "not empty") {
		t.Errorf("a folder with something in it is taken: %v", err)
	}
	for _, dir := range []string{t.TempDir(), filepath.Join(t.TempDir(), "new", "folder")} {
		if _, err := makeFolder(dir); err != nil {
			t.Error(err)
		}
	}
}

func TestWrap(t *testing.T) {
	text := strings.Repeat("Vorfahrt gewähren ", 30)
	got := wrap(text)
	for line := range strings.Lines(got) {
		if n := len([]rune(strings.TrimSuffix(line, "\n"))); n > 96 {
			t.Errorf("a line of %d characters: %s", n, line)
		}
	}
	if strings.Join(strings.Fields(got), " ") != strings.TrimSpace(text) {
		t.Error("wrapping changed the words")
	}
}

func newTestWorld(t *testing.T) *world {
	t.Helper()
	w, err := newWorld(t.TempDir(), "key")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.close() })
	return w
}
