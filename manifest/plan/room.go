package plan

import (
	"fmt"
	"slices"
)

// Tier is the pricing tier of a resource, which decides what it takes.
type Tier string

// Tiers.
const (
	F0 Tier = "F0"
	S0 Tier = "S0"
)

// LimitsOf are the documented limits of a tier; zero for one that is not
// known.
func LimitsOf(t Tier) Limits {
	switch t {
	case F0:
		return Limits{Projects: 2, ImagesPerProject: 5_000, TagsPerProject: 50}
	case S0:
		return Limits{Projects: 100, ImagesPerProject: 100_000, TagsPerProject: 500}
	}
	return Limits{}
}

// Room says whether the target has room for what the plan creates. A tier
// that was given blocks the projects that do not fit. One that was learnt
// does not, for limits can be raised on request; what would not fit is in
// Warnings.
type Room struct {
	Tier Tier `json:"tier,omitempty"` // absent: not known
	// Learnt says that the tier follows from what the target holds.
	Learnt   bool     `json:"learnt,omitempty"`
	Projects int      `json:"projects"` // in the target now
	After    int      `json:"after"`    // and afterwards
	Limits   Limits   `json:"limits"`   // of the tier; of the smaller one, where it is not known
	Warnings []string `json:"warnings,omitempty"`
}

// learnTier tells a tier by what only that can hold.
func learnTier(projects []Live) Tier {
	small := LimitsOf(F0)
	beyond := func(l Live) bool {
		return l.ImageCount > small.ImagesPerProject || len(l.Tags) > small.TagsPerProject
	}
	if len(projects) > small.Projects || slices.ContainsFunc(projects, beyond) {
		return S0
	}
	return ""
}

// measure compares the plan with the target's room.
func (p *Plan) measure(target *TargetSide, opt Options) {
	r := Room{Tier: opt.Tier, Projects: len(target.Projects), After: len(target.Projects), Limits: opt.Limits}
	if r.Tier == "" {
		r.Tier = learnTier(target.Projects)
		r.Learnt = r.Tier != ""
	}
	if r.Limits == (Limits{}) {
		r.Limits = LimitsOf(r.Tier)
	}
	if r.Limits == (Limits{}) {
		r.Limits = LimitsOf(F0)
	}
	warn := func(who string, n int, what string, limit int) {
		if limit > 0 && n > limit {
			r.Warnings = append(r.Warnings, fmt.Sprintf("%s %d %s, and %s takes %d", who, n, what, r.who(), limit))
		}
	}
	for i := range p.Projects {
		pp := &p.Projects[i]
		if !pp.Action.Writes() {
			continue
		}
		if pp.Action != Continue {
			r.After++
		}
		who := fmt.Sprintf("project %q has", pp.TargetName)
		warn(who, pp.Creates.Images, "images", r.Limits.ImagesPerProject)
		warn(who, pp.Creates.Tags, "tags", r.Limits.TagsPerProject)
	}
	if r.After > r.Projects {
		warn("the target will have", r.After, "projects", r.Limits.Projects)
	}
	p.Room = r
}

// who is the one that sets the limits.
func (r *Room) who() string {
	if r.Tier == "" {
		return "tier F0, should it be that,"
	}
	return "tier " + string(r.Tier)
}
