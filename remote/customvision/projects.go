package customvision

import (
	"context"
	"encoding/json"
	"net/http"

	"cvarchive/manifest"
)

type project struct {
	ID            string             `json:"id"`
	Name          string             `json:"name"`
	Description   string             `json:"description"`
	Settings      projectSettings    `json:"settings"`
	Created       manifest.Timestamp `json:"created"`
	LastModified  manifest.Timestamp `json:"lastModified"`
	ThumbnailURI  json.RawMessage    `json:"thumbnailUri"` // a signed link: known, and dropped
	DRModeEnabled *bool              `json:"drModeEnabled"`
	Status        string             `json:"status"`

	extra manifest.Extra
}

// UnmarshalJSON implements [json.Unmarshaler].
func (p *project) UnmarshalJSON(data []byte) (err error) {
	type plain project
	p.extra, err = unmarshalKeeping(data, (*plain)(p))
	return err
}

type projectSettings struct {
	DomainID                string                   `json:"domainId"`
	ClassificationType      string                   `json:"classificationType"`
	TargetExportPlatforms   []string                 `json:"targetExportPlatforms"`
	UseNegativeSet          *bool                    `json:"useNegativeSet"`
	DetectionParameters     string                   `json:"detectionParameters"`
	ImageProcessingSettings *imageProcessingSettings `json:"imageProcessingSettings"`

	extra manifest.Extra
}

// UnmarshalJSON implements [json.Unmarshaler].
func (s *projectSettings) UnmarshalJSON(data []byte) (err error) {
	type plain projectSettings
	s.extra, err = unmarshalKeeping(data, (*plain)(s))
	return err
}

type imageProcessingSettings struct {
	AugmentationMethods map[string]bool `json:"augmentationMethods"`
}

func (p project) record() manifest.Project {
	return manifest.Project{
		ID: p.ID, Name: p.Name, Description: p.Description, Settings: p.Settings.record(),
		Created: p.Created, LastModified: p.LastModified, DRModeEnabled: p.DRModeEnabled,
		Status: p.Status, Extra: p.extra,
	}
}

func (s projectSettings) record() manifest.ProjectSettings {
	return manifest.ProjectSettings{
		DomainID: s.DomainID, ClassificationType: s.ClassificationType,
		TargetExportPlatforms: s.TargetExportPlatforms, UseNegativeSet: s.UseNegativeSet,
		DetectionParameters:     s.DetectionParameters,
		ImageProcessingSettings: (*manifest.ImageProcessingSettings)(s.ImageProcessingSettings),
		Extra:                   s.extra,
	}
}

// projectUpdate is what UpdateProject takes: the whole of what can be set,
// since what the service makes of omitted fields is not documented.
type projectUpdate struct {
	Name        string         `json:"name"`
	Description string         `json:"description"`
	Settings    settingsUpdate `json:"settings"`
}

type settingsUpdate struct {
	DomainID                string                     `json:"domainId,omitempty"`
	ClassificationType      string                     `json:"classificationType,omitempty"`
	TargetExportPlatforms   []string                   `json:"targetExportPlatforms"`
	ImageProcessingSettings *processingSettingsRequest `json:"imageProcessingSettings,omitempty"`
}

type processingSettingsRequest struct {
	AugmentationMethods map[string]bool `json:"augmentationMethods"`
}

// Projects lists the resource's projects (GetProjects; it has no pages).
func (c *Client) Projects(ctx context.Context) ([]manifest.Project, error) {
	var found []project
	if err := c.do(ctx, get("GetProjects", "projects"), &found); err != nil {
		return nil, err
	}
	return convert(found, project.record), nil
}

// Project returns one project (GetProject).
func (c *Client) Project(ctx context.Context, projectID string) (manifest.Project, error) {
	return c.project(ctx, get("GetProject", "projects", projectID))
}

// CreateProject creates a project (CreateProject). It is not repeated after
// a lost answer.
func (c *Client) CreateProject(ctx context.Context, p manifest.NewProject) (manifest.Project, error) {
	k := call{operation: "CreateProject", method: http.MethodPost, path: []string{"projects"}, once: true}
	k.query.set("name", p.Name)
	k.query.opt("description", p.Description)
	k.query.opt("domainId", p.DomainID)
	k.query.opt("classificationType", p.ClassificationType)
	k.query.list("targetExportPlatforms", p.TargetExportPlatforms)
	return c.project(ctx, k)
}

// UpdateProject sets a project's name, description and settings
// (UpdateProject). Read-only settings are not sent.
func (c *Client) UpdateProject(ctx context.Context, projectID string, p manifest.Project) (manifest.Project, error) {
	u := projectUpdate{Name: p.Name, Description: p.Description, Settings: settingsUpdate{
		DomainID:              p.Settings.DomainID,
		ClassificationType:    p.Settings.ClassificationType,
		TargetExportPlatforms: append([]string{}, p.Settings.TargetExportPlatforms...),
	}}
	if s := p.Settings.ImageProcessingSettings; s != nil {
		u.Settings.ImageProcessingSettings = &processingSettingsRequest{s.AugmentationMethods}
	}
	k, err := send(http.MethodPatch, "UpdateProject", u, "projects", projectID)
	if err != nil {
		return manifest.Project{}, err
	}
	return c.project(ctx, k)
}

// DeleteProject deletes a project and all it holds (DeleteProject).
func (c *Client) DeleteProject(ctx context.Context, projectID string) error {
	return c.do(ctx, call{operation: "DeleteProject", method: http.MethodDelete, path: []string{"projects", projectID}}, nil)
}

func (c *Client) project(ctx context.Context, k call) (manifest.Project, error) {
	var p project
	if err := c.do(ctx, k, &p); err != nil {
		return manifest.Project{}, err
	}
	return p.record(), nil
}
