package ui_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"cvarchive/archive/progress"
	"cvarchive/cmd/internal/ui"
)

// FuzzTerminal: whatever a name is, it neither steers the terminal nor fills
// it, and as JSON it is still the same name.
func FuzzTerminal(f *testing.F) {
	for _, s := range []string{
		"Schrauben <M4>", "ネジ 👩‍🌾", "a\x1b[2Jb\r\n\t", "\u009b31m", "gpj.\u202eexe", "\u2066x\u2069\u200b\ufeff", "bad \xff byte",
		"\U000e0001\u2028\u00ad", strings.Repeat("x", 5000), strings.Repeat("é", 200), "\u200e ",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		show := func(where, text string) {
			for _, r := range text {
				if r != '\n' && r != '\u200c' && r != '\u200d' && (unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp)) {
					t.Errorf("%s shows %U of %q: %q", where, r, s, text)
				}
			}
			if !utf8.ValidString(text) {
				t.Errorf("%s is not UTF-8: %q", where, text)
			}
		}
		line := ui.Clean(s)
		if strings.Contains(line, "\n") || len(line) > 10*4000+100 {
			t.Errorf("Clean gives %d bytes: %.100q", len(line), line)
		}
		show("Clean", line)
		show("Sentence", ui.Sentence(s))

		var table bytes.Buffer
		tab := ui.Table{}
		tab.Row("NAME", s)
		tab.Row(s, "x", "y")
		tab.Print(&table, "")
		show("Table", table.String())
		if n := strings.Count(table.String(), "\n"); n != 2 || table.Len() > 20_000 {
			t.Errorf("a table of %d lines, %d bytes", n, table.Len())
		}

		for _, mode := range ui.Modes() {
			var out bytes.Buffer
			p := ui.NewProgress(&out, mode, func() time.Time { return time.Time{} })
			for _, kind := range []progress.Kind{progress.PhaseStarted, progress.ProjectStarted, progress.ItemDone, progress.ItemFailed, progress.Warning, progress.ProjectFinished} {
				p.Event(progress.Event{Kind: kind, Project: s, Item: s, ID: s, Message: s, Err: errors.New(s)})
			}
			p.Close()
			show(string(mode), out.String())
			if n := strings.Count(out.String(), "\n"); n > 6 {
				t.Errorf("%s: %d lines: %q", mode, n, out.String())
			}
		}

		var log bytes.Buffer
		ui.NewLogger(&log).Info(s, s, s)
		show("the log", log.String())
		if n := strings.Count(log.String(), "\n"); n != 1 {
			t.Errorf("a record is %d lines: %q", n, log.String())
		}

		var text bytes.Buffer
		if err := ui.NewOutput(&text, func(string) (string, bool) { return "", false }).JSON(map[string]string{"": s}); err != nil {
			t.Fatal(err)
		}
		show("JSON", text.String())
		var back map[string]string
		if err := json.Unmarshal(text.Bytes(), &back); err != nil || back[""] != strings.ToValidUTF8(s, "\ufffd") && utf8.ValidString(s) {
			t.Errorf("%q is read back as %q (%v)", s, back[""], err)
		}
	})
}
