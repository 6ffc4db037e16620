package ui_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"cvarchive/archive/progress"
	"cvarchive/cmd/internal/ui"
)

func TestClean(t *testing.T) {
	for in, want := range map[string]string{
		"plain":                     "plain",
		"Äpfel 林檎 🍎 👩‍🌾":            "Äpfel 林檎 🍎 👩‍🌾",
		"a\x1b[2Jb":                 `a\x1b[2Jb`,
		"a\nb\tc":                   `a\nb\tc`,
		"\u009b31m":                 `\u009b31m`,
		"gpj.\u202eexe":             `gpj.\u202eexe`,
		"\u2066x\u2069\u200b\ufeff": `\u2066x\u2069\u200b\ufeff`,
		"bad \xff byte":             `bad \xff byte`,
	} {
		if got := ui.Clean(in); got != want {
			t.Errorf("Clean(%q) = %q, want %q", in, got, want)
		}
	}
	long := strings.Repeat("é", 500_000)
	if got := ui.Clean(long); got != strings.Repeat("é", 2000)+"… (1,000,000 bytes in all)" {
		t.Errorf("a name of 1 MB: %.50s… (%d bytes)", got, len(got))
	}
	if got := ui.Sentence(" one\n  two\x1b "); got != `one two\x1b` {
		t.Errorf("Sentence: %q", got)
	}
}

func TestNumbers(t *testing.T) {
	for _, tt := range []struct{ got, want string }{
		{ui.Bytes(0), "0 B"},
		{ui.Bytes(1023), "1023 B"},
		{ui.Bytes(1024), "1.0 KiB"},
		{ui.Bytes(1<<20 - 1), "1.0 MiB"},
		{ui.Bytes(6 << 20), "6.0 MiB"},
		{ui.Bytes(1<<63 - 1), "8.0 EiB"},
		{ui.Count(1, "image"), "1 image"},
		{ui.Count(int64(1234567), "image"), "1,234,567 images"},
		{ui.Count(2, "entry", "entries"), "2 entries"},
		{ui.Grouped(-1234), "-1,234"},
		{ui.Grouped(999), "999"},
		{ui.Duration(90 * time.Second), "1m30s"},
	} {
		if tt.got != tt.want {
			t.Errorf("got %q, want %q", tt.got, tt.want)
		}
	}
}

func TestTable(t *testing.T) {
	tab := ui.Table{Right: []int{1}}
	tab.Row("NAME", "IMAGES", "TYPE")
	tab.Row("林檎", "7", "x")
	tab.Row("a\x1b[0m", "1,000", "")
	var b bytes.Buffer
	tab.Print(&b, "  ")
	want := "  NAME      IMAGES  TYPE\n" +
		"  林檎           7  x\n" +
		"  a\\x1b[0m   1,000\n"
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

type failing struct{ left int }

func (f *failing) Write(p []byte) (int, error) {
	if f.left -= len(p); f.left < 0 {
		return 0, errors.New("no space left on device")
	}
	return len(p), nil
}

func TestOutputRemembersFailure(t *testing.T) {
	out := ui.NewOutput(&failing{left: 4}, func(string) (string, bool) { return "", false })
	out.Printf("four")
	if out.Err() != nil {
		t.Fatal(out.Err())
	}
	out.Printf("more")
	out.Printf("")
	if out.Err() == nil {
		t.Error("a failed write went unseen")
	}
	if got := out.Paint(ui.Red, "x"); got != "x" {
		t.Errorf("colour without a terminal: %q", got)
	}
}

// story is what a flow might report.
func story(p *ui.Progress, tick func(time.Duration)) {
	p.Event(progress.Event{Kind: progress.PhaseStarted, Message: "capture", Total: 2})
	p.Event(progress.Event{Kind: progress.ProjectStarted, Project: "Fruit\x1b", ID: "p1", Total: 3000})
	p.Event(progress.Event{Kind: progress.ProjectStarted, Project: "Nuts", ID: "p2", Total: 10})
	p.Event(progress.Event{Kind: progress.ItemDone, Project: "Nuts", Item: "image", Done: 10, Total: 10})
	for i := range int64(3) {
		tick(6 * time.Second)
		p.Event(progress.Event{Kind: progress.ItemDone, Project: "Fruit\x1b", Item: "image", Done: (i + 1) * 1000, Total: 3000, Bytes: 1 << 20})
	}
	p.Event(progress.Event{Kind: progress.ItemFailed, Project: "Fruit\x1b", Item: "image 7", Err: fmt.Errorf("a\nb")})
	p.Event(progress.Event{Kind: progress.Warning, Message: "careful"})
	p.Event(progress.Event{Kind: progress.ProjectFinished, Project: "Fruit\x1b", ID: "p1", Message: "partial"})
	p.Close()
}

func render(mode ui.Mode) string {
	var b bytes.Buffer
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	story(ui.NewProgress(&b, mode, func() time.Time { return now }), func(d time.Duration) { now = now.Add(d) })
	return b.String()
}

func TestProgress(t *testing.T) {
	want := map[ui.Mode]string{
		ui.ModeNone: `failed: Fruit\x1b: image 7: a b
warning: careful
`,
		ui.ModePlain: `capture
Fruit\x1b: 3,000 images
Nuts: 10 images
capture: 2,010 of 3,010, 2.0 MiB
failed: Fruit\x1b: image 7: a b
warning: careful
Fruit\x1b: partial
`,
		ui.ModeJSON: `{"time":"2026-01-02T03:04:05Z","event":"phase","total":2,"message":"capture"}
{"time":"2026-01-02T03:04:05Z","event":"project","project":"Fruit\u001b","id":"p1","total":3000}
{"time":"2026-01-02T03:04:05Z","event":"project","project":"Nuts","id":"p2","total":10}
{"time":"2026-01-02T03:04:05Z","event":"item","project":"Nuts","item":"image","done":10,"total":10}
{"time":"2026-01-02T03:04:11Z","event":"item","project":"Fruit\u001b","item":"image","done":1000,"total":3000,"bytes":1048576}
{"time":"2026-01-02T03:04:17Z","event":"item","project":"Fruit\u001b","item":"image","done":2000,"total":3000,"bytes":1048576}
{"time":"2026-01-02T03:04:23Z","event":"item","project":"Fruit\u001b","item":"image","done":3000,"total":3000,"bytes":1048576}
{"time":"2026-01-02T03:04:23Z","event":"failed","project":"Fruit\u001b","item":"image 7","message":"a b"}
{"time":"2026-01-02T03:04:23Z","event":"warning","message":"careful"}
{"time":"2026-01-02T03:04:23Z","event":"finished","project":"Fruit\u001b","id":"p1","message":"partial"}
`,
	}
	// Without a terminal, auto is plain.
	want[ui.ModeAuto] = want[ui.ModePlain]
	for mode, text := range want {
		if diff := cmp.Diff(text, render(mode)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", mode, diff)
		}
	}
	if strings.Contains(render(ui.ModePlain), "\x1b") {
		t.Error("an escape reached the terminal")
	}
}

func TestJSONDoesNotSteer(t *testing.T) {
	var b bytes.Buffer
	out := ui.NewOutput(&b, func(string) (string, bool) { return "", false })
	want := map[string]string{"name": "a\u009b\u202e\x1b\U000e0001<ü>\n"}
	if err := out.JSON(want); err != nil {
		t.Fatal(err)
	}
	if text := b.String(); text != "{\n  \"name\": \"a\\u009b\\u202e\\u001b\\udb40\\udc01<ü>\\n\"\n}\n" {
		t.Errorf("got %s", text)
	}
	var got map[string]string
	if err := json.Unmarshal(b.Bytes(), &got); err != nil || got["name"] != want["name"] {
		t.Errorf("read back %q, %v", got, err)
	}
}

// TestPhasesOfProjects counts the phases of projects that go on side by side:
// one that begins the next takes nothing from the others.
func TestPhasesOfProjects(t *testing.T) {
	var b bytes.Buffer
	now := time.Unix(0, 0)
	p := ui.NewProgress(&b, ui.ModePlain, func() time.Time { now = now.Add(time.Minute); return now })
	for _, name := range []string{"one", "two"} {
		p.Event(progress.Event{Kind: progress.ProjectStarted, Project: name, Total: 2})
		p.Event(progress.Event{Kind: progress.PhaseStarted, Project: name, Message: "upload", Total: 2})
		p.Event(progress.Event{Kind: progress.ItemDone, Project: name})
		p.Event(progress.Event{Kind: progress.ItemDone, Project: name})
	}
	p.Event(progress.Event{Kind: progress.PhaseStarted, Project: "one", Message: "read back", Total: 2})
	p.Event(progress.Event{Kind: progress.ItemDone, Project: "one"})
	p.Event(progress.Event{Kind: progress.ProjectFinished, Project: "one", Message: "complete"})
	p.Close()
	if got := b.String(); !strings.Contains(got, "5 of 6") {
		t.Errorf("printed\n%s", got)
	}
}
