package backup

import (
	"cmp"
	"slices"
	"strings"

	"cvarchive/manifest"
)

// choose returns the projects that the options name, or all, ordered by name
// and id.
func choose(all []manifest.Project, names []string, source string) ([]manifest.Project, error) {
	chosen := slices.Clone(all)
	if len(names) > 0 {
		chosen = nil
		for _, name := range names {
			p, err := find(all, name, source)
			if err != nil {
				return nil, err
			}
			if !slices.ContainsFunc(chosen, func(c manifest.Project) bool { return c.ID == p.ID }) {
				chosen = append(chosen, p)
			}
		}
	}
	slices.SortFunc(chosen, func(a, b manifest.Project) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID))
	})
	return chosen, nil
}

// find resolves one id or name; an id wins over a name.
func find(all []manifest.Project, name, source string) (manifest.Project, error) {
	var named []manifest.Project
	for _, p := range all {
		if strings.EqualFold(p.ID, name) {
			return p, nil
		}
		if p.Name == name {
			named = append(named, p)
		}
	}
	if len(named) == 1 {
		return named[0], nil
	}
	e := &ProjectError{Name: name, Source: source}
	for _, p := range named {
		e.Candidates = append(e.Candidates, p.ID)
	}
	return manifest.Project{}, e
}
