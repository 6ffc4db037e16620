package restore

import (
	"context"
	"io"
	"iter"
	"log/slog"
	"time"

	"cvarchive/archive"
	"cvarchive/archive/progress"
	"cvarchive/manifest"
	"cvarchive/manifest/plan"
)

// Archive is the archive that is restored; [archive.Reader] is one.
type Archive interface {
	Manifest() *manifest.Manifest
	Project(ctx context.Context, id string) (archive.ProjectMembers, error)
	Images(ctx context.Context, id string) iter.Seq2[archive.Record, error]
}

// Objects gives the bytes of images; a vault is one. The reader must check
// size and digest before it returns [io.EOF].
type Objects interface {
	OpenObject(ctx context.Context, o manifest.Object) (io.ReadCloser, error)
}

// TokenOpener opens sealed export tokens; [seal.Identities] are one.
type TokenOpener interface {
	OpenText(sealed string) (manifest.Secret, error)
}

// Options say how to restore. The zero value works.
type Options struct {
	// ArchiveName and ArchiveSHA256 name the archive in plan and report,
	// as far as the caller knows them.
	ArchiveName   string
	ArchiveSHA256 manifest.Digest
	// Target names the resource in plan and report.
	Target plan.Target
	// Saved is the digest of the saved plan that is carried out, so that the
	// journal can tell what of it is done; zero: it was not saved. See
	// [Revise].
	Saved manifest.Digest
	// Plan holds the user's choices. Its Now is taken from Now if zero.
	Plan plan.Options

	// Journal is where progress is noted, so that a restore that was
	// stopped can be gone on with; nil: nowhere.
	Journal Journal
	// Transfer says how image bytes travel; empty: auto.
	Transfer Transfer
	// Links hands out links for transfer by URL; nil: there are none.
	Links Links
	// Sealed opens export tokens that are sealed; nil: they stay sealed, and
	// nothing is imported with them.
	Sealed TokenOpener
	// Exports are fresh export records by archived project id, used
	// instead of the archive's; see [RefreshTokens].
	Exports map[string]manifest.Export

	// Projects is how many projects are worked on at a time; 0: 8. Large
	// ones wait for each other, so that their records fit in memory.
	Projects int
	// Batches is how many create calls of all projects are under way at a
	// time, at most; 0: 32. The images of all of them share memory for two
	// of the largest, and calls that take long make fewer of them.
	Batches int
	// NoContentProof compares images by dimensions, tags, regions and
	// metadata only, and downloads none of them.
	NoContentProof bool
	// Downloads is how many images the proofs of all projects download at a
	// time, at most; 0: 256. It finds out how many are of use.
	Downloads int
	// TempDir is where records wait; empty: the system's.
	TempDir string

	// Now is the clock; nil: [time.Now].
	Now func() time.Time
	// Wait pauses between two looks at an import or a training; nil: real
	// time.
	Wait func(ctx context.Context, d time.Duration) error
	// Grace is how long the calls under way may take to end after the
	// context has; 0: 30 seconds.
	Grace    time.Duration
	Progress progress.Func
	Logger   *slog.Logger // nil: silent
}

func (o Options) withDefaults() Options {
	if o.Projects <= 0 {
		o.Projects = 8
	}
	if o.Batches <= 0 {
		o.Batches = 32
	}
	if o.Downloads <= 0 {
		o.Downloads = 256
	}
	if o.Transfer == "" {
		o.Transfer = TransferAuto
	}
	if o.Grace <= 0 {
		o.Grace = 30 * time.Second
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Plan.Now.IsZero() {
		o.Plan.Now = o.Now()
	}
	if o.Wait == nil {
		o.Wait = wait
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}

func wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
