package torture

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
	"time"
)

var (
	duration = flag.Duration("duration", 2*time.Second, "how long TestTorture begins new rounds")
	seed     = flag.Uint64("seed", 1, "what TestTorture plans its rounds from")
	round    = flag.Int("round", 0, "end TestTorture with this round, beginning with the first that used its vault; 0: play all")
	moving   = flag.Int("moving", 2, "backups of an account that never stands still")
	custody  = flag.Duration("custody", time.Second, "how long TestCustody begins new rounds")
	mended   = flag.Int("mended", 1, "how often TestMended damages a vault")
	halfway  = flag.Int("halfway", 2000, "images of which TestKilledHalfway lets a half be downloaded")
	race     = flag.Bool("race", false, "build the program with the race detector, as it is anyway where the test is")
)

// program is the path of the built program.
var program string

// TestMain builds the program once and runs the tests where they may mount a
// small disk, if the system has such a place.
func TestMain(m *testing.M) {
	flag.Parse()
	if status, done := inNamespace(); done {
		os.Exit(status)
	}
	os.Exit(build(m))
}

func build(m *testing.M) int {
	dir, err := os.MkdirTemp("", "cvarchive-torture-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	program = filepath.Join(dir, "cvarchive")
	if runtime.GOOS == "windows" {
		program += ".exe"
	}
	args := []string{"build", "-o", program}
	if raced || *race { // then the program's own races are found, too
		args = append(args, "-race")
	}
	cmd := exec.Command("go", append(args, "cvarchive/cmd/cvarchive")...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		fmt.Fprintf(os.Stderr, "build cvarchive: %v\n%s", err, out.String())
		return 1
	}
	return m.Run()
}
