package verify

import (
	"fmt"
	"sync"

	"cvarchive/archive"
	"cvarchive/manifest"
)

// MaxProblems bounds [Report.Problems].
const MaxProblems = 10_000

// Report is what the verification of one archive found.
type Report struct {
	Archive string          // its name, or that of the file
	SHA256  manifest.Digest // of the archive file
	Size    int64           // of the archive file

	Members, Images int64 // checked
	// Objects counts those that the archive names, each once a project, and
	// Bytes their sizes. All of them were at least looked up, now or for an
	// earlier archive of the pass.
	Objects, Bytes int64
	// Read counts the objects that were read and not only looked up, now or
	// earlier in the pass; Earlier those that were not read again.
	Read, Earlier int64
	BytesRead     int64 // now

	ReadData bool    // all objects were to be read
	Sample   *Sample // a share of them was

	// SignedBy tells of the archive's signature; nil: there is none that is
	// right and allowed.
	SignedBy *SignedBy

	Problems []Problem
	Unlisted int64 // problems past MaxProblems
	// Notes are no problems, but worth knowing.
	Notes []string
	// Unchecked says what this verification could not look at.
	Unchecked []string
	// Whole and Broken are the names of projects whose members are as they
	// were written, and of those whose are not. They are told only when
	// the archive file is damaged and its manifest is not.
	Whole, Broken []string
}

// Kind says what a [Problem] is about.
type Kind string

// Kinds of problems.
const (
	Structure  Kind = "structure"  // the archive file is not as it was written
	Identity   Kind = "identity"   // another archive lies under this name
	Ancestry   Kind = "parent"     // the parent is not the file that it was
	Missing    Kind = "missing"    // an object is not in the vault
	Damaged    Kind = "damaged"    // an object has another size or other bytes
	Chain      Kind = "chain"      // an archive is missing from between, or has a false date
	Signature  Kind = "signature"  // the archive is not signed by who should have
	Unreadable Kind = "unreadable" // the store did not give an object, or an archive
	Offline    Kind = "offline"    // an object lies in a tier from which nothing is read
)

// Problem is one thing that is wrong. Fields that do not apply are empty.
type Problem struct {
	Archive string
	Kind    Kind
	Item    string // what it concerns, for people
	Reason  string
	Hint    string // what to do, a clause without a full stop

	Member             string // of the archive
	ProjectID, Project string // id and name
	ImageID            string
	IterationID        string // of a model
	Platform, Flavor   string // of a model
	Object             *manifest.Object
	ObjectName         string // in the vault
}

// String is the problem on one line.
func (p Problem) String() string { return fmt.Sprintf("%s: %s; %s", p.Item, p.Reason, p.Hint) }

// Sound reports whether nothing is wrong.
func (r *Report) Sound() bool { return len(r.Problems) == 0 }

// FileSound reports whether the archive file is as it was written, whatever
// is the matter with its objects and its parent.
func (r *Report) FileSound() bool {
	for _, p := range r.Problems {
		if p.Kind == Structure {
			return false
		}
	}
	return true
}

// collector adds to a report from several goroutines.
type collector struct {
	mu     sync.Mutex
	report *Report
	found  func(Problem)
}

func newCollector(r *Report, opt Options) *collector { return &collector{report: r, found: opt.Found} }

func (c *collector) problem(p Problem) {
	c.mu.Lock()
	defer c.mu.Unlock()
	p.Archive = c.report.Archive
	if c.found != nil {
		c.found(p)
	}
	if len(c.report.Problems) == MaxProblems {
		c.report.Unlisted++
		return
	}
	c.report.Problems = append(c.report.Problems, p)
}

func (c *collector) note(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.report.Notes = append(c.report.Notes, fmt.Sprintf(format, args...))
}

const (
	hintOtherCopy = "put another copy of the archive in its place, from a replicated vault, or back up again; what is not named here can still be restored from this one"
	hintNoReader  = "put another copy of the archive in its place, from a replicated vault, or back up again"
)

// structural turns what the archive's reader found into a problem.
func structural(p archive.Problem) Problem {
	item := p.Member
	if item == "" {
		item = "archive"
	}
	return Problem{Kind: Structure, Item: item, Member: p.Member, Reason: p.Reason, Hint: hintOtherCopy}
}
