package verify

import (
	"fmt"
	"sync"

	"cvarchive/archive"
	"cvarchive/manifest"
)

// MaxProblems bounds [Report.Problems].
const MaxProblems = 10_000

// Report is what a verification found.
type Report struct {
	Archive string          // its name, or that of the file
	SHA256  manifest.Digest // of the archive file
	Size    int64           // of the archive file
	// Members, Images and Objects were checked; Bytes is the size of the
	// objects. An object that several images of a project share is
	// checked once.
	Members, Images, Objects int64
	Bytes                    int64
	ReadData                 bool // the objects were read, not only looked up
	Problems                 []Problem
	Unlisted                 int64 // problems past MaxProblems
	// Unchecked says what this verification could not look at.
	Unchecked []string
}

// Problem is one thing that is wrong.
type Problem struct {
	Item   string // what it concerns
	Reason string
	Hint   string // what to do, a clause without a full stop
}

// String is the problem on one line.
func (p Problem) String() string { return fmt.Sprintf("%s: %s; %s", p.Item, p.Reason, p.Hint) }

// Sound reports whether nothing is wrong.
func (r *Report) Sound() bool { return len(r.Problems) == 0 }

// collector adds to a report from several goroutines.
type collector struct {
	mu     sync.Mutex
	report *Report
}

func (c *collector) problem(p Problem) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.report.Problems) == MaxProblems {
		c.report.Unlisted++
		return
	}
	c.report.Problems = append(c.report.Problems, p)
}

const hintOtherCopy = "use another copy of the archive; projects that are not named here can still be restored from this one"

// structural turns what the archive's reader found into a problem.
func structural(p archive.Problem) Problem {
	if p.Member == "" {
		return Problem{Item: "archive", Reason: p.Reason, Hint: hintOtherCopy}
	}
	return Problem{Item: p.Member, Reason: p.Reason, Hint: hintOtherCopy}
}
