package customvision

import (
	"context"
	"net/http"

	"cvarchive/manifest"
)

// Train starts a training (TrainProject) and returns its iteration, which is
// followed with [Client.Iteration]. It is not repeated after a lost answer.
func (c *Client) Train(ctx context.Context, projectID string, o manifest.TrainOptions) (manifest.Iteration, error) {
	k := call{operation: "TrainProject", method: http.MethodPost, path: []string{"projects", projectID, "train"}, once: true}
	k.query.opt("trainingType", o.TrainingType)
	if o.ReservedBudgetInHours != 0 {
		k.query.number("reservedBudgetInHours", o.ReservedBudgetInHours)
	}
	k.query.flag("forceTrain", o.ForceTrain)
	return c.iteration(ctx, k)
}

// Publish publishes an iteration to a prediction resource, given by its Azure
// Resource Manager id (PublishIteration). It is not repeated after a lost
// answer.
func (c *Client) Publish(ctx context.Context, projectID, iterationID, publishName, predictionID string, overwrite bool) error {
	k := call{
		operation: "PublishIteration", method: http.MethodPost,
		path: []string{"projects", projectID, "iterations", iterationID, "publish"}, once: true,
	}
	k.query.set("publishName", publishName)
	k.query.set("predictionId", predictionID)
	k.query.flag("overwrite", overwrite)
	return c.do(ctx, k, nil)
}

// Unpublish takes a published iteration back (UnpublishIteration).
func (c *Client) Unpublish(ctx context.Context, projectID, iterationID string) error {
	return c.do(ctx, call{
		operation: "UnpublishIteration", method: http.MethodDelete,
		path: []string{"projects", projectID, "iterations", iterationID, "publish"},
	}, nil)
}
