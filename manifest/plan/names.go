package plan

import (
	"fmt"
	"iter"
	"strings"
	"time"

	"cvarchive/manifest"
)

// names knows which project names of the target are taken. The service's
// rule on letter case is not documented; two names that differ in nothing
// else count as one.
type names struct {
	taken map[string]*Live // nil: by this plan
}

func newNames(live []Live) *names {
	n := &names{taken: map[string]*Live{}}
	for i := range live {
		key := strings.ToLower(live[i].Project.Name)
		if _, ok := n.taken[key]; !ok {
			n.taken[key] = &live[i]
		}
	}
	return n
}

func (n *names) lookup(name string) (*Live, bool) {
	l, ok := n.taken[strings.ToLower(name)]
	return l, ok
}

func (n *names) take(name string) { n.taken[strings.ToLower(name)] = nil }

const renamedSuffix = " (restored "

// candidates are other names for a project: with the date, then numbered.
func candidates(name string, now time.Time) iter.Seq[string] {
	base := name + renamedSuffix + now.UTC().Format(time.DateOnly) + ")"
	return func(yield func(string) bool) {
		for i, try := 2, base; yield(try); i++ {
			try = fmt.Sprintf("%s %d", base, i)
		}
	}
}

// Concerns reports whether planning needs to know the tags and the number of
// images of a live project, because of its name.
func (o Options) Concerns(e manifest.ProjectEntry, live string) bool {
	name := strings.ToLower(o.TargetName(e))
	live = strings.ToLower(live)
	return live == name || o.OnConflict == ConflictRename && strings.HasPrefix(live, name+renamedSuffix)
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }
