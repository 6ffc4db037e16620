package backup

import (
	"fmt"
	"strings"

	"cvarchive/manifest"
)

// What the service says is not trusted to fit an archive: what does not is a
// failure by itself, before it could spoil the archive as a whole.

const (
	// maxProjects is far above what the service allows, and below what the
	// index of an archive holds.
	maxProjects = 10_000
	// maxFailures bounds what is listed of one project, and of the account.
	maxFailures = 200
)

// keepableProjects passes over projects whose records cannot be kept.
func keepableProjects(all []manifest.Project) (keep []manifest.Project, failed []manifest.Failure) {
	seen := make(map[string]bool, len(all))
	for i := range all {
		p, id := &all[i], strings.ToLower(all[i].ID)
		_, err := manifest.EncodeProject(p)
		if err == nil && seen[id] {
			err = fmt.Errorf("another project has its id, %s", p.ID)
		}
		if err != nil {
			failed = bounded(failed, manifest.FailureOf(fmt.Sprintf("project %q", p.Name), fmt.Errorf("what the service says of it cannot be kept: %w", err)))
			continue
		}
		seen[id] = true
		keep = append(keep, *p)
	}
	return keep, failed
}

// keepableDomains passes over domains whose records cannot be kept.
func keepableDomains(all []manifest.Domain) (keep []manifest.Domain, failed []manifest.Failure) {
	for i := range all {
		if err := all[i].Validate(); err != nil {
			failed = bounded(failed, manifest.FailureOf("domains", fmt.Errorf("what the service says of one cannot be kept: %w", err)))
			continue
		}
		keep = append(keep, all[i])
	}
	return keep, failed
}

// keepable empties a list that an archive cannot hold, and says why.
func keepable[T any](list *[]T, why *error, encode func([]T) ([]byte, error)) {
	if _, err := encode(*list); err != nil {
		*list = nil
		if *why == nil {
			*why = fmt.Errorf("what the service says of them cannot be kept: %w", err)
		}
	}
}

// bounded adds a failure to a list, up to a bound that the list's last entry
// then names.
func bounded(list []manifest.Failure, f manifest.Failure) []manifest.Failure {
	switch {
	case len(list) < maxFailures:
		return append(list, f)
	case len(list) == maxFailures:
		return append(list, manifest.Failure{
			Item: "more", Code: "TooMany",
			Message: fmt.Sprintf("more than %d things failed; only the log (--verbose) names the rest", maxFailures),
		})
	}
	return list
}
