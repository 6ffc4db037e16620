package main

import (
	"cmp"
	"strings"

	"cvarchive/archive/repair"
	"cvarchive/archive/verify"
	"cvarchive/cmd/internal/ui"
	"cvarchive/manifest"
)

// repairResult is what a repair came to.
type repairResult struct {
	dryRun   bool
	archives int // verified
	report   *repair.Report
	salvage  []verifiedArchive // archives whose files are damaged
	err      error             // of writing

	beyond   []verify.Problem // what no source can mend, verify.MaxProblems of it
	unlisted int              // what is beyond that
}

// failed keeps the first error.
func (r *repairResult) failed(err error) { r.err = cmp.Or(r.err, err) }

func (r *repairResult) addBeyond(p verify.Problem) {
	if len(r.beyond) == verify.MaxProblems {
		r.unlisted++
		return
	}
	r.beyond = append(r.beyond, p)
}

// problems counts what no source can mend.
func (r *repairResult) problems() int { return len(r.beyond) + r.unlisted }

// lost counts what stays wrong.
func (r *repairResult) lost() int { return r.report.Count(repair.Lost) + r.problems() }

func (r *repairResult) status() int {
	switch {
	case r.lost() > 0:
		return exitNotWhole
	case r.report.Count(repair.Available) > 0:
		return exitDifferences
	}
	return exitDone
}

const hintLost = "copy the object from a replicated vault; without one its bytes are lost"

func (a *app) printRepair(r *repairResult) {
	for _, o := range r.report.Objects {
		switch o.State {
		case repair.Lost:
			a.out.Printf("%s\n", a.out.Paint(ui.Red, ui.Sentence("lost: "+recordsText(o.Items)+": "+o.Reason+"; "+hintLost)))
		case repair.Sound:
			a.out.Printf("%s\n", ui.Sentence("sound by now: "+recordsText(o.Items)))
		case repair.Available:
			a.out.Printf("%s\n", ui.Sentence("can be repaired: "+recordsText(o.Items)))
		default:
			a.out.Printf("%s %s\n", a.out.Paint(ui.Green, "✓"), ui.Sentence("repaired: "+recordsText(o.Items)))
		}
	}
	if more := r.report.Total() - len(r.report.Objects); more > 0 {
		a.out.Printf("and %s more; --json lists them all\n", ui.Grouped(more))
	}
	for _, p := range r.beyond {
		a.out.Printf("%s\n", a.out.Paint(ui.Red, ui.Sentence("cannot be repaired: "+p.Archive+": "+p.String())))
	}
	if r.unlisted > 0 {
		a.out.Printf("and %s more; cvarchive verify --json lists them all\n", ui.Grouped(r.unlisted))
	}
	for _, v := range r.salvage {
		a.out.Printf("%s\n", ui.Sentence(salvageText(v)))
	}
	a.out.Printf("%s\n", repairSummary(r))
}

// recordsText names the records of one object: the first, and how many more.
func recordsText(items []repair.Item) string {
	text := items[0].Name + " in " + items[0].Archive
	if n := len(items) - 1; n > 0 {
		text += " and " + ui.Count(n, "other record")
	}
	return text
}

// salvageText says what a damaged archive file still holds.
func salvageText(v verifiedArchive) string {
	text := v.Archive + ": "
	if len(v.WholeProjects) == 0 {
		return text + "no project of it can be read whole"
	}
	text += "still whole, and can be restored: " + strings.Join(v.WholeProjects, ", ")
	if len(v.BrokenProjects) > 0 {
		text += "; damaged: " + strings.Join(v.BrokenProjects, ", ")
	}
	return text
}

func repairSummary(r *repairResult) string {
	var parts []string
	add := func(n int, what string) {
		if n > 0 {
			parts = append(parts, ui.Count(n, "object")+" "+what)
		}
	}
	add(r.report.Count(repair.Repaired), "repaired")
	add(r.report.Count(repair.Available), "can be repaired")
	add(r.report.Count(repair.Sound), "sound by now")
	add(r.report.Count(repair.Lost), "lost")
	if n := r.problems(); n > 0 {
		parts = append(parts, ui.Count(n, "other problem")+" that no source can mend")
	}
	if len(parts) == 0 {
		return "nothing to repair"
	}
	return strings.Join(parts, ", ")
}

// "repair --json" prints one line an object, one line for each problem that
// no source can mend (as verify does), and a last line with the totals.

// repairedLine is what became of one object.
type repairedLine struct {
	Type       string          `json:"type"` // "object"
	State      repair.State    `json:"state"`
	Object     manifest.Object `json:"object"`
	ObjectName string          `json:"objectName,omitempty"`
	Records    []repairRecord  `json:"records"`
	Reason     string          `json:"reason,omitempty"`
	Hint       string          `json:"hint,omitempty"`
}

// repairRecord is a record that names the object.
type repairRecord struct {
	Archive   string `json:"archive"`
	Item      string `json:"item"`
	ProjectID string `json:"projectId"`
	Project   string `json:"project"`
	ImageID   string `json:"imageId,omitempty"`
	Iteration string `json:"iterationId,omitempty"`
	Platform  string `json:"platform,omitempty"`
	Flavor    string `json:"flavor,omitempty"`
}

// repairTotal is the last line.
type repairTotal struct {
	Type      string `json:"type"` // "total"
	DryRun    bool   `json:"dryRun"`
	Archives  int    `json:"archives"`
	Objects   int    `json:"objects"`
	Repaired  int    `json:"repaired"`
	Available int    `json:"available"`
	Sound     int    `json:"sound"`
	Lost      int    `json:"lost"`
	Problems  int    `json:"problems"`
}

func newRepairedLine(o repair.Outcome) repairedLine {
	l := repairedLine{Type: "object", State: o.State, Object: o.Object, ObjectName: o.Name, Reason: o.Reason}
	if o.State == repair.Lost {
		l.Hint = hintLost
	}
	for _, it := range o.Items {
		l.Records = append(l.Records, repairRecord{
			Archive: it.Archive, Item: it.Name, ProjectID: it.ProjectID, Project: it.Project,
			ImageID: it.ImageID, Iteration: it.IterationID, Platform: it.Platform, Flavor: it.Flavor,
		})
	}
	return l
}

// printRepairJSON prints what follows the objects, which were printed when they
// were done with.
func (a *app) printRepairJSON(r *repairResult) error {
	for _, p := range r.beyond {
		r.failed(a.out.JSONLine(newProblemLine(p)))
	}
	n := r.report.Count
	r.failed(a.out.JSONLine(repairTotal{
		Type: "total", DryRun: r.dryRun, Archives: r.archives, Objects: r.report.Total(), Repaired: n(repair.Repaired),
		Available: n(repair.Available), Sound: n(repair.Sound), Lost: n(repair.Lost), Problems: r.problems(),
	}))
	return r.err
}
