package plan

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"cvarchive/manifest"
)

// FormatVersion of the JSON form of a [Plan].
const FormatVersion = 1

// Plan says what a restore does. It holds no secret.
type Plan struct {
	FormatVersion int        `json:"formatVersion"`
	Created       time.Time  `json:"created"`
	Archive       Archive    `json:"archive"`
	Target        Target     `json:"target"`
	Mode          Mode       `json:"mode"`
	OnConflict    OnConflict `json:"onConflict"`
	Projects      []Project  `json:"projects"`
	Totals        Totals     `json:"totals"`
	// Leftovers are what failed imports of this archive left in the target.
	Leftovers []Leftover `json:"leftovers,omitempty"`
	// Pending says that carrying out the plan would change the target.
	Pending bool `json:"pending"`
	// Room says whether the target has room, and Estimate what it takes.
	Room     Room     `json:"room"`
	Estimate Estimate `json:"estimate"`
	// Choices and State are what [Plan.Moved] needs of a saved plan.
	Choices Choices `json:"choices"`
	State   State   `json:"state"`
}

// Archive says what the plan was made from.
type Archive struct {
	ID      string          `json:"id"`
	Name    string          `json:"name,omitempty"` // in the vault, or a file's path
	SHA256  manifest.Digest `json:"sha256,omitzero"`
	Source  string          `json:"source"`  // configured name of the captured resource
	Created time.Time       `json:"created"` // when the capture started
}

// Target says what the plan was made for.
type Target struct {
	Name     string `json:"name"`
	Endpoint string `json:"endpoint"`
}

// Action is what happens to one project.
type Action string

// Actions.
const (
	Import   Action = "import"   // by its token
	Rebuild  Action = "rebuild"  // from its content
	Continue Action = "resume"   // what an earlier restore began
	Serve    Action = "serve"    // it is there and equal; train or publish it
	Skip     Action = "skip"     // nothing to do, or asked to leave alone
	Conflict Action = "conflict" // its name is taken by another project
	Blocked  Action = "blocked"  // it cannot be restored
)

// Writes reports whether the action creates content in the target.
func (a Action) Writes() bool { return a == Import || a == Rebuild || a == Continue }

// Project is the plan of one archived project.
type Project struct {
	ID         string `json:"id"`   // archived
	Name       string `json:"name"` // archived
	Type       string `json:"type,omitempty"`
	TargetName string `json:"targetName"`
	// Wanted is the name that was asked for, where a conflict gave the
	// project another.
	Wanted string `json:"wantedName,omitempty"`
	// TargetID is the project that has the name already, if any.
	TargetID string `json:"targetId,omitempty"`
	Action   Action `json:"action"`
	Reason   string `json:"reason"` // a clause for people
	// Next says what the user can do about a conflict or a block.
	Next string `json:"next,omitempty"`
	// Equal says that a skipped project was found equal to the archive.
	Equal bool `json:"equal,omitempty"`
	// Differs lists how the project that has the name differs.
	Differs []string `json:"differs,omitempty"`
	// Domain is what the project will have; absent for an import, which
	// decides by itself.
	Domain *Domain `json:"domain,omitempty"`
	// Settings are set by CreateProject and UpdateProject, in this order.
	Settings []Setting `json:"settings,omitempty"`
	Creates  Creates   `json:"creates"`
	// NotCarried lists what the target will not have.
	NotCarried []Note `json:"notCarried,omitempty"`
	// Notes say what else is worth knowing: mappings, duplicates.
	Notes []Note `json:"notes,omitempty"`
	// Calls are the writing calls, by operation. An import is polled
	// besides. ProofCalls read the project back afterwards.
	Calls      Calls `json:"calls,omitempty"`
	ProofCalls Calls `json:"proofCalls,omitempty"`
	// Bytes of images to upload, before base64; by URL, to be fetched.
	Bytes int64 `json:"bytes"`
	// UploadBytes are what Bytes come to in base64 where they are uploaded.
	UploadBytes int64 `json:"uploadBytes,omitempty"`
	// ProofBytes are read back by the proof: the images that the archive
	// has the bytes of.
	ProofBytes int64 `json:"proofBytes"`
	// Fallback says that a failed import is followed by a rebuild, and
	// what that takes.
	Fallback *Fallback `json:"fallback,omitempty"`
	// Expect is what ExportProject counted, for an import.
	Expect *Expect `json:"expect,omitempty"`
	// Resume says what is there already, for the action resume.
	Resume *Resume `json:"resume,omitempty"`
	// Transfer is the way that image bytes take, where there are any.
	Transfer Transfer `json:"transfer,omitempty"`
	// Training follows a rebuild, if asked for, then or later; Publish
	// follows that, or an import.
	Training *Training     `json:"training,omitempty"`
	Publish  []Publication `json:"publish,omitempty"`
}

// Domain is the base model chosen in the target.
type Domain struct {
	ID   string `json:"id"`
	Name string `json:"name,omitempty"`
	// From is the archived domain's id where it is another.
	From string `json:"from,omitempty"`
}

// Setting is one value to set.
type Setting struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Creates counts what will be there afterwards that was not before.
type Creates struct {
	Tags         int `json:"tags"`
	Images       int `json:"images"`
	Regions      int `json:"regions"`
	WithMetadata int `json:"withMetadata"` // images
	Iterations   int `json:"iterations"`   // by import only
	// PerTag has each tag in the order of creation.
	PerTag []TagCount `json:"perTag,omitempty"`
}

// TagCount is one tag and the number of images that will carry it.
type TagCount struct {
	Name   string `json:"name"`
	Type   string `json:"type"`
	Images int    `json:"images"`
}

// Note is one thing that is not carried over, or is worth knowing.
type Note struct {
	What   string `json:"what"`
	Reason string `json:"reason"`
	Count  int    `json:"count,omitempty"`
	// Items names the first things that are meant, at most 20.
	Items []string `json:"items,omitempty"`
}

// String says the note in one line.
func (n Note) String() string {
	var b strings.Builder
	if n.Count > 0 {
		fmt.Fprintf(&b, "%d ", n.Count)
	}
	fmt.Fprintf(&b, "%s: %s", n.What, n.Reason)
	if len(n.Items) > 0 {
		fmt.Fprintf(&b, " (%s", strings.Join(n.Items, ", "))
		if n.Count > len(n.Items) {
			b.WriteString(", …")
		}
		b.WriteString(")")
	}
	return b.String()
}

// maxItems bounds [Note.Items].
const maxItems = 20

func firstItems(s []string) []string { return s[:min(len(s), maxItems):min(len(s), maxItems)] }

// Fallback is the rebuild behind an import.
type Fallback struct {
	Calls Calls `json:"calls"`
	Bytes int64 `json:"bytes"`
}

// Expect is what an export record counted.
type Expect struct {
	Images                  int `json:"images"`
	Tags                    int `json:"tags"`
	Regions                 int `json:"regions"`
	Iterations              int `json:"iterations"`
	EstimatedImportTimeInMS int `json:"estimatedImportTimeInMS"`
}

// Totals sums the plan up.
type Totals struct {
	Import     int   `json:"import"`
	Rebuild    int   `json:"rebuild"`
	Resume     int   `json:"resume"`
	Serve      int   `json:"serve,omitempty"`
	Skip       int   `json:"skip"`
	Conflict   int   `json:"conflict"`
	Blocked    int   `json:"blocked"`
	Tags       int   `json:"tags"`
	Images     int   `json:"images"`
	Regions    int   `json:"regions"`
	Calls      Calls `json:"calls,omitempty"`
	ProofCalls Calls `json:"proofCalls,omitempty"`
	Bytes      int64 `json:"bytes"`
	BytesByURL int64 `json:"bytesByUrl"` // of Bytes, those that the service fetches
}

func (p *Plan) sum() {
	t := Totals{Calls: Calls{}, ProofCalls: Calls{}}
	for i := range p.Projects {
		pp := &p.Projects[i]
		switch pp.Action {
		case Import:
			t.Import++
		case Rebuild:
			t.Rebuild++
		case Continue:
			t.Resume++
		case Serve:
			t.Serve++
		case Skip:
			t.Skip++
		case Conflict:
			t.Conflict++
		case Blocked:
			t.Blocked++
		}
		t.Tags += pp.Creates.Tags
		t.Images += pp.Creates.Images
		t.Regions += pp.Creates.Regions
		t.Calls.Add(pp.Calls)
		t.ProofCalls.Add(pp.ProofCalls)
		t.Bytes += pp.Bytes
		if pp.Transfer == TransferURL {
			t.BytesByURL += pp.Bytes
		}
	}
	p.Totals = t
	p.Pending = t.Import+t.Rebuild+t.Resume+t.Serve > 0 || slices.ContainsFunc(p.Leftovers, func(l Leftover) bool { return l.Remove })
}
