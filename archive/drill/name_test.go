package drill

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

func TestNameOf(t *testing.T) {
	for archived, want := range map[string]string{
		"Fruit":                  "drill-1f6b4c2a-12 Fruit",
		"":                       "drill-1f6b4c2a-12",
		"تفاح":                   "drill-1f6b4c2a-12 تفاح",
		strings.Repeat("a", 40):  "drill-1f6b4c2a-12 " + strings.Repeat("a", 32),
		strings.Repeat("😀", 40):  "drill-1f6b4c2a-12 " + strings.Repeat("😀", 31), // two units each: 80 in all
		strings.Repeat("空", 900): "drill-1f6b4c2a-12 " + strings.Repeat("空", 882),
	} {
		if got := nameOf("1f6b4c2a", 12, archived); got != want {
			t.Errorf("%q: %q, want %q", archived, got, want)
		}
	}
}

func TestProcessEnded(t *testing.T) {
	self := thisProcess()
	cmd := exec.Command(os.Args[0], "-test.run=^$")
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	gone := self
	gone.ID = cmd.Process.Pid
	elsewhere := gone
	elsewhere.Host = "elsewhere"
	parent := self
	parent.ID = os.Getppid()
	for name, tt := range map[string]struct {
		p    Process
		want bool
	}{"itself": {self, false}, "a process that ended": {gone, true}, "one of another machine": {elsewhere, false}, "one that runs": {parent, false}} {
		if got := tt.p.ended(self); got != tt.want {
			t.Errorf("%s: ended %t", name, got)
		}
	}
}
