package customvision

import (
	"context"
	"encoding/json"
	"net/http"

	"cvarchive/manifest"
)

type iteration struct {
	ID                        string             `json:"id"`
	Name                      string             `json:"name"`
	Status                    string             `json:"status"`
	Created                   manifest.Timestamp `json:"created"`
	LastModified              manifest.Timestamp `json:"lastModified"`
	TrainedAt                 manifest.Timestamp `json:"trainedAt"`
	ProjectID                 string             `json:"projectId"`
	Exportable                bool               `json:"exportable"`
	ExportableTo              []string           `json:"exportableTo"`
	DomainID                  string             `json:"domainId"`
	ClassificationType        string             `json:"classificationType"`
	TrainingType              string             `json:"trainingType"`
	ReservedBudgetInHours     int                `json:"reservedBudgetInHours"`
	TrainingTimeInMinutes     int                `json:"trainingTimeInMinutes"`
	PublishName               string             `json:"publishName"`
	OriginalPublishResourceID string             `json:"originalPublishResourceId"`

	extra manifest.Extra
}

// UnmarshalJSON implements [json.Unmarshaler].
func (i *iteration) UnmarshalJSON(data []byte) (err error) {
	type plain iteration
	i.extra, err = unmarshalKeeping(data, (*plain)(i))
	return err
}

func (i iteration) record() manifest.Iteration {
	return manifest.Iteration{
		ID: i.ID, Name: i.Name, Status: i.Status,
		Created: i.Created, LastModified: i.LastModified, TrainedAt: i.TrainedAt,
		ProjectID: i.ProjectID, Exportable: i.Exportable, ExportableTo: i.ExportableTo,
		DomainID: i.DomainID, ClassificationType: i.ClassificationType, TrainingType: i.TrainingType,
		ReservedBudgetInHours: i.ReservedBudgetInHours, TrainingTimeInMinutes: i.TrainingTimeInMinutes,
		PublishName: i.PublishName, OriginalPublishResourceID: i.OriginalPublishResourceID,
		Extra: i.extra,
	}
}

// Iterations lists a project's iterations (GetIterations).
func (c *Client) Iterations(ctx context.Context, projectID string) ([]manifest.Iteration, error) {
	var found []iteration
	if err := c.do(ctx, get("GetIterations", "projects", projectID, "iterations"), &found); err != nil {
		return nil, err
	}
	return convert(found, iteration.record), nil
}

// Iteration returns one iteration (GetIteration).
func (c *Client) Iteration(ctx context.Context, projectID, iterationID string) (manifest.Iteration, error) {
	return c.iteration(ctx, get("GetIteration", "projects", projectID, "iterations", iterationID))
}

// UpdateIteration renames an iteration (UpdateIteration), the only thing
// about one that can be set.
func (c *Client) UpdateIteration(ctx context.Context, projectID, iterationID, name string) (manifest.Iteration, error) {
	update := struct {
		Name string `json:"name"`
	}{name}
	k, err := send(http.MethodPatch, "UpdateIteration", update, "projects", projectID, "iterations", iterationID)
	if err != nil {
		return manifest.Iteration{}, err
	}
	return c.iteration(ctx, k)
}

// DeleteIteration deletes an iteration that is not published
// (DeleteIteration).
func (c *Client) DeleteIteration(ctx context.Context, projectID, iterationID string) error {
	return c.do(ctx, call{
		operation: "DeleteIteration", method: http.MethodDelete,
		path: []string{"projects", projectID, "iterations", iterationID},
	}, nil)
}

func (c *Client) iteration(ctx context.Context, k call) (manifest.Iteration, error) {
	var i iteration
	if err := c.do(ctx, k, &i); err != nil {
		return manifest.Iteration{}, err
	}
	return i.record(), nil
}

// The thresholds at which performance is asked for: the portal's, as text.
const (
	performanceThreshold = "0.5"
	overlapThreshold     = "0.3"
)

type performance struct {
	PerTagPerformance     []tagPerformance `json:"perTagPerformance"`
	Precision             json.Number      `json:"precision"`
	PrecisionStdDeviation json.Number      `json:"precisionStdDeviation"`
	Recall                json.Number      `json:"recall"`
	RecallStdDeviation    json.Number      `json:"recallStdDeviation"`
	AveragePrecision      json.Number      `json:"averagePrecision"`
}

type tagPerformance struct {
	ID                    string      `json:"id"`
	Name                  string      `json:"name"`
	Precision             json.Number `json:"precision"`
	PrecisionStdDeviation json.Number `json:"precisionStdDeviation"`
	Recall                json.Number `json:"recall"`
	RecallStdDeviation    json.Number `json:"recallStdDeviation"`
	AveragePrecision      json.Number `json:"averagePrecision"`
}

// IterationPerformance returns how well an iteration did
// (GetIterationPerformance) at a probability threshold of 0.5 and an overlap
// threshold of 0.3, which the record names.
func (c *Client) IterationPerformance(ctx context.Context, projectID, iterationID string) (*manifest.IterationPerformance, error) {
	k := get("GetIterationPerformance", "projects", projectID, "iterations", iterationID, "performance")
	k.query.set("threshold", performanceThreshold)
	k.query.set("overlapThreshold", overlapThreshold)
	var p performance
	if err := c.do(ctx, k, &p); err != nil {
		return nil, err
	}
	return &manifest.IterationPerformance{
		Threshold: performanceThreshold, OverlapThreshold: overlapThreshold,
		PerTagPerformance: convert(p.PerTagPerformance, func(t tagPerformance) manifest.TagPerformance { return manifest.TagPerformance(t) }),
		Precision:         p.Precision, PrecisionStdDeviation: p.PrecisionStdDeviation,
		Recall: p.Recall, RecallStdDeviation: p.RecallStdDeviation,
		AveragePrecision: p.AveragePrecision,
	}, nil
}

type modelExport struct {
	Platform              string `json:"platform"`
	Status                string `json:"status"`
	DownloadURI           string `json:"downloadUri"`
	Flavor                string `json:"flavor"`
	NewerVersionAvailable bool   `json:"newerVersionAvailable"`
}

func (e modelExport) record() manifest.ModelExport {
	return manifest.ModelExport{
		Platform: e.Platform, Flavor: e.Flavor, Status: e.Status,
		NewerVersionAvailable: e.NewerVersionAvailable, DownloadURI: manifest.NewSecret(e.DownloadURI),
	}
}

// ModelExports lists the model packages that exist of an iteration
// (GetExports).
func (c *Client) ModelExports(ctx context.Context, projectID, iterationID string) ([]manifest.ModelExport, error) {
	var found []modelExport
	if err := c.do(ctx, get("GetExports", "projects", projectID, "iterations", iterationID, "export"), &found); err != nil {
		return nil, err
	}
	return convert(found, modelExport.record), nil
}

// ExportIteration has a model package made (ExportIteration); flavor may be
// empty. Follow it with [Client.ModelExports]. It is not repeated after a
// lost answer.
func (c *Client) ExportIteration(ctx context.Context, projectID, iterationID, platform, flavor string) (manifest.ModelExport, error) {
	k := call{
		operation: "ExportIteration", method: http.MethodPost,
		path: []string{"projects", projectID, "iterations", iterationID, "export"}, once: true,
	}
	k.query.set("platform", platform)
	k.query.opt("flavor", flavor)
	var e modelExport
	if err := c.do(ctx, k, &e); err != nil {
		return manifest.ModelExport{}, err
	}
	return e.record(), nil
}
