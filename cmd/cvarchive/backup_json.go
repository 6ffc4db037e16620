package main

import (
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"cvarchive/archive/backup"
	"cvarchive/archive/progress"
	"cvarchive/cmd/internal/ui"
	"cvarchive/manifest"
)

// "backup --json" prints one line a warning, when it comes; then one line a
// project, one line a thing that was not captured, and a last line with the
// totals. Their types tell them apart.

// backupWarning is something worth knowing that is no failure.
type backupWarning struct {
	Type    string `json:"type"` // "warning"
	Project string `json:"project,omitempty"`
	Message string `json:"message"`
}

// backupProject is a project of the archive.
type backupProject struct {
	Type     string                `json:"type"` // "project"
	ID       string                `json:"id"`
	Name     string                `json:"name"`
	DomainID string                `json:"domainId,omitempty"`
	Kind     string                `json:"kind,omitempty"` // Classification, ObjectDetection
	Outcome  manifest.Outcome      `json:"outcome"`
	Counts   manifest.Counts       `json:"counts"`
	Token    manifest.TokenSummary `json:"token"`
}

// backupFailure is something that was not captured, with what to do.
type backupFailure struct {
	Type    string `json:"type"`              // "failure"
	Project string `json:"project,omitempty"` // name; absent: the account as a whole
	manifest.Failure
	Hint string `json:"hint"`
}

// backupTotal is the last line: the archive, and what it came to.
type backupTotal struct {
	Type    string `json:"type"`    // "total"
	Archive string `json:"archive"` // its name in the vault
	// Incomplete archives lost more than --max-failures and are never the
	// latest.
	Incomplete bool             `json:"incomplete"`
	Vault      string           `json:"vault"`
	SHA256     manifest.Digest  `json:"sha256"` // of the archive file
	Size       int64            `json:"size"`   // of the archive file, bytes
	Source     manifest.Source  `json:"source"`
	Started    time.Time        `json:"started"`
	Finished   time.Time        `json:"finished"`
	Capture    manifest.Capture `json:"capture"`
	Whole      bool             `json:"whole"`
	Projects   int              `json:"projects"`
	Images     int              `json:"images"`   // records
	Failures   int              `json:"failures"` // lines; more images may have failed than are listed
	Lost       int              `json:"lost"`     // images and models that are not in the archive
	Stats      backupStats      `json:"stats"`
	Signed     bool             `json:"signed"`
	Unsigned   string           `json:"unsigned,omitempty"` // why it is not signed, where it was to be
	// Tokens counts export tokens in the archive, TokensUntil is when the
	// last of them expires.
	Tokens      int        `json:"tokens"`
	TokensUntil *time.Time `json:"tokensUntil,omitempty"`
}

// backupStats say what a backup moved.
type backupStats struct {
	ImagesDownloaded int   `json:"imagesDownloaded"`
	ImagesReused     int   `json:"imagesReused"`
	ModelsDownloaded int   `json:"modelsDownloaded"`
	ModelsReused     int   `json:"modelsReused"`
	ObjectsStored    int   `json:"objectsStored"`
	BytesDownloaded  int64 `json:"bytesDownloaded"`
	BytesStored      int64 `json:"bytesStored"`
}

func newBackupTotal(r *backup.Result, vaultName string) backupTotal {
	m, t := r.Manifest, tokensOf(r.Manifest)
	b := backupTotal{
		Type: "total", Archive: r.Archive.Name, Incomplete: r.Archive.Incomplete, Vault: vaultName, SHA256: r.SHA256, Size: r.Archive.Size,
		Source: m.Source, Started: m.Started, Finished: m.Finished, Capture: m.Capture, Whole: r.Whole(),
		Projects: len(m.Projects), Failures: len(failuresOf(r)), Lost: r.Lost, Stats: backupStats(r.Stats),
		Tokens: t.count, TokensUntil: t.until,
	}
	for _, p := range m.Projects {
		b.Images += p.Counts.Images
	}
	if b.Signed = r.Archive.Signed; r.Unsigned != nil {
		b.Unsigned = ui.Sentence(r.Unsigned.Error())
	}
	return b
}

// failuresOf lists what was not captured: of the account, of each project,
// and images and models.
func failuresOf(r *backup.Result) []backupFailure {
	var list []backupFailure
	add := func(project string, f manifest.Failure) {
		list = append(list, backupFailure{Type: "failure", Project: project, Failure: f, Hint: backupHint(f)})
	}
	for _, f := range r.Manifest.Failures {
		add("", f)
	}
	for _, p := range r.Manifest.Projects {
		for _, f := range p.Failures {
			add(p.Name, f)
		}
		for _, item := range r.Items {
			// Models are among the project's failures already.
			told := slices.ContainsFunc(p.Failures, func(f manifest.Failure) bool { return f.Item == item.Failure.Item })
			if item.ProjectID == p.ID && !told {
				add(p.Name, item.Failure)
			}
		}
	}
	return list
}

// backupHint says what to do about a failure.
func backupHint(f manifest.Failure) string {
	switch f.Code {
	case "Incomplete":
		return "see to what is listed and back up again; until then the latest archive is the one before"
	case "Moved", "CountDiffers":
		return "back up again when nobody works on the project"
	case "NotAPicture":
		return "look at the image in the portal; the next backup asks for it again"
	case "BadRequestExportWhileTraining":
		return "back up again when the training is done"
	case "BlobNotFound", "NotFound", "NotFoundImage":
		return hintGone
	case "401", "403", "Unauthorized", "Forbidden":
		return "check the credential and its role, and back up again"
	}
	if strings.Contains(f.Message, "answered 404") { // without a code
		return hintGone
	}
	return "back up again; what is stored already is not downloaded again"
}

const hintGone = "the service does not have it; if an earlier archive does, it is safe there; delete the image from the project when it is of no use"

// jsonBackup prints the lines of a finished backup.
func (a *app) jsonBackup(r *backup.Result, vaultName string) error {
	var errs []error
	for _, p := range r.Manifest.Projects {
		errs = append(errs, a.out.JSONLine(backupProject{
			Type: "project", ID: p.ID, Name: p.Name, DomainID: p.DomainID, Kind: p.Type,
			Outcome: p.Outcome, Counts: p.Counts, Token: p.Token,
		}))
	}
	for _, f := range failuresOf(r) {
		errs = append(errs, a.out.JSONLine(f))
	}
	return errors.Join(append(errs, a.out.JSONLine(newBackupTotal(r, vaultName)))...)
}

// jsonWarnings prints warnings as they come, besides showing them.
func (a *app) jsonWarnings(show progress.Func) progress.Func {
	var mu sync.Mutex
	return func(e progress.Event) {
		show(e)
		if e.Kind == progress.Warning {
			mu.Lock()
			defer mu.Unlock()
			_ = a.out.JSONLine(backupWarning{Type: "warning", Project: e.Project, Message: e.Message}) // a.out remembers
		}
	}
}
