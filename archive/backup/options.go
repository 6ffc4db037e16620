package backup

import (
	"log/slog"
	"os"
	"time"

	"cvarchive/archive/progress"
	"cvarchive/archive/seal"
	"cvarchive/manifest"
)

// Options say what to capture and how. Source.Name is required; every other
// zero value is a sensible default.
type Options struct {
	Source manifest.Source
	Tool   manifest.Tool

	// Projects are names or ids of the projects to capture; empty: all.
	Projects []string
	// MetadataOnly leaves out the bytes of images and models.
	MetadataOnly bool
	// NoTokens leaves out the export tokens. The export is requested all
	// the same, for its counts; a credential that may not export is then
	// no failure.
	NoTokens bool
	// SealTo are who can open the export tokens in the archive; none: they
	// are stored in the clear.
	SealTo seal.Recipients
	// NoModels leaves out the exported models, without even asking for
	// them.
	NoModels bool

	// ListTwice accepts a project only when two listings in a row show the
	// same, whatever the service says of changes. It doubles the calls.
	ListTwice bool

	// MaxFailures is how much a capture may lose and its archive still
	// count as the state of its source. Beyond that it is written all the
	// same, and marked: Incomplete in the vault's list.
	MaxFailures Limit

	// Stop, when it is closed, ends the backup in good order: what is
	// being downloaded is stored, and nothing else is begun.
	Stop <-chan struct{}

	Downloads int    // images in flight at once, at most; 0: 512
	Parallel  int    // projects captured at once; 0: 3, and up to 8 small ones
	TempDir   string // for the archive and for large bodies; empty: the system's

	// FlushEvery is how long a stored image may wait until the journal in
	// the vault names it, so that a run killed after that does not download
	// it again. 0: 5 seconds.
	FlushEvery time.Duration

	// RetryDelay is the first wait after a download broke; it doubles from
	// attempt to attempt. 0: half a second.
	RetryDelay time.Duration

	small int // projects captured at once as long as they are small

	Now      func() time.Time // nil: the system's clock
	Progress progress.Func
	Logger   *slog.Logger // nil: silent
}

const (
	// defaultDownloads is for a service that is far away: 2,560 images a
	// second, which its calls allow, are 307 at once at 120 ms. A
	// [download.Gate] finds out how many of them are of use.
	defaultDownloads = 512
	// looksAtOnce are how many images are looked for in the vault at once.
	looksAtOnce     = 64
	defaultParallel = 3
	defaultRetry    = 500 * time.Millisecond
)

func (o Options) withDefaults() Options {
	if o.Downloads <= 0 {
		o.Downloads = defaultDownloads
	}
	if o.Parallel <= 0 {
		o.Parallel, o.small = defaultParallel, smallAtOnce
	}
	if o.TempDir == "" {
		o.TempDir = os.TempDir()
	}
	if o.RetryDelay <= 0 {
		o.RetryDelay = defaultRetry
	}
	if o.FlushEvery <= 0 {
		o.FlushEvery = flushWait
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}
