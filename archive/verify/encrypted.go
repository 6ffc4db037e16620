package verify

import (
	"context"
	"errors"
	"fmt"

	"cvarchive/archive/vault"
	"cvarchive/manifest"
)

// open opens an archive for its check. An encrypted one is first compared, as
// it is stored, with what its index says of it: that takes no identity. Then
// it is opened itself where there is one, and else its index, which names the
// same objects. The file is nil where neither can be read; the problem is
// reported then.
func (p *Pass) open(ctx context.Context, c *collector, a vault.Archive) (f *vault.ArchiveFile, known manifest.Digest, err error) {
	if !p.vault.Encrypted() {
		f, err = p.vault.OpenArchive(ctx, a)
		return f, known, err
	}
	known, err = p.vault.Digest(ctx, a)
	if damaged := c.damaged(err); err != nil && !damaged {
		return nil, known, err
	}
	open := p.vault.OpenIndex
	readable := p.vault.CanRead()
	if readable == nil {
		open = p.vault.OpenArchive
	} else {
		c.report.Unchecked = append(c.report.Unchecked, "what is inside the archive and its objects, for they are encrypted: verify with --identity to look into them")
	}
	told := err != nil
	f, err = open(ctx, a)
	switch _, damaged := errors.AsType[*vault.ArchiveError](err); {
	case damaged && told:
	case damaged:
		c.damaged(err)
	case err != nil:
		return nil, known, err
	default:
		return f, known, nil
	}
	c.report.Unchecked = append(c.report.Unchecked, "the objects in the vault: the archive does not tell which it names")
	return nil, known, nil
}

// damaged reports an encrypted archive that is not as it was written.
func (c *collector) damaged(err error) bool {
	bad, ok := errors.AsType[*vault.ArchiveError](err)
	if ok {
		c.problem(Problem{Kind: Structure, Item: "archive", Reason: "it " + bad.Reason, Hint: bad.Hint})
	}
	return ok
}

// compare brings the digest of an encrypted archive and that in its index
// together.
func (c *collector) compare(known manifest.Digest, readable bool) {
	switch {
	case !readable:
		c.report.SHA256 = known
	case !known.IsZero() && c.report.SHA256 != known:
		c.problem(Problem{
			Kind: Identity, Item: "archive", Reason: fmt.Sprintf("its index says that its SHA-256 is %s, and it is %s", known, c.report.SHA256),
			Hint: "copy the archive from a replicated vault, or back up again",
		})
	}
}
