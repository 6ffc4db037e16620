package manifest

import "time"

// FormatName and the version of the archive format that this package writes.
// A reader refuses a newer major version and accepts any minor one.
const (
	FormatName  = "cvarchive"
	FormatMajor = 1
	FormatMinor = 0
)

// Manifest is the last member of an archive (manifest.json): what the
// archive is, what each project came to, and the digest of every other
// member.
type Manifest struct {
	Format        string         `json:"format"`        // FormatName
	FormatVersion string         `json:"formatVersion"` // "major.minor"
	ID            string         `json:"id"`            // random, 8 hexadecimal digits
	Tool          Tool           `json:"tool"`
	Source        Source         `json:"source"`
	Started       time.Time      `json:"started"`
	Finished      time.Time      `json:"finished"`
	Capture       Capture        `json:"capture"`
	Domains       []Domain       `json:"domains,omitempty"` // what the source offered
	Projects      []ProjectEntry `json:"projects"`
	// Failures are those of the account as a whole, such as a listing of
	// domains that was refused.
	Failures []Failure  `json:"failures,omitempty"`
	Objects  ObjectList `json:"objects"`
	Members  []Member   `json:"members"`
	Parent   *Parent    `json:"parent,omitempty"`
	Extra    Extra      `json:"-"`
}

// Tool names the program that wrote an archive.
type Tool struct {
	Name    string `json:"name"`
	Version string `json:"version"`
}

// Source is the resource that was captured. It never holds a credential.
type Source struct {
	Name       string `json:"name"` // as in the config
	Endpoint   string `json:"endpoint"`
	APIVersion string `json:"apiVersion"`
}

// Capture says what was asked for.
type Capture struct {
	MetadataOnly bool     `json:"metadataOnly,omitempty"`
	NoTokens     bool     `json:"noTokens,omitempty"`
	NoModels     bool     `json:"noModels,omitempty"` // exported models were not asked for
	Projects     []string `json:"projects,omitempty"` // empty: all
}

// Outcome says how far a capture or restore of one project came.
type Outcome string

// Outcomes.
const (
	Complete Outcome = "complete" // everything that was asked for is there
	Partial  Outcome = "partial"  // usable, with listed failures
	Failed   Outcome = "failed"   // nothing usable
)

// ProjectEntry is what the manifest says of one project without opening its
// members.
type ProjectEntry struct {
	ID       string       `json:"id"`
	Name     string       `json:"name"`
	DomainID string       `json:"domainId,omitempty"`
	Type     string       `json:"type,omitempty"` // Classification, ObjectDetection; empty: domain not listed
	Outcome  Outcome      `json:"outcome"`
	Counts   Counts       `json:"counts"`
	Token    TokenSummary `json:"token"`
	// Failures are those of the project; a failed image is counted in
	// Counts.FailedImages and explained in its record.
	Failures []Failure `json:"failures,omitempty"`
}

// Counts are what the archive holds of a project.
type Counts struct {
	Images          int   `json:"images"`          // records, IterationOnly included
	IterationOnly   int   `json:"iterationOnly"`   // records that only an iteration holds
	Tagged          int   `json:"tagged"`          // workspace images with at least one tag
	Tags            int   `json:"tags"`            //
	Regions         int   `json:"regions"`         // of workspace images
	Iterations      int   `json:"iterations"`      //
	Models          int   `json:"models"`          // exported models with bytes in the vault
	Bytes           int64 `json:"bytes"`           // image and model bytes named by the records
	FailedImages    int   `json:"failedImages"`    // records with a failure
	DuplicateImages int   `json:"duplicateImages"` // records whose bytes an earlier record of the project has too
}

// TokenSummary says whether a project's token is in the archive.
type TokenSummary struct {
	State   TokenState `json:"state"`
	Expires Timestamp  `json:"expires,omitempty"`
}

// Failure is something that could not be captured or restored, with the
// service's own words.
type Failure struct {
	// Item names what failed, such as `image 6f…` or `export token`.
	Item      string `json:"item"`
	Operation string `json:"operation,omitempty"` // as in the service's specification
	Code      string `json:"code,omitempty"`      // of the service, or ours
	Message   string `json:"message"`
	RequestID string `json:"requestId,omitempty"`
}

// Object is the bytes of one image or model, as the vault stores them.
type Object struct {
	SHA256 Digest `json:"sha256"`
	Size   int64  `json:"size"` // bytes
	// Ext is the file name extension that the sniffed content calls for,
	// without a dot: jpg, png, bmp, gif, zip, bin …
	Ext string `json:"ext"`
}

// ObjectList sums up every object that the archive's records name, in the
// order of the members and of the records in them. Digest is the SHA-256 of
// one line per mention, "<sha256> <size> <ext>\n".
type ObjectList struct {
	Count  int64  `json:"count"`
	Bytes  int64  `json:"bytes"`
	Digest Digest `json:"digest"`
}

// Member is one file of the archive.
type Member struct {
	Name   string `json:"name"`
	Size   int64  `json:"size"`   // bytes of content
	SHA256 Digest `json:"sha256"` // of the content
	Offset int64  `json:"offset"` // of its tar header, in the decompressed archive
}

// Parent is the archive of the same source that this one builds on.
type Parent struct {
	Name   string `json:"name"`
	SHA256 Digest `json:"sha256"`
}
