package simulator

import (
	"slices"
	"strings"
	"time"
)

type wireIteration struct {
	ID                        string   `json:"id"`
	Name                      string   `json:"name"`
	Status                    string   `json:"status"`
	Created                   stamp    `json:"created"`
	LastModified              stamp    `json:"lastModified"`
	TrainedAt                 *stamp   `json:"trainedAt"`
	ProjectID                 string   `json:"projectId"`
	Exportable                bool     `json:"exportable"`
	ExportableTo              []string `json:"exportableTo"`
	DomainID                  *string  `json:"domainId"`
	ClassificationType        *string  `json:"classificationType"`
	TrainingType              string   `json:"trainingType"`
	ReservedBudgetInHours     int      `json:"reservedBudgetInHours"`
	TrainingTimeInMinutes     int      `json:"trainingTimeInMinutes"`
	PublishName               *string  `json:"publishName"`
	OriginalPublishResourceID *string  `json:"originalPublishResourceId"`
}

func (c *call) wireIteration(it *iteration) wireIteration {
	w := wireIteration{
		ID: it.ID, Name: it.Name, Status: it.status(c.now), Created: stamp(it.Created), LastModified: stamp(it.Modified),
		ProjectID: c.p.ID, ExportableTo: []string{}, TrainingType: it.TrainingType, ReservedBudgetInHours: it.Budget,
		PublishName: optional(it.PublishName), OriginalPublishResourceID: optional(it.OriginalPublishID),
	}
	if it.trained(c.now) {
		at := stamp(it.ReadyAt)
		w.TrainedAt, w.DomainID, w.ClassificationType = &at, &it.DomainID, optional(it.Classification)
		w.TrainingTimeInMinutes = it.TrainingTimeInMins
		if it.Modified.Before(it.ReadyAt) {
			w.LastModified = at
		}
		if w.Exportable = domainsByID[it.DomainID].exportable(); w.Exportable {
			w.ExportableTo = exportPlatforms
		}
	}
	return w
}

// getIterations lists the workspace as an iteration that is New, when it has
// changed since the last training.
func getIterations(c *call) (int, any, error) {
	list := []wireIteration{}
	for _, it := range c.p.Iterations {
		list = append(list, c.wireIteration(it))
	}
	if c.p.Next != nil {
		list = append(list, c.wireIteration(c.p.Next))
	}
	return 200, list, nil
}

// pathIteration is the iteration that the call's path names.
func (c *call) pathIteration() (*iteration, error) {
	it := c.p.iteration(c.vars["iteration"])
	if it == nil {
		return nil, refuse("NotFoundIteration", "The iteration %s does not exist.", c.vars["iteration"])
	}
	return it, nil
}

// trainedIteration is pathIteration for what needs a trained model.
func (c *call) trainedIteration() (*iteration, error) {
	it, err := c.pathIteration()
	if err == nil && !it.trained(c.now) {
		return nil, refuse("BadRequestIterationIsNotTrained", "The iteration has not been trained.")
	}
	return it, err
}

func getIteration(c *call) (int, any, error) {
	it, err := c.pathIteration()
	if err != nil {
		return 0, nil, err
	}
	return 200, c.wireIteration(it), nil
}

func updateIteration(c *call) (int, any, error) {
	it, err := c.pathIteration()
	if err != nil {
		return 0, nil, err
	}
	var in struct{ Name *string }
	if err := c.decode(&in, "BadRequest", "The iteration could not be read."); err != nil {
		return 0, nil, err
	}
	switch {
	case it == c.p.Next:
		return 0, nil, refuse("BadRequestWorkspaceCannotBeModified", "The workspace iteration cannot be modified.")
	case in.Name == nil || strings.TrimSpace(*in.Name) == "":
		return 0, nil, refuse("BadRequestIterationName", "The iteration name is invalid.")
	case slices.ContainsFunc(c.p.Iterations, func(x *iteration) bool { return x != it && x.Name == *in.Name }):
		return 0, nil, refuse("BadRequestIterationNameNotUnique", "The iteration name %q is taken.", *in.Name)
	}
	it.Name, it.Modified = *in.Name, c.now
	return 200, c.wireIteration(it), nil
}

func deleteIteration(c *call) (int, any, error) {
	it, err := c.pathIteration()
	if err != nil {
		return 0, nil, err
	}
	switch {
	case it == c.p.Next:
		return 0, nil, refuse("BadRequestWorkspaceNotDeletable", "The workspace iteration cannot be deleted.")
	case it.PublishName != "":
		return 0, nil, refuse("BadRequestIterationIsPublished", "Unpublish the iteration before deleting it.")
	}
	c.p.Iterations = slices.DeleteFunc(c.p.Iterations, func(x *iteration) bool { return x == it })
	c.p.changed(c.now)
	return 204, nil, nil
}

// publishIteration gives the model a name under which predictions find it.
func publishIteration(c *call) (int, any, error) {
	it, err := c.trainedIteration()
	if err != nil {
		return 0, nil, err
	}
	overwrite, err := c.flag("overwrite")
	if err != nil {
		return 0, nil, err
	}
	name, target := c.query["publishname"], c.query["predictionid"]
	if strings.TrimSpace(name) == "" {
		return 0, nil, refuse("BadRequestInvalidPublishName", "The publish name is invalid.")
	}
	if !strings.HasPrefix(strings.ToLower(target), "/subscriptions/") {
		return 0, nil, refuse("BadRequestInvalidPublishTarget", "predictionId must be the resource id of a prediction resource.")
	}
	if it.PublishName != "" && it.PublishName != name {
		return 0, nil, refuse("BadRequestIterationIsPublished", "The iteration is published as %q.", it.PublishName)
	}
	for _, other := range c.p.Iterations {
		if other == it || other.PublishName != name {
			continue
		}
		if !overwrite {
			return 0, nil, refuse("BadRequestInvalidPublishName", "The publish name %q is taken.", name)
		}
		other.PublishName = ""
	}
	it.PublishName, it.OriginalPublishID, it.Modified = name, target, c.now
	return 200, true, nil
}

func unpublishIteration(c *call) (int, any, error) {
	it, err := c.pathIteration()
	if err != nil {
		return 0, nil, err
	}
	if it.PublishName == "" {
		return 0, nil, refuse("BadRequestIterationNotPublished", "The iteration is not published.")
	}
	it.PublishName, it.Modified = "", c.now
	return 204, nil, nil
}

// trainProject turns the workspace into an iteration, which is ready after
// the service's training time.
func trainProject(c *call) (int, any, error) {
	typ, err := c.oneOf("trainingType", "BadRequestInvalid", "Regular", "Advanced")
	if err != nil {
		return 0, nil, err
	}
	budget, err := c.number("reservedBudgetInHours", 0, 0, 96)
	if err != nil {
		return 0, nil, err
	}
	force, err := c.flag("forceTrain")
	if err != nil {
		return 0, nil, err
	}
	if err := c.checkTraining(typ, budget, force); err != nil {
		return 0, nil, err
	}
	c.p.changed(c.now) // a forced training of what is trained already
	it := c.p.Next
	c.p.Next = nil
	it.ReadyAt = c.now.Add(c.s.opt.TrainDuration)
	it.Modified, it.TrainingType, it.Budget = c.now, typ, budget
	it.DomainID, it.Classification = c.p.DomainID, c.p.Classification
	it.Tags, it.Images = slices.Clone(c.p.Tags), c.p.Workspace.clone()
	it.TrainingTimeInMins = minutes(time.Duration(it.Images.len()) * 3 * time.Second)
	c.p.Iterations = append(c.p.Iterations, it)
	c.p.Modified = c.now
	return 200, c.wireIteration(it), nil
}

// Published minimums for training.
const (
	minTagsToClassify    = 2
	minImagesPerTag      = 5
	minImagesPerTagBoxed = 15
)

func (c *call) checkTraining(typ string, budget int, force bool) error {
	p := c.p
	switch {
	case p.status() == "Importing":
		return refuse("BadRequestTrainingValidationFailed", "The project is being imported.")
	case p.training(c.now):
		return refuse("BadRequestTrainingAlreadyInProgress", "A training is in progress.")
	case p.Next == nil && !force:
		return refuse("BadRequestTrainingNotNeeded", "Nothing changed since the last training.")
	case len(p.Iterations) >= c.r.opt.Limits.Iterations:
		return refuse("BadRequestExceedIterationPerProjectLimit", "The limit of %d iterations has been reached.", c.r.opt.Limits.Iterations)
	case typ == "Advanced" && budget < 1:
		return refuse("BadRequestReservedBudgetInHoursNotEnoughForAdvancedTraining", "Advanced training needs a budget of at least one hour.")
	}
	if _, ok := c.r.offers(p.DomainID); !ok {
		if c.preview() {
			return refuse("BadRequestRetiredDomainNotSupportedForTraining", "The domain is retired.")
		}
		return refuse("BadRequestUnsupportedDomain", "The domain is not supported.")
	}
	return c.checkTrainingData()
}

func (c *call) checkTrainingData() error {
	p, code, least, tags := c.p, "BadRequestMultiLabelClassificationTrainingValidationFailed", minImagesPerTag, minTagsToClassify
	switch {
	case p.detection() && p.tagOfType(tagNegative) != nil:
		return refuse("BadRequestDetectionTrainingNotAllowNegativeTag", "Detection projects cannot be trained with a negative tag.")
	case p.detection():
		code, least, tags = "BadRequestDetectionTrainingValidationFailed", minImagesPerTagBoxed, 1
	case p.Classification == multiclass:
		code = "BadRequestMultiClassClassificationTrainingValidationFailed"
	}
	counts := scope{p.Workspace, p.Tags}.countTags()
	if len(p.Tags) < tags {
		return refuse(code, "The project needs at least %d tags.", tags)
	}
	for _, t := range p.Tags {
		if counts[t.ID] < least {
			return refuse(code, "The tag %q has %d images; at least %d are needed.", t.Name, counts[t.ID], least)
		}
	}
	return nil
}
