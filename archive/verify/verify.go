package verify

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"cvarchive/archive"
	"cvarchive/archive/progress"
	"cvarchive/archive/sign"
	"cvarchive/archive/vault"
)

// Options say how to verify.
type Options struct {
	ReadData bool    // read the objects and compare their digests
	Sample   *Sample // read this share of them; ReadData reads all

	// Signers are who may have signed: an archive that none of them did is
	// a problem. Nil: any signature will do, and none.
	Signers *sign.AllowedSigners

	// AllowGaps says that archives are missing from between, since a prune
	// removed them: a [ChainReport] notes them then.
	AllowGaps bool

	// Journal remembers the objects that were read; nil: nothing does.
	Journal *Journal
	// Found receives each problem when it is found, those that the report
	// has no room for too. Calls do not overlap.
	Found func(Problem)

	Concurrency int // objects looked at at once; 0: 16
	Progress    progress.Func
}

const defaultConcurrency = 16

// Archive verifies an archive of a vault and the objects that it names. The
// error says that it could not be done: the archive is gone, the vault does
// not answer, ctx ended.
func Archive(ctx context.Context, v *vault.Vault, a vault.Archive, opt Options) (*Report, error) {
	return NewPass(v, opt).Archive(ctx, a)
}

// File verifies the structure of an archive file outside of a vault, and its
// signature, which is nil when there is none. Name is for the report.
func File(ctx context.Context, ra io.ReaderAt, size int64, name string, signature []byte, opt Options) (*Report, error) {
	report := &Report{Archive: name, Size: size}
	c := newCollector(report, opt)
	r, err := openArchive(c, ra, size)
	if r != nil {
		err = structure(ctx, c, r)
	}
	if err == nil {
		s := signed{armored: signature, content: io.NewSectionReader(ra, 0, size), archive: name}
		if r != nil {
			s.made = r.Manifest().Finished
		}
		err = c.signature(s, opt)
	}
	if err != nil {
		return nil, fmt.Errorf("verify %s: %w", name, err)
	}
	if r != nil && r.Manifest().Objects.Count > 0 {
		o := r.Manifest().Objects
		report.Unchecked = append(report.Unchecked,
			fmt.Sprintf("the bytes of images and models (%d objects, %d bytes): they are in the vault; verify the archive there", o.Count, o.Bytes))
	}
	return report, nil
}

// structure checks the file itself.
func structure(ctx context.Context, c *collector, r *archive.Reader) error {
	broken := map[string]bool{}
	done, err := r.Verify(ctx, func(p archive.Problem) {
		broken[projectOf(p.Member)] = true
		c.problem(structural(p))
	})
	c.report.SHA256, c.report.Members, c.report.Images = done.SHA256, int64(done.Members), done.Images
	if len(broken) > 0 {
		c.salvage(r, broken)
	}
	return err
}

// openArchive returns nil for a file that cannot be opened as an archive, which
// is a problem.
func openArchive(c *collector, ra io.ReaderAt, size int64) (*archive.Reader, error) {
	r, err := archive.NewReader(ra, size)
	if err == nil {
		return r, nil
	}
	if newer, ok := errors.AsType[*archive.VersionError](err); ok {
		c.problem(Problem{Kind: Structure, Item: "archive", Reason: "it is " + newer.Error(), Hint: "verify it with the program that wrote it"})
		return nil, nil
	}
	if corrupt, ok := errors.AsType[*archive.CorruptError](err); ok {
		p := structural(archive.Problem{Member: corrupt.Member, Reason: corrupt.Reason})
		p.Hint = hintNoReader
		c.problem(p)
		return nil, nil
	}
	if errors.Is(err, archive.ErrNotArchive) {
		c.problem(Problem{Kind: Structure, Item: "archive", Reason: "the file is not an archive, or nothing of its end is left", Hint: hintNoReader})
		return nil, nil
	}
	return nil, err
}

// salvage tells which projects of a damaged archive can still be restored.
func (c *collector) salvage(r *archive.Reader, broken map[string]bool) {
	for _, p := range r.Manifest().Projects {
		if broken[p.ID] {
			c.report.Broken = append(c.report.Broken, p.Name)
		} else {
			c.report.Whole = append(c.report.Whole, p.Name)
		}
	}
}

// projectOf returns the id of the project that a member belongs to, or "".
func projectOf(member string) string {
	rest, ok := strings.CutPrefix(member, "projects/")
	if !ok {
		return ""
	}
	id, _, _ := strings.Cut(rest, "/")
	return id
}
