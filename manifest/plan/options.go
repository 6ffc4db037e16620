package plan

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"cvarchive/manifest"
)

// Mode says by which way projects are restored.
type Mode string

// Modes.
const (
	ModeAuto    Mode = "auto"    // import while the token lives, else rebuild
	ModeImport  Mode = "import"  // by token or not at all
	ModeRebuild Mode = "rebuild" // from the content only
)

// OnConflict says what to do when a project's name is taken in the target by
// one that differs from the archived.
type OnConflict string

// Ways out of a conflict.
const (
	ConflictFail   OnConflict = "fail"   // report it, restore nothing there
	ConflictSkip   OnConflict = "skip"   // leave the target's project alone
	ConflictRename OnConflict = "rename" // restore under another name
)

// Options are the user's part of a plan.
type Options struct {
	Mode       Mode       // empty: auto
	OnConflict OnConflict // empty: fail
	// Rename gives projects another name in the target. Keys are archived
	// names or ids; the key "*" matches any other, and a "*" in its value
	// stands for the archived name.
	Rename map[string]string
	// Projects chooses by archived name or id; empty: all.
	Projects []string
	Now      time.Time
	// Dated is the date in names that conflicts give; zero: Now.
	Dated time.Time
	// TokenMargin is how long a token must still live to be used; 0: five
	// minutes.
	TokenMargin time.Duration
	// Limits of the target; zero fields are not known. Those of Tier fill
	// them in where it is given.
	Limits Limits
	Tier   Tier
	// CallsPerSecond is the rate for the estimate; 0:
	// [DefaultCallsPerSecond].
	CallsPerSecond float64
	// Transfer is the way that image bytes take; empty: upload.
	Transfer Transfer
	// Train asks for a training after a rebuild where the archived project
	// has a trained iteration.
	Train bool
	// Publish has names to publish the last trained iteration under, and
	// the prediction resource of each. PublishAsBefore is the prediction
	// resource to publish on under the archived names; empty: none.
	Publish         map[string]string
	PublishAsBefore string
	// CleanUp removes what failed imports of earlier restores left.
	CleanUp bool
}

// Transfer says how image bytes get to the target.
type Transfer string

// Ways of image bytes.
const (
	TransferUpload Transfer = "upload" // by CreateImagesFromFiles, through this process
	TransferURL    Transfer = "url"    // by CreateImagesFromUrls; the service fetches them from the vault
)

// Limits of a resource.
type Limits struct {
	Projects         int `json:"projects,omitempty"`
	ImagesPerProject int `json:"imagesPerProject,omitempty"`
	TagsPerProject   int `json:"tagsPerProject,omitempty"`
}

// UnknownProjectError says that a selection names what the archive does not
// hold.
type UnknownProjectError struct {
	Name string
	Have []string
}

// Error names the projects that there are.
func (e *UnknownProjectError) Error() string {
	if len(e.Have) == 0 {
		return fmt.Sprintf("no project %q: the archive holds none", e.Name)
	}
	return fmt.Sprintf("no project %q in the archive; it holds %s", e.Name, strings.Join(firstItems(e.Have), ", "))
}

func (o Options) withDefaults() (Options, error) {
	if o.Limits == (Limits{}) {
		o.Limits = LimitsOf(o.Tier)
	}
	if o.Mode == "" {
		o.Mode = ModeAuto
	}
	if o.Dated.IsZero() {
		o.Dated = o.Now
	}
	if o.OnConflict == "" {
		o.OnConflict = ConflictFail
	}
	if o.TokenMargin == 0 {
		o.TokenMargin = 5 * time.Minute
	}
	if !slices.Contains([]Mode{ModeAuto, ModeImport, ModeRebuild}, o.Mode) {
		return o, fmt.Errorf("unknown mode %q: use auto, import or rebuild", o.Mode)
	}
	if !slices.Contains([]OnConflict{ConflictFail, ConflictSkip, ConflictRename}, o.OnConflict) {
		return o, fmt.Errorf("unknown way out of a conflict %q: use fail, skip or rename", o.OnConflict)
	}
	return o, nil
}

// Serves reports whether training or publication is asked for.
func (o Options) Serves() bool { return o.Train || len(o.Publish) > 0 || o.PublishAsBefore != "" }

// Selects reports whether the options choose a project.
func (o Options) Selects(e manifest.ProjectEntry) bool {
	return len(o.Projects) == 0 || slices.Contains(o.Projects, e.ID) || slices.Contains(o.Projects, e.Name)
}

// TargetName is the name that a project is to have in the target, conflicts
// aside.
func (o Options) TargetName(e manifest.ProjectEntry) string {
	for _, key := range []string{e.ID, e.Name} {
		if name, ok := o.Rename[key]; ok {
			return name
		}
	}
	if pattern, ok := o.Rename["*"]; ok {
		return strings.ReplaceAll(pattern, "*", e.Name)
	}
	return e.Name
}

// CheckSelection reports names that select nothing, in Projects and Rename.
func (o Options) CheckSelection(entries []manifest.ProjectEntry) error {
	have := make([]string, len(entries))
	for i := range entries {
		have[i] = entries[i].Name
	}
	names := slices.Clone(o.Projects)
	for key := range o.Rename {
		if key != "*" {
			names = append(names, key)
		}
	}
	for _, n := range names {
		if !slices.ContainsFunc(entries, func(e manifest.ProjectEntry) bool { return e.ID == n || e.Name == n }) {
			return &UnknownProjectError{Name: n, Have: have}
		}
	}
	return nil
}
