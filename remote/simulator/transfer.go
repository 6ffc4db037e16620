package simulator

import (
	"crypto/subtle"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"
)

// exportContainer begins the container names of exported projects.
const exportContainer = "prjexp-"

// snapshot is an exported project as it was at that moment; its token is the
// only way to it.
type snapshot struct {
	ID       string
	Resource string // the region whose storage holds it
	Token    string
	Expires  time.Time
	Project  *project
}

type wireProjectExport struct {
	IterationCount          int    `json:"iterationCount"`
	ImageCount              int    `json:"imageCount"`
	TagCount                int    `json:"tagCount"`
	RegionCount             int    `json:"regionCount"`
	EstimatedImportTimeInMS int    `json:"estimatedImportTimeInMS"`
	Token                   string `json:"token"`
}

// freeze copies what a project holds; images are shared, they never change.
func (p *project) freeze() *project {
	c := *p
	c.Tags, c.Augmentation, c.Platforms = slices.Clone(p.Tags), maps.Clone(p.Augmentation), slices.Clone(p.Platforms)
	c.Workspace, c.Import = p.Workspace.clone(), nil
	c.Iterations = make([]*iteration, len(p.Iterations))
	for i, it := range p.Iterations {
		copied := *it
		c.Iterations[i] = &copied
	}
	if p.Next != nil {
		next := *p.Next // a training would change it
		c.Next = &next
	}
	return &c
}

// exportProject counts the workspace's images, tags and regions, and the
// trained iterations.
func exportProject(c *call) (int, any, error) {
	switch {
	case c.r.exportDenied():
		return 0, nil, refuse("ForbiddenUserInsufficientCapability", "The user does not have the capability to export projects.")
	case c.p.training(c.now):
		return 0, nil, refuse("BadRequestExportWhileTraining", "The project cannot be exported while it is training.")
	case c.p.status() == "Importing":
		return 0, nil, refuse("BadRequestExportValidationFailed", "The project cannot be exported while it is being imported.")
	}
	snap := &snapshot{
		ID: uuid.NewString(), Resource: c.r.opt.Name, Expires: c.now.Add(c.s.opt.TokenLife).Truncate(time.Second), Project: c.p.freeze(),
	}
	snap.Token = c.s.signedURL(c.base, c.r, exportContainer+bare(snap.ID)+"/project-export-info", snap.Expires)
	c.s.snapshots[snap.ID] = snap
	c.s.dirty = true
	out := wireProjectExport{
		IterationCount: len(c.p.Iterations), ImageCount: c.p.Workspace.len(), TagCount: len(c.p.Tags),
		EstimatedImportTimeInMS: int(c.s.importTime(c.p) / time.Millisecond), Token: snap.Token,
	}
	for im := range c.p.Workspace.all {
		out.RegionCount += len(im.Regions)
	}
	return 200, out, nil
}

func (s *Service) importTime(p *project) time.Duration {
	return s.opt.ImportDuration + time.Duration(p.Workspace.len())*s.opt.ImportPerImage
}

// redeem finds the export of a token that is as it was given out, and alive.
func (s *Service) redeem(token string, now time.Time) (*snapshot, bool) {
	for _, snap := range s.snapshots {
		if subtle.ConstantTimeCompare([]byte(snap.Token), []byte(token)) == 1 {
			return snap, now.Before(snap.Expires)
		}
	}
	return nil, false
}

// importProject starts an import. The answer says Importing; what arrives,
// and when, is worked out when the project is looked at.
func importProject(c *call) (int, any, error) {
	snap, ok := c.s.redeem(c.query["token"], c.now)
	if !ok {
		return 0, nil, refuse("BadRequestInvalidImportToken", "Invalid Token")
	}
	if err := c.projectLimit(); err != nil {
		return 0, nil, err
	}
	name := c.query["name"]
	if name == "" {
		name = snap.Project.Name
	}
	src := snap.Project
	c.p = &project{
		ID: uuid.NewString(), Name: c.r.freeName(name), Description: src.Description,
		DomainID: src.DomainID, Classification: src.Classification, Platforms: slices.Clone(src.Platforms),
		Augmentation: maps.Clone(src.Augmentation), Created: c.now, Modified: c.now, Workspace: newImageSet(),
		Import: &importing{
			State: importRunning, Resource: snap.Resource, Source: src,
			Started: c.now, Ends: c.now.Add(c.s.importTime(src)), NewIDs: map[string]string{},
		},
	}
	if c.s.find(snap.Resource).isDown() {
		c.p.Import.Unreadable = true
	}
	c.r.projects = append(c.r.projects, c.p)
	return 200, c.wireProject(c.p), nil
}
