package verify

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"time"

	"cvarchive/archive/sign"
	"cvarchive/archive/vault"
)

// SignedBy tells of the signature of an archive, when it is right.
type SignedBy struct {
	Fingerprint string // of the key, as ssh-keygen -l shows it
	KeyType     string
	// Signers are the principals that the list of allowed signers has for
	// the key; empty: there was no list.
	Signers string
}

// signed is a signature and what it is of.
type signed struct {
	armored []byte // nil: there is none
	content io.Reader
	made    time.Time // when, as the archive says
	archive string    // for hints: how to name it
}

// storedSignature checks the signature that lies beside an archive.
func (p *Pass) storedSignature(ctx context.Context, c *collector, a vault.Archive, made time.Time) error {
	s := signed{made: made, archive: a.Name}
	armored, err := p.vault.Signature(ctx, a)
	if err == nil && p.opt.Signers == nil && p.vault.CanRead() != nil {
		c.report.Unchecked = append(c.report.Unchecked, "its signature, which is of what is inside")
		return nil
	}
	if err == nil {
		r, failed := p.vault.OpenSigned(ctx, a)
		if failed != nil {
			return failed
		}
		defer r.Close()
		s.armored, s.content = armored, r
	} else if ctx.Err() != nil {
		return ctx.Err()
	} else if !errors.Is(err, fs.ErrNotExist) {
		c.problem(Problem{
			Kind: Unreadable, Item: "signature", Reason: err.Error(),
			Hint: "check that the vault can be read, and verify again",
		})
		return nil
	}
	return c.signature(s, p.opt)
}

// signature checks one signature. Its error says that the content could not be
// read.
func (c *collector) signature(s signed, opt Options) error {
	problem := func(reason, hint string) {
		c.problem(Problem{Kind: Signature, Item: "signature", Reason: reason, Hint: hint})
	}
	if s.armored == nil {
		if opt.Signers != nil {
			problem("the archive is not signed", fmt.Sprintf("ask who made it, or compare it with a copy that is; if you vouch for it, `cvarchive sign %s` signs it", s.archive))
		}
		return nil
	}
	sig, err := sign.Parse(s.armored)
	if err != nil {
		problem("what lies beside the archive is no signature: "+err.Error(), "put the right file in its place, from a replicated vault")
		return nil
	}
	err = sig.Verify(s.content)
	if unread, ok := errors.AsType[*sign.ReadError](err); ok {
		return unread.Err
	}
	if err != nil {
		problem(err.Error(), "put another copy of the archive and of its signature in their place, from a replicated vault; trust neither until then")
		return nil
	}
	by := &SignedBy{Fingerprint: sig.Key().Fingerprint(), KeyType: sig.Key().Type()}
	if opt.Signers != nil {
		if by.Signers, err = opt.Signers.Signer(sig, s.made); err != nil {
			problem(err.Error(), "ask who signed it; if the key may sign, add it to the allowed signers")
			return nil
		}
	}
	c.report.SignedBy = by
	return nil
}
