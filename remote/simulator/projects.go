package simulator

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
)

// defaultAugmentation is what new projects have. The names are as remembered
// from live answers; none are published.
func defaultAugmentation() map[string]bool {
	return map[string]bool{
		"rotation": true, "scaling": true, "translation": true, "horizontal flip": true, "equalize": true, "solarize": true,
	}
}

func (p *project) status() string {
	switch {
	case p.Import == nil || p.Import.State == importDone:
		return "Succeeded"
	case p.Import.State == importFailed:
		return "Failed"
	default:
		return "Importing"
	}
}

func getProjects(c *call) (int, any, error) {
	list := []wireProject{}
	for _, p := range c.r.projects {
		if p.settle(c.now, c.r.opt.ImportDropsMetadata) {
			c.s.dirty = true
		}
		list = append(list, c.wireProject(p))
	}
	return 200, list, nil
}

func getProject(c *call) (int, any, error) { return 200, c.wireProject(c.p), nil }

func createProject(c *call) (int, any, error) {
	name := c.query["name"]
	if strings.TrimSpace(name) == "" {
		return 0, nil, refuse("BadRequestProjectName", "The project name is invalid.")
	}
	if c.r.nameTaken(name, nil) {
		return 0, nil, refuse("BadRequestProjectNameNotUnique", "The project name %q is taken.", name)
	}
	if err := c.projectLimit(); err != nil {
		return 0, nil, err
	}
	id := c.query["domainid"]
	if id == "" {
		id = domains[0].ID
	}
	d, ok := c.r.offers(id)
	if !ok {
		return 0, nil, refuse("BadRequestProjectUnknownDomain", "The domain %s is unknown.", id)
	}
	p := &project{
		ID: uuid.NewString(), Name: name, Description: c.query["description"], DomainID: d.ID,
		Augmentation: defaultAugmentation(), Created: c.now, Modified: c.now, Workspace: newImageSet(),
	}
	var err error
	if d.Type == typeClassification {
		if p.Classification, err = c.oneOf("classificationType", "BadRequestProjectUnknownClassification", multilabel, multiclass); err != nil {
			return 0, nil, err
		}
	}
	if text := c.query["targetexportplatforms"]; text != "" {
		if p.Platforms, err = parsePlatforms(strings.Split(text, ",")); err != nil {
			return 0, nil, err
		}
	}
	if err := c.storageOptions(p); err != nil {
		return 0, nil, err
	}
	c.r.projects = append(c.r.projects, p)
	return 200, c.wireProject(p), nil
}

// storageOptions reads where the service should put exported models and
// notices: from the query, as the manual has it, or in v3.4 from the body.
// They are remembered; nothing is put there.
func (c *call) storageOptions(p *project) error {
	p.ExportContainer, p.NotificationQueue = c.query["exportmodelcontaineruri"], c.query["notificationqueueuri"]
	if len(c.body) == 0 {
		return nil
	}
	var in struct{ ExportModelContainerURI, NotificationQueueURI string }
	if err := c.decode(&in, "BadRequest", "The options could not be read."); err != nil {
		return err
	}
	p.ExportContainer = cmp.Or(in.ExportModelContainerURI, p.ExportContainer)
	p.NotificationQueue = cmp.Or(in.NotificationQueueURI, p.NotificationQueue)
	return nil
}

func (c *call) projectLimit() error {
	if limit := c.r.opt.Limits.Projects; len(c.r.projects) >= limit {
		return refuse("BadRequestExceedProjectLimit", "The limit of %d projects has been reached.", limit)
	}
	return nil
}

func parsePlatforms(names []string) ([]string, error) {
	out := []string{}
	for _, n := range names {
		i := slices.IndexFunc(exportPlatforms, func(p string) bool { return strings.EqualFold(p, n) })
		if i < 0 {
			return nil, refuse("BadRequestProjectUnsupportedExportPlatform", "The export platform %q is not supported.", n)
		}
		out = append(out, exportPlatforms[i])
	}
	return out, nil
}

// updatedProject is the body of UpdateProject. A field that is missing in
// settings leaves the setting as it is; whether the real service resets it
// is not known.
type updatedProject struct {
	Name        *string `json:"name"`
	Description *string `json:"description"`
	Settings    *struct {
		DomainID                *string   `json:"domainId"`
		ClassificationType      *string   `json:"classificationType"`
		TargetExportPlatforms   *[]string `json:"targetExportPlatforms"`
		ImageProcessingSettings *struct {
			AugmentationMethods map[string]bool `json:"augmentationMethods"`
		} `json:"imageProcessingSettings"`
		ExportModelContainerURI *string `json:"exportModelContainerUri"`
		NotificationQueueURI    *string `json:"notificationQueueUri"`
	} `json:"settings"`
}

func updateProject(c *call) (int, any, error) {
	var in updatedProject
	var present map[string]json.RawMessage
	const unreadable = "The project could not be read."
	if err := c.decode(&in, "BadRequest", unreadable); err != nil {
		return 0, nil, err
	}
	if err := c.decode(&present, "BadRequest", unreadable); err != nil {
		return 0, nil, err
	}
	if _, ok := present["description"]; in.Name == nil || in.Settings == nil || !ok {
		return 0, nil, refuse("BadRequestRequiredParamIsNull", "name, description and settings are required.")
	}
	if strings.TrimSpace(*in.Name) == "" {
		return 0, nil, refuse("BadRequestProjectName", "The project name is invalid.")
	}
	if c.r.nameTaken(*in.Name, c.p) {
		return 0, nil, refuse("BadRequestProjectNameNotUnique", "The project name %q is taken.", *in.Name)
	}
	next := *c.p
	if err := c.applySettings(&next, in); err != nil {
		return 0, nil, err
	}
	retrain := next.DomainID != c.p.DomainID || next.Classification != c.p.Classification
	next.Name, next.Description, next.Modified = *in.Name, "", c.now
	if in.Description != nil {
		next.Description = *in.Description
	}
	*c.p = next
	if retrain {
		c.p.changed(c.now)
	}
	return 200, c.wireProject(c.p), nil
}

func (c *call) applySettings(p *project, in updatedProject) error {
	set := in.Settings
	if set.DomainID != nil && normalID(*set.DomainID) != p.DomainID {
		d, ok := c.r.offers(*set.DomainID)
		if !ok {
			return refuse("BadRequestProjectUnknownDomain", "The domain %s is unknown.", *set.DomainID)
		}
		if d.Type != p.domain().Type {
			return refuse("BadRequestProjectUnsupportedDomainTypeChange", "A %s project cannot use a domain for %s.", p.domain().Type, d.Type)
		}
		p.DomainID = d.ID
	}
	if t := set.ClassificationType; t != nil && *t != "" && !p.detection() {
		switch {
		case strings.EqualFold(*t, multiclass):
			p.Classification = multiclass
		case strings.EqualFold(*t, multilabel):
			p.Classification = multilabel
		default:
			return refuse("BadRequestProjectUnknownClassification", "The classification type %q is unknown.", *t)
		}
	}
	if set.TargetExportPlatforms != nil {
		list, err := parsePlatforms(*set.TargetExportPlatforms)
		if err != nil {
			return err
		}
		p.Platforms = list
	}
	if set.ExportModelContainerURI != nil {
		p.ExportContainer = *set.ExportModelContainerURI
	}
	if set.NotificationQueueURI != nil {
		p.NotificationQueue = *set.NotificationQueueURI
	}
	if ips := set.ImageProcessingSettings; ips != nil && ips.AugmentationMethods != nil {
		p.Augmentation = maps.Clone(ips.AugmentationMethods)
	}
	return nil
}

func deleteProject(c *call) (int, any, error) {
	if slices.ContainsFunc(c.p.Iterations, func(it *iteration) bool { return it.PublishName != "" }) {
		return 0, nil, refuse("BadRequestIterationIsPublished", "Unpublish the project's iterations before deleting it.")
	}
	c.r.projects = slices.DeleteFunc(c.r.projects, func(p *project) bool { return p == c.p })
	return 204, nil, nil
}

// freeName returns name, or name with the first number in parentheses that
// makes it free.
func (r *Resource) freeName(name string) string {
	free := name
	for n := 1; r.nameTaken(free, nil); n++ {
		free = fmt.Sprintf("%s (%d)", name, n)
	}
	return free
}

func iterationName(n int) string { return fmt.Sprintf("Iteration %d", n) }

// minutes is a duration in whole minutes, at least one.
func minutes(d time.Duration) int { return max(1, int(d/time.Minute)) }
