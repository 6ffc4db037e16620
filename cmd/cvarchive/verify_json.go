package main

import (
	"cvarchive/archive/verify"
	"cvarchive/manifest"
)

// "verify --json" prints one line a problem, when it is found, one line an
// archive, after its problems, and a last line with the totals. Their types
// tell them apart.

// problemLine is one thing that is wrong.
type problemLine struct {
	Type       string           `json:"type"` // "problem"
	Archive    string           `json:"archive"`
	Kind       verify.Kind      `json:"kind"`
	Item       string           `json:"item"`
	Reason     string           `json:"reason"`
	Hint       string           `json:"hint"`
	Member     string           `json:"member,omitempty"`
	ProjectID  string           `json:"projectId,omitempty"`
	Project    string           `json:"project,omitempty"` // name
	ImageID    string           `json:"imageId,omitempty"`
	Iteration  string           `json:"iterationId,omitempty"`
	Platform   string           `json:"platform,omitempty"`
	Flavor     string           `json:"flavor,omitempty"`
	Object     *manifest.Object `json:"object,omitempty"`
	ObjectName string           `json:"objectName,omitempty"` // in the vault
}

func newProblemLine(p verify.Problem) problemLine {
	return problemLine{
		Type: "problem", Archive: p.Archive, Kind: p.Kind, Item: p.Item, Reason: p.Reason, Hint: p.Hint,
		Member: p.Member, ProjectID: p.ProjectID, Project: p.Project, ImageID: p.ImageID,
		Iteration: p.IterationID, Platform: p.Platform, Flavor: p.Flavor, Object: p.Object, ObjectName: p.ObjectName,
	}
}

// problem is the inverse of newProblemLine.
func (l problemLine) problem() verify.Problem {
	return verify.Problem{
		Archive: l.Archive, Kind: l.Kind, Item: l.Item, Reason: l.Reason, Hint: l.Hint,
		Member: l.Member, ProjectID: l.ProjectID, Project: l.Project, ImageID: l.ImageID,
		IterationID: l.Iteration, Platform: l.Platform, Flavor: l.Flavor, Object: l.Object, ObjectName: l.ObjectName,
	}
}

// verifiedArchive is what was found in one archive.
type verifiedArchive struct {
	Type     string           `json:"type"` // "archive"
	Archive  string           `json:"archive"`
	Sound    bool             `json:"sound"`
	SHA256   *manifest.Digest `json:"sha256,omitempty"` // of the file; absent where it could not be read
	Size     int64            `json:"size"`
	Members  int64            `json:"members"`
	Images   int64            `json:"images"`
	Objects  int64            `json:"objects"`
	Bytes    int64            `json:"bytes"` // of the objects
	Read     int64            `json:"read"`
	Earlier  int64            `json:"earlier"`
	ReadData bool             `json:"readData"`
	Problems int64            `json:"problems"` // how many
	// WholeProjects and BrokenProjects are told when the file is damaged
	// and still says which projects it has.
	WholeProjects  []string  `json:"wholeProjects,omitempty"`
	BrokenProjects []string  `json:"brokenProjects,omitempty"`
	SignedBy       *signedBy `json:"signedBy,omitempty"`
	Notes          []string  `json:"notes,omitempty"`
	Unchecked      []string  `json:"unchecked,omitempty"`

	shown []verify.Problem
}

// signedBy tells of a signature that is right, and allowed where that was
// asked.
type signedBy struct {
	Signer  string `json:"signer,omitempty"` // principals; absent: --allowed-signers was not given
	Key     string `json:"key"`              // fingerprint
	KeyType string `json:"keyType"`
}

func newVerifiedArchive(r *verify.Report) verifiedArchive {
	v := verifiedArchive{
		Type: "archive", Archive: r.Archive, Sound: r.Sound(), Size: r.Size, Members: r.Members, Images: r.Images,
		Objects: r.Objects, Bytes: r.Bytes, Read: r.Read, Earlier: r.Earlier, ReadData: r.ReadData,
		Problems: int64(len(r.Problems)) + r.Unlisted, WholeProjects: r.Whole, BrokenProjects: r.Broken,
		Notes: r.Notes, Unchecked: r.Unchecked, shown: r.Problems,
	}
	if !r.SHA256.IsZero() {
		v.SHA256 = &r.SHA256
	}
	if by := r.SignedBy; by != nil {
		v.SignedBy = &signedBy{Signer: by.Signers, Key: by.Fingerprint, KeyType: by.KeyType}
	}
	return v
}

// verifyTotal is the last line.
type verifyTotal struct {
	Type      string      `json:"type"` // "total"
	Sound     bool        `json:"sound"`
	Archives  int         `json:"archives"`
	Problems  int64       `json:"problems"`
	Objects   int64       `json:"objects"`
	Bytes     int64       `json:"bytes"`
	Read      int64       `json:"read"`
	Earlier   int64       `json:"earlier"`
	BytesRead int64       `json:"bytesRead"`
	Sample    *sampleLine `json:"sample,omitempty"`
	// Strays lie among the archives of the vault and are not named like
	// one (--all only). They are no problem of the archives.
	Strays []string `json:"strays,omitempty"`
}

// sampleLine says which objects were read.
type sampleLine struct {
	Percent float64 `json:"percent"`
	Seed    uint64  `json:"seed"`
}

func (r *verification) total() verifyTotal {
	t := verifyTotal{
		Type: "total", Sound: r.sound(), Archives: len(r.archives), Problems: r.problems(),
		Objects: r.totals.Objects, Bytes: r.totals.Bytes, Read: r.totals.Read, Earlier: r.totals.Earlier,
		BytesRead: r.totals.BytesRead, Strays: r.strays,
	}
	if r.sample != nil {
		t.Sample = &sampleLine{Percent: r.sample.Share * 100, Seed: r.sample.Seed}
	}
	return t
}
