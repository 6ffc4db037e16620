package customvision

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"testing"

	"cvarchive/manifest"
)

// token has everything in it that an encoder can get wrong: &, =, + and a
// percent sign.
const token = "https://irisprodeutraining.blob.core.windows.net/prjexp-1/project-export-info?sv=2017-04-17&sr=b&sig=a+b%2Fc%3D&se=2028-10-27T16%3A12%3A00Z&sp=r"

const base = "/customvision/v3.3/training"

const region = `{"regionId":"r1","tagName":null,"created":"2019-06-19T23:02:39.8757957","tagId":"t1","left":0.3500000001,"top":1E-3,"width":0.10,"height":1}`

func oneRegion() manifest.Region {
	return manifest.Region{ID: "r1", TagID: "t1", Created: "2019-06-19T23:02:39.8757957", Left: "0.3500000001", Top: "1E-3", Width: "0.10", Height: "1"}
}

const imageJSON = `{"id":"i1","created":"2019-06-19T23:02:39.8757957","width":1095,"height":900,
	"resizedImageUri":"https://h/i-p/i-1?sig=R","thumbnailUri":"https://h/i-p/t-1?sig=T","originalImageUri":"https://h/i-p/o-1?sig=O",
	"tags":[{"tagId":"t1","tagName":"hemlock","created":"2017-12-19T15:56:09Z"}],"regions":[` + region + `],
	"metadata":{"a":"b"},"newField":{"n":1.50}}`

func oneImage() manifest.ListedImage {
	return manifest.ListedImage{
		Image: manifest.Image{
			ID: "i1", Created: "2019-06-19T23:02:39.8757957", Width: 1095, Height: 900,
			Tags:     []manifest.ImageTag{{TagID: "t1", TagName: "hemlock", Created: "2017-12-19T15:56:09Z"}},
			Regions:  []manifest.Region{oneRegion()},
			Metadata: map[string]string{"a": "b"}, Blob: manifest.BlobOriginal,
			Extra: manifest.Extra{"newField": json.RawMessage(`{"n":1.50}`)},
		},
		OriginalURI: manifest.NewSecret("https://h/i-p/o-1?sig=O"),
		ResizedURI:  manifest.NewSecret("https://h/i-p/i-1?sig=R"),
	}
}

const projectJSON = `{"id":"p1","name":"Bäume & co","description":null,
	"settings":{"domainId":"d1","classificationType":"Ranking","targetExportPlatforms":["VAIDK"],"useNegativeSet":true,
		"detectionParameters":null,"imageProcessingSettings":{"augmentationMethods":{"flip":false}},"exportModelContainerUri":"https://c/x?sv=1&sig=PLANTED"},
	"created":"2017-12-18T05:43:18Z","lastModified":"2017-12-18T05:43:18.0000001","thumbnailUri":"https://h/t?sig=PLANTED","drModeEnabled":false,"status":"Paused"}`

func oneProject() manifest.Project {
	return manifest.Project{
		ID: "p1", Name: "Bäume & co",
		Settings: manifest.ProjectSettings{
			DomainID: "d1", ClassificationType: "Ranking", TargetExportPlatforms: []string{"VAIDK"}, UseNegativeSet: new(true),
			ImageProcessingSettings: &manifest.ImageProcessingSettings{AugmentationMethods: map[string]bool{"flip": false}},
			Extra:                   manifest.Extra{"exportModelContainerUri": json.RawMessage(`"https://c/x?sv=1"`)},
		},
		Created: "2017-12-18T05:43:18Z", LastModified: "2017-12-18T05:43:18.0000001", DRModeEnabled: new(false), Status: "Paused",
	}
}

const iterationJSON = `{"id":"it1","name":"Iteration 1","status":"Completed","created":"c","lastModified":"l","trainedAt":null,"projectId":"p1",
	"exportable":true,"exportableTo":["ONNX"],"domainId":null,"classificationType":null,"trainingType":"Regular","reservedBudgetInHours":2,
	"trainingTimeInMinutes":3,"publishName":"model1","originalPublishResourceId":"/subscriptions/1"}`

func oneIteration() manifest.Iteration {
	return manifest.Iteration{
		ID: "it1", Name: "Iteration 1", Status: "Completed", Created: "c", LastModified: "l", ProjectID: "p1",
		Exportable: true, ExportableTo: []string{"ONNX"}, TrainingType: "Regular", ReservedBudgetInHours: 2,
		TrainingTimeInMinutes: 3, PublishName: "model1", OriginalPublishResourceID: "/subscriptions/1",
	}
}

func oneModel() manifest.ModelExport {
	return manifest.ModelExport{Platform: "ONNX", Flavor: "ONNX99", Status: "Done", NewerVersionAvailable: true, DownloadURI: manifest.NewSecret("https://h/m-1/x?sig=M")}
}

const modelJSON = `{"platform":"ONNX","status":"Done","downloadUri":"https://h/m-1/x?sig=M","flavor":"ONNX99","newerVersionAvailable":true}`

const summaryJSON = `{"isBatchSuccessful":false,"images":[{"sourceUrl":"\"a.jpg\"","status":"OK","image":` + imageJSON + `},{"sourceUrl":"b.jpg","status":"ErrorInvalidRegion","image":null}]}`

func oneSummary() manifest.ImageCreateSummary {
	return manifest.ImageCreateSummary{Images: []manifest.ImageCreateResult{
		{SourceURL: `"a.jpg"`, Status: "OK", Image: new(oneImage())},
		{SourceURL: "b.jpg", Status: "ErrorInvalidRegion"},
	}}
}

// operation is one row: a call, the answer to it, and what must come of both.
type operation struct {
	name   string
	call   func(context.Context, *Client) (any, error)
	status int // of the answer; 0: 200
	answer string

	method, path, query, body string
	want                      any
}

func none(err error) (any, error) { return nil, err }

func operations() []operation {
	project, iteration := base+"/projects/"+pid, base+"/projects/"+pid+"/iterations/"+iid
	return []operation{
		{
			name:   "GetDomains",
			call:   func(ctx context.Context, c *Client) (any, error) { return c.Domains(ctx) },
			answer: `[{"id":"d1","name":"General","type":"Segmentation","exportable":true,"enabled":true,"exportablePlatforms":["X"]}]`,
			method: "GET", path: base + "/domains",
			want: []manifest.Domain{{ID: "d1", Name: "General", Type: "Segmentation", Exportable: true, Enabled: true}},
		},
		{
			name:   "GetDomain",
			call:   func(ctx context.Context, c *Client) (any, error) { return c.Domain(ctx, "d/1") },
			answer: `{"id":"d1","name":null,"type":"Classification"}`,
			method: "GET", path: base + "/domains/d%2F1", want: manifest.Domain{ID: "d1", Type: "Classification"},
		},
		{
			name:   "GetProjects",
			call:   func(ctx context.Context, c *Client) (any, error) { return c.Projects(ctx) },
			answer: "[" + projectJSON + "]", method: "GET", path: base + "/projects", want: []manifest.Project{oneProject()},
		},
		{
			name:   "GetProject",
			call:   func(ctx context.Context, c *Client) (any, error) { return c.Project(ctx, pid) },
			answer: projectJSON, method: "GET", path: project, want: oneProject(),
		},
		{
			name: "CreateProject",
			call: func(ctx context.Context, c *Client) (any, error) {
				return c.CreateProject(ctx, manifest.NewProject{
					Name: "Bäume & co+1", Description: "a=b", DomainID: "d1",
					ClassificationType: "Multilabel", TargetExportPlatforms: []string{"CoreML", "VAIDK"},
				})
			},
			answer: projectJSON, method: "POST", path: base + "/projects",
			query: "name=B%C3%A4ume%20%26%20co%2B1&description=a%3Db&domainId=d1&classificationType=Multilabel&targetExportPlatforms=CoreML%2CVAIDK",
			want:  oneProject(),
		},
		{
			name: "CreateProject with a name only",
			call: func(ctx context.Context, c *Client) (any, error) {
				return c.CreateProject(ctx, manifest.NewProject{Name: "n"})
			},
			answer: projectJSON, method: "POST", path: base + "/projects", query: "name=n", want: oneProject(),
		},
		{
			name:   "UpdateProject",
			call:   func(ctx context.Context, c *Client) (any, error) { return c.UpdateProject(ctx, pid, oneProject()) },
			answer: projectJSON, method: "PATCH", path: project,
			body: `{"name":"Bäume \u0026 co","description":"","settings":{"domainId":"d1","classificationType":"Ranking","targetExportPlatforms":["VAIDK"],"imageProcessingSettings":{"augmentationMethods":{"flip":false}}}}`,
			want: oneProject(),
		},
		{
			name: "UpdateProject of a detector",
			call: func(ctx context.Context, c *Client) (any, error) {
				return c.UpdateProject(ctx, pid, manifest.Project{Name: "n", Description: "d", Settings: manifest.ProjectSettings{DomainID: "d2"}})
			},
			answer: projectJSON, method: "PATCH", path: project,
			body: `{"name":"n","description":"d","settings":{"domainId":"d2","targetExportPlatforms":[]}}`, want: oneProject(),
		},
		{
			name:   "DeleteProject",
			call:   func(ctx context.Context, c *Client) (any, error) { return none(c.DeleteProject(ctx, pid)) },
			status: http.StatusNoContent, method: "DELETE", path: project,
		},
		{
			name:   "ExportProject",
			call:   func(ctx context.Context, c *Client) (any, error) { return c.ExportProject(ctx, pid) },
			answer: `{"iterationCount":1,"imageCount":2,"tagCount":3,"regionCount":4,"estimatedImportTimeInMS":5,"token":"` + token + `","extra":7}`,
			method: "GET", path: project + "/export",
			want: manifest.Export{
				IterationCount: 1, ImageCount: 2, TagCount: 3, RegionCount: 4, EstimatedImportTimeInMS: 5,
				Expires: "2028-10-27T16:12:00Z", State: manifest.TokenStored, Token: manifest.NewSecret(token),
				Extra: manifest.Extra{"extra": json.RawMessage("7")},
			},
		},
		{
			name: "ImportProject",
			call: func(ctx context.Context, c *Client) (any, error) {
				return c.ImportProject(ctx, manifest.NewSecret(token), "a b")
			},
			answer: projectJSON, method: "POST", path: base + "/projects/import",
			query: "token=https%3A%2F%2Firisprodeutraining.blob.core.windows.net%2Fprjexp-1%2Fproject-export-info%3Fsv%3D2017-04-17%26sr%3Db%26sig%3Da%2Bb%252Fc%253D%26se%3D2028-10-27T16%253A12%253A00Z%26sp%3Dr&name=a%20b",
			want:  oneProject(),
		},
		{
			name: "ImportProject without a name",
			call: func(ctx context.Context, c *Client) (any, error) {
				return c.ImportProject(ctx, manifest.NewSecret("t"), "")
			},
			answer: projectJSON, method: "POST", path: base + "/projects/import", query: "token=t", want: oneProject(),
		},
		{
			name: "GetImages",
			call: func(ctx context.Context, c *Client) (any, error) {
				return c.Images(ctx, pid, manifest.ImageQuery{Status: "All", Skip: 256, Take: 256})
			},
			answer: "[" + imageJSON + "]", method: "GET", path: project + "/images", query: "orderBy=Oldest&take=256&skip=256",
			want: []manifest.ListedImage{oneImage()},
		},
		{
			name: "GetImages of an iteration",
			call: func(ctx context.Context, c *Client) (any, error) {
				return c.Images(ctx, pid, manifest.ImageQuery{IterationID: iid, Status: "Untagged", Take: 1})
			},
			answer: "[]", method: "GET", path: project + "/images",
			query: "taggingStatus=Untagged&iterationId=" + iid + "&orderBy=Oldest&take=1&skip=0", want: []manifest.ListedImage(nil),
		},
		{
			name: "GetTaggedImages",
			call: func(ctx context.Context, c *Client) (any, error) {
				return c.TaggedImages(ctx, pid, manifest.ImageQuery{})
			},
			answer: "null", method: "GET", path: project + "/images/tagged", query: "orderBy=Oldest&take=256&skip=0", want: []manifest.ListedImage(nil),
		},
		{
			name: "GetUntaggedImages",
			call: func(ctx context.Context, c *Client) (any, error) {
				return c.UntaggedImages(ctx, pid, manifest.ImageQuery{Take: 9})
			},
			answer: "[]", method: "GET", path: project + "/images/untagged", query: "orderBy=Oldest&take=9&skip=0", want: []manifest.ListedImage(nil),
		},
		{
			name: "GetImagesByIds",
			call: func(ctx context.Context, c *Client) (any, error) {
				return c.ImagesByIDs(ctx, pid, iid, []string{"i1", "i2"})
			},
			answer: "[" + imageJSON + "]", method: "GET", path: project + "/images/id", query: "imageIds=i1%2Ci2&iterationId=" + iid,
			want: []manifest.ListedImage{oneImage()},
		},
		{
			name:   "GetImageCount",
			call:   func(ctx context.Context, c *Client) (any, error) { return c.ImageCount(ctx, pid, iid) },
			answer: "17", method: "GET", path: project + "/images/count", query: "iterationId=" + iid, want: 17,
		},
		{
			name:   "GetTaggedImageCount",
			call:   func(ctx context.Context, c *Client) (any, error) { return c.TaggedImageCount(ctx, pid, "") },
			answer: "3", method: "GET", path: project + "/images/tagged/count", want: 3,
		},
		{
			name:   "GetUntaggedImageCount",
			call:   func(ctx context.Context, c *Client) (any, error) { return c.UntaggedImageCount(ctx, pid, "") },
			answer: "4", method: "GET", path: project + "/images/untagged/count", want: 4,
		},
		{
			name: "DeleteImages",
			call: func(ctx context.Context, c *Client) (any, error) {
				return none(c.DeleteImages(ctx, pid, ImageDeletion{IDs: []string{"i1", "i2"}, AllIterations: true}))
			},
			status: http.StatusAccepted, method: "DELETE", path: project + "/images", query: "imageIds=i1%2Ci2&allIterations=true",
		},
		{
			name: "DeleteImages, all",
			call: func(ctx context.Context, c *Client) (any, error) {
				return none(c.DeleteImages(ctx, pid, ImageDeletion{All: true}))
			},
			status: http.StatusNoContent, method: "DELETE", path: project + "/images", query: "allImages=true",
		},
		{
			name: "CreateImagesFromFiles",
			call: func(ctx context.Context, c *Client) (any, error) {
				return c.CreateImagesFromFiles(ctx, pid, manifest.ImageBatch{
					Images: []manifest.NewImage{
						{Name: `a "1".jpg`, Contents: []byte("\xff\xfe\xfd"), TagIDs: []string{"t1"}, Regions: []manifest.Region{oneRegion()}},
						{Name: "b.jpg", Contents: []byte("ab")},
					},
					TagIDs: []string{"t2"}, Metadata: map[string]string{"k": "v"},
				})
			},
			status: http.StatusMultiStatus, answer: summaryJSON, method: "POST", path: project + "/images/files",
			body: `{"images":[{"contents":"//79","name":"a \"1\".jpg","tagIds":["t1"],"regions":[{"tagId":"t1","left":0.3500000001,"top":1E-3,"width":0.10,"height":1}]},{"contents":"YWI=","name":"b.jpg"}],"tagIds":["t2"],"metadata":{"k":"v"}}`,
			want: oneSummary(),
		},
		{
			name: "CreateImagesFromFiles, one bare image",
			call: func(ctx context.Context, c *Client) (any, error) {
				return c.CreateImagesFromFiles(ctx, pid, manifest.ImageBatch{Images: []manifest.NewImage{{Name: "n", Contents: []byte("a")}}})
			},
			answer: summaryJSON, method: "POST", path: project + "/images/files",
			body: `{"images":[{"contents":"YQ==","name":"n"}]}`, want: oneSummary(),
		},
		{
			name: "CreateImagesFromUrls",
			call: func(ctx context.Context, c *Client) (any, error) {
				return c.CreateImagesFromURLs(ctx, pid, manifest.ImageBatch{
					Images: []manifest.NewImage{{Name: "n", URL: manifest.NewSecret("https://h/o-1?sig=x"), Regions: []manifest.Region{oneRegion()}}},
					TagIDs: []string{"t2"},
				})
			},
			answer: summaryJSON, method: "POST", path: project + "/images/urls",
			body: `{"images":[{"url":"https://h/o-1?sig=x","regions":[{"tagId":"t1","left":0.3500000001,"top":1E-3,"width":0.10,"height":1}]}],"tagIds":["t2"]}`,
			want: oneSummary(),
		},
		{
			name: "UpdateImageMetadata",
			call: func(ctx context.Context, c *Client) (any, error) {
				return c.UpdateImageMetadata(ctx, pid, []string{"i1", "i2"}, map[string]string{"k": "<v>"})
			},
			status: http.StatusMultiStatus,
			answer: `{"isBatchSuccessful":false,"images":[{"imageId":"i1","status":"OK","metadata":{"k":"v"}},{"imageId":"i2","status":"ErrorOther"}]}`,
			method: "POST", path: project + "/images/metadata", query: "imageIds=i1%2Ci2", body: `{"k":"\u003cv\u003e"}`,
			want: []manifest.MetadataResult{{ImageID: "i1", Status: "OK"}, {ImageID: "i2", Status: "ErrorOther"}},
		},
		{
			name:   "GetTags",
			call:   func(ctx context.Context, c *Client) (any, error) { return c.Tags(ctx, pid, iid) },
			answer: `[{"id":"t1","name":"x","description":null,"type":"Odd","imageCount":null,"more":[1.0]}]`,
			method: "GET", path: project + "/tags", query: "iterationId=" + iid,
			want: []manifest.Tag{{ID: "t1", Name: "x", Type: "Odd", Extra: manifest.Extra{"more": json.RawMessage("[1.0]")}}},
		},
		{
			name: "CreateTag",
			call: func(ctx context.Context, c *Client) (any, error) {
				return c.CreateTag(ctx, pid, manifest.Tag{Name: "ä b", Description: "d", Type: "Negative"})
			},
			answer: `{"id":"t1","name":"ä b"}`, method: "POST", path: project + "/tags",
			query: "name=%C3%A4%20b&description=d&type=Negative", want: manifest.Tag{ID: "t1", Name: "ä b"},
		},
		{
			name: "UpdateTag",
			call: func(ctx context.Context, c *Client) (any, error) {
				return c.UpdateTag(ctx, pid, manifest.Tag{ID: "t1", Name: "n", Type: "Regular", ImageCount: 5})
			},
			answer: `{"id":"t1"}`, method: "PATCH", path: project + "/tags/t1",
			body: `{"name":"n","description":"","type":"Regular"}`, want: manifest.Tag{ID: "t1"},
		},
		{
			name:   "DeleteTag",
			call:   func(ctx context.Context, c *Client) (any, error) { return none(c.DeleteTag(ctx, pid, "t1")) },
			status: http.StatusNoContent, method: "DELETE", path: project + "/tags/t1",
		},
		{
			name: "CreateImageTags",
			call: func(ctx context.Context, c *Client) (any, error) {
				return c.CreateImageTags(ctx, pid, []manifest.ImageTagEntry{{ImageID: "i1", TagID: "t1"}})
			},
			answer: `{"created":[{"imageId":"i1","tagId":"t1"}],"duplicated":null,"exceeded":[{"imageId":"i2","tagId":"t1"}]}`,
			method: "POST", path: project + "/images/tags", body: `{"tags":[{"imageId":"i1","tagId":"t1"}]}`,
			want: manifest.TagSummary{Created: []manifest.ImageTagEntry{{ImageID: "i1", TagID: "t1"}}, Exceeded: []manifest.ImageTagEntry{{ImageID: "i2", TagID: "t1"}}},
		},
		{
			name: "DeleteImageTags",
			call: func(ctx context.Context, c *Client) (any, error) {
				return none(c.DeleteImageTags(ctx, pid, []string{"i1", "i2"}, []string{"t1"}))
			},
			status: http.StatusNoContent, method: "DELETE", path: project + "/images/tags", query: "imageIds=i1%2Ci2&tagIds=t1",
		},
		{
			name: "CreateImageRegions",
			call: func(ctx context.Context, c *Client) (any, error) {
				return c.CreateImageRegions(ctx, pid, []manifest.ImageRegionEntry{{ImageID: "i1", Region: oneRegion()}})
			},
			status: http.StatusMultiStatus,
			answer: `{"created":[{"imageId":"i1",` + region[1:] + `],"duplicated":[{"imageId":"i2",` + region[1:] + `],"exceeded":null}`,
			method: "POST", path: project + "/images/regions",
			body: `{"regions":[{"imageId":"i1","tagId":"t1","left":0.3500000001,"top":1E-3,"width":0.10,"height":1}]}`,
			want: manifest.RegionSummary{
				Created:    []manifest.ImageRegionEntry{{ImageID: "i1", Region: oneRegion()}},
				Duplicated: []manifest.ImageRegionEntry{{ImageID: "i2", Region: oneRegion()}},
			},
		},
		{
			name: "DeleteImageRegions",
			call: func(ctx context.Context, c *Client) (any, error) {
				return none(c.DeleteImageRegions(ctx, pid, []string{"r1", "r2"}))
			},
			status: http.StatusNoContent, method: "DELETE", path: project + "/images/regions", query: "regionIds=r1%2Cr2",
		},
		{
			name:   "GetIterations",
			call:   func(ctx context.Context, c *Client) (any, error) { return c.Iterations(ctx, pid) },
			answer: "[" + iterationJSON + "]", method: "GET", path: project + "/iterations", want: []manifest.Iteration{oneIteration()},
		},
		{
			name:   "GetIteration",
			call:   func(ctx context.Context, c *Client) (any, error) { return c.Iteration(ctx, pid, iid) },
			answer: iterationJSON, method: "GET", path: iteration, want: oneIteration(),
		},
		{
			name:   "UpdateIteration",
			call:   func(ctx context.Context, c *Client) (any, error) { return c.UpdateIteration(ctx, pid, iid, "new") },
			answer: iterationJSON, method: "PATCH", path: iteration, body: `{"name":"new"}`, want: oneIteration(),
		},
		{
			name:   "DeleteIteration",
			call:   func(ctx context.Context, c *Client) (any, error) { return none(c.DeleteIteration(ctx, pid, iid)) },
			status: http.StatusNoContent, method: "DELETE", path: iteration,
		},
		{
			name: "GetIterationPerformance",
			call: func(ctx context.Context, c *Client) (any, error) { return c.IterationPerformance(ctx, pid, iid) },
			answer: `{"perTagPerformance":[{"id":"t1","name":"x","precision":0.10,"precisionStdDeviation":0,"recall":1.0,"recallStdDeviation":0.123456789012345678,"averagePrecision":null}],
				"precision":1.00,"precisionStdDeviation":1e-7,"recall":0.5,"recallStdDeviation":0.0,"averagePrecision":0.9}`,
			method: "GET", path: iteration + "/performance", query: "threshold=0.5&overlapThreshold=0.3",
			want: &manifest.IterationPerformance{
				Threshold: "0.5", OverlapThreshold: "0.3",
				PerTagPerformance: []manifest.TagPerformance{{ID: "t1", Name: "x", Precision: "0.10", PrecisionStdDeviation: "0", Recall: "1.0", RecallStdDeviation: "0.123456789012345678"}},
				Precision:         "1.00", PrecisionStdDeviation: "1e-7", Recall: "0.5", RecallStdDeviation: "0.0", AveragePrecision: "0.9",
			},
		},
		{
			name:   "GetExports",
			call:   func(ctx context.Context, c *Client) (any, error) { return c.ModelExports(ctx, pid, iid) },
			answer: "[" + modelJSON + "]", method: "GET", path: iteration + "/export", want: []manifest.ModelExport{oneModel()},
		},
		{
			name: "ExportIteration",
			call: func(ctx context.Context, c *Client) (any, error) {
				return c.ExportIteration(ctx, pid, iid, "ONNX", "ONNX12")
			},
			answer: modelJSON, method: "POST", path: iteration + "/export", query: "platform=ONNX&flavor=ONNX12", want: oneModel(),
		},
		{
			name: "TrainProject",
			call: func(ctx context.Context, c *Client) (any, error) {
				return c.Train(ctx, pid, manifest.TrainOptions{TrainingType: "Advanced", ReservedBudgetInHours: 2, ForceTrain: true})
			},
			answer: iterationJSON, method: "POST", path: project + "/train",
			query: "trainingType=Advanced&reservedBudgetInHours=2&forceTrain=true", want: oneIteration(),
		},
		{
			name:   "TrainProject with nothing said",
			call:   func(ctx context.Context, c *Client) (any, error) { return c.Train(ctx, pid, manifest.TrainOptions{}) },
			answer: iterationJSON, method: "POST", path: project + "/train", want: oneIteration(),
		},
		{
			name: "PublishIteration",
			call: func(ctx context.Context, c *Client) (any, error) {
				return none(c.Publish(ctx, pid, iid, "model 1", "/subscriptions/x", true))
			},
			answer: "true", method: "POST", path: iteration + "/publish",
			query: "publishName=model%201&predictionId=%2Fsubscriptions%2Fx&overwrite=true",
		},
		{
			name:   "UnpublishIteration",
			call:   func(ctx context.Context, c *Client) (any, error) { return none(c.Unpublish(ctx, pid, iid)) },
			status: http.StatusNoContent, method: "DELETE", path: iteration + "/publish",
		},
	}
}

func TestOperations(t *testing.T) {
	for _, op := range operations() {
		t.Run(op.name, func(t *testing.T) {
			status := op.status
			if status == 0 {
				status = http.StatusOK
			}
			s := serve(t, reply(status, op.answer))
			got, err := op.call(t.Context(), dial(t, fast(s.URL+"/")))
			if err != nil {
				t.Fatal(err)
			}
			if d := diff(op.want, got); d != "" {
				t.Errorf("result (-want +got):\n%s", d)
			}
			seen := s.seen()
			if len(seen) != 1 {
				t.Fatalf("%d requests", len(seen))
			}
			r := seen[0]
			want := request{Method: op.method, Path: op.path, Query: op.query, Body: op.body, Length: int64(len(op.body)), Header: r.Header}
			if d := diff(want, r); d != "" {
				t.Errorf("request (-want +got):\n%s", d)
			}
			if got := r.Header.Get("Content-Length"); op.method == "POST" && got != strconv.Itoa(len(op.body)) {
				t.Errorf("a POST with Content-Length %q", got)
			}
			if r.Header.Get("Training-Key") != testKey || r.Header.Get("Accept") != "application/json" || r.Header.Get("Authorization") != "" {
				t.Errorf("headers %v", r.Header)
			}
			wantType := ""
			if op.body != "" {
				wantType = "application/json"
			}
			if got := r.Header.Get("Content-Type"); got != wantType {
				t.Errorf("Content-Type %q, want %q", got, wantType)
			}
		})
	}
}
