package verify

import (
	"context"
	"errors"
	"fmt"
	"io"

	"cvarchive/archive"
	"cvarchive/archive/progress"
	"cvarchive/archive/vault"
)

// Options say how to verify.
type Options struct {
	ReadData    bool // read the objects and compare their digests
	Concurrency int  // objects looked at at once; 0: 16
	Progress    progress.Func
}

const defaultConcurrency = 16

// Archive verifies an archive of a vault and the objects that it names. The
// error says that it could not be done: the archive is gone, the vault does
// not answer, ctx ended.
func Archive(ctx context.Context, v *vault.Vault, a vault.Archive, opt Options) (*Report, error) {
	if opt.Concurrency <= 0 {
		opt.Concurrency = defaultConcurrency
	}
	f, err := v.OpenArchive(ctx, a)
	if err != nil {
		return nil, fmt.Errorf("verify archive %s: %w", a.Name, err)
	}
	defer f.Close()
	report := &Report{Archive: a.Name, Size: f.Size(), ReadData: opt.ReadData}
	c := &collector{report: report}

	opt.Progress.Send(progress.Event{Kind: progress.PhaseStarted, Message: "structure"})
	r, err := structure(ctx, c, f, f.Size())
	if err != nil {
		return nil, fmt.Errorf("verify archive %s: %w", a.Name, err)
	}
	if r == nil {
		report.Unchecked = append(report.Unchecked, "the objects in the vault: the archive does not tell which it names")
		return report, nil
	}
	if m := r.Manifest(); m.ID != a.ID || m.Source.Name != a.Source {
		c.problem(Problem{
			Item:   "archive",
			Reason: fmt.Sprintf("it calls itself %s of source %s, so another archive lies under this name", m.ID, m.Source.Name),
			Hint:   "put the right file in its place",
		})
	}
	check := &objects{vault: v, reader: r, collector: c, opt: opt}
	if err := check.run(ctx); err != nil {
		return nil, fmt.Errorf("verify archive %s: %w", a.Name, err)
	}
	return report, nil
}

// File verifies the structure of an archive file outside of a vault. Name is
// for the report.
func File(ctx context.Context, ra io.ReaderAt, size int64, name string) (*Report, error) {
	report := &Report{Archive: name, Size: size}
	r, err := structure(ctx, &collector{report: report}, ra, size)
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

// structure checks the file itself. The reader is nil when the file cannot be
// opened as an archive.
func structure(ctx context.Context, c *collector, ra io.ReaderAt, size int64) (*archive.Reader, error) {
	r, err := archive.NewReader(ra, size)
	if err == nil {
		done, err := r.Verify(ctx, func(p archive.Problem) { c.problem(structural(p)) })
		c.report.SHA256, c.report.Members, c.report.Images = done.SHA256, int64(done.Members), done.Images
		return r, err
	}
	if newer, ok := errors.AsType[*archive.VersionError](err); ok {
		c.problem(Problem{Item: "archive", Reason: "it is " + newer.Error(), Hint: "verify it with the program that wrote it"})
		return nil, nil
	}
	if corrupt, ok := errors.AsType[*archive.CorruptError](err); ok {
		c.problem(structural(archive.Problem{Member: corrupt.Member, Reason: corrupt.Reason}))
		return nil, nil
	}
	if errors.Is(err, archive.ErrNotArchive) {
		c.problem(Problem{Item: "archive", Reason: "the file is not an archive, or nothing of its end is left", Hint: hintOtherCopy})
		return nil, nil
	}
	return nil, err
}
