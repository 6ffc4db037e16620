package plan

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"cvarchive/manifest"
)

// State is what a plan saw of its target: enough to say, later, what has
// changed since.
type State struct {
	// Domains is a digest of the domains and of which are enabled.
	Domains  manifest.Digest `json:"domains"`
	Projects []Seen          `json:"projects"`
}

// Seen is what a plan saw of one project of the target. All have id, name and
// status; only those whose names matter were looked at closely.
type Seen struct {
	ID     string `json:"id"`
	Name   string `json:"name"`
	Status string `json:"status,omitempty"`
	// Images is their number; -1: not counted.
	Images int `json:"images"`
	// Details is a digest of description, settings and tags, with the
	// numbers of their images.
	Details manifest.Digest `json:"details,omitzero"`
}

// stateOf takes down what a target side holds.
func stateOf(t *TargetSide) State {
	s := State{Domains: domainsDigest(t.Domains), Projects: []Seen{}}
	for _, l := range t.Projects {
		seen := Seen{ID: l.Project.ID, Name: l.Project.Name, Status: l.Project.Status, Images: l.ImageCount}
		if l.ImageCount >= 0 {
			seen.Details = details(&l)
		}
		s.Projects = append(s.Projects, seen)
	}
	return s
}

func domainsDigest(domains []manifest.Domain) manifest.Digest {
	var lines []string
	for _, d := range domains {
		lines = append(lines, fmt.Sprintf("%s %t", strings.ToLower(d.ID), d.Enabled))
	}
	slices.Sort(lines)
	return sha256.Sum256([]byte(strings.Join(lines, "\n")))
}

func details(l *Live) manifest.Digest {
	tags := slices.Clone(l.Tags)
	slices.SortFunc(tags, func(a, b manifest.Tag) int { return strings.Compare(a.ID, b.ID) })
	h := sha256.New()
	enc := json.NewEncoder(h)
	for _, v := range []any{l.Project.Description, l.Project.Settings, tags} {
		if err := enc.Encode(v); err != nil {
			fmt.Fprint(h, err) // records that came from JSON encode
		}
	}
	return manifest.Digest(h.Sum(nil))
}

// Own is what a journal says that a run of a plan, which was interrupted, has
// done in the target. That is no change of the target.
type Own struct {
	// Made has the ids of the projects that it made, those included that
	// failed imports left.
	Made map[string]bool
	// Done has the target's id of each archived project that it restored.
	Done map[string]string
}

func (o *Own) made(id string) bool { return o != nil && o.Made[id] }

// Moved says, in a clause, what has changed since a plan was made, given one
// that was made afresh with its options; "" when the old one still holds. own
// is what was done of it already; nil: nothing.
func (p *Plan) Moved(now *Plan, own *Own) string {
	switch {
	case p.FormatVersion != now.FormatVersion:
		return fmt.Sprintf("it has format version %d, this program knows %d", p.FormatVersion, now.FormatVersion)
	case p.Archive.ID != now.Archive.ID:
		return fmt.Sprintf("it was made from archive %s, not %s", p.Archive.ID, now.Archive.ID)
	case p.Archive.SHA256 != now.Archive.SHA256:
		return "the archive has changed: its SHA-256 is another"
	case p.Target.Endpoint != now.Target.Endpoint:
		return fmt.Sprintf("it was made for %s, not %s", p.Target.Endpoint, now.Target.Endpoint)
	}
	if why := p.State.moved(&now.State, own); why != "" {
		return why
	}
	if len(p.Projects) != len(now.Projects) {
		return fmt.Sprintf("it has %d projects and would now have %d", len(p.Projects), len(now.Projects))
	}
	for i := range p.Projects {
		if p.Projects[i].carriedOut(&now.Projects[i], own) {
			continue
		}
		if why := p.Projects[i].moved(&now.Projects[i]); why != "" {
			return why
		}
	}
	before := slices.DeleteFunc(slices.Clone(p.Leftovers), func(l Leftover) bool {
		return own != nil && l.Remove && !slices.Contains(now.Leftovers, l)
	})
	after := slices.DeleteFunc(slices.Clone(now.Leftovers), func(l Leftover) bool {
		return own.made(l.ID) && !slices.Contains(before, l)
	})
	if !slices.Equal(before, after) {
		return "other projects are left of failed imports"
	}
	return ""
}

// carriedOut reports whether what would now be done with a project differs
// from the plan only by what was done of it.
func (p *Project) carriedOut(now *Project, own *Own) bool {
	switch {
	case own == nil || p.ID != now.ID || !p.Action.Writes():
		return false
	case now.Action == Skip:
		return now.Equal && own.Done[p.ID] != "" && own.Done[p.ID] == now.TargetID
	case now.Action == Continue:
		return own.made(now.TargetID)
	case p.Action == Import && now.Action == Rebuild && p.Fallback != nil:
		// The token has died meanwhile, or was tried in vain: the plan has
		// the rebuild that follows.
		calls := maps.Clone(now.Calls)
		delete(calls, TrainProject)
		delete(calls, PublishIteration)
		return p.TargetName == now.TargetName && maps.Equal(calls, p.Fallback.Calls)
	}
	return false
}

func (s *State) moved(now *State, own *Own) string {
	before := map[string]*Seen{}
	for i := range s.Projects {
		before[s.Projects[i].ID] = &s.Projects[i]
	}
	for _, n := range now.Projects {
		if own.made(n.ID) {
			delete(before, n.ID)
			continue
		}
		b, ok := before[n.ID]
		if !ok {
			return fmt.Sprintf("project %q has appeared in the target", n.Name)
		}
		delete(before, n.ID)
		switch {
		case b.Name != n.Name:
			return fmt.Sprintf("project %q of the target is now %q", b.Name, n.Name)
		case b.Status != n.Status:
			return fmt.Sprintf("project %q of the target has the status %s, where it had %s", n.Name, orNone(n.Status), orNone(b.Status))
		case b.Images != n.Images:
			return fmt.Sprintf("project %q of the target has %d images, where it had %d", n.Name, n.Images, b.Images)
		case b.Details != n.Details:
			return fmt.Sprintf("settings or tags of project %q of the target have changed", n.Name)
		}
	}
	for _, b := range s.Projects {
		if before[b.ID] != nil && !own.made(b.ID) {
			return fmt.Sprintf("project %q of the target is gone", b.Name)
		}
	}
	if s.Domains != now.Domains {
		return "the target offers other domains"
	}
	return ""
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

// moved compares what is to be done with one project. Texts for people do not
// count, and neither do the limits of the target, which end a restore and
// spoil none.
func (p *Project) moved(now *Project) string {
	switch {
	case p.ID != now.ID || p.TargetName != now.TargetName:
		return fmt.Sprintf("project %q would now be restored as %q", p.Name, now.TargetName)
	case p.Action != now.Action:
		return fmt.Sprintf("project %q was to get the action %s and would now get %s, for %s", p.Name, p.Action, now.Action, now.Reason)
	}
	a, b := *p, *now
	for _, x := range []*Project{&a, &b} {
		x.Reason, x.Next, x.Notes, x.NotCarried, x.Differs = "", "", nil, nil, nil
	}
	was, err1 := json.Marshal(a)
	is, err2 := json.Marshal(b)
	if err1 != nil || err2 != nil || string(was) != string(is) {
		return fmt.Sprintf("what is to be done with project %q has changed", p.Name)
	}
	return ""
}
