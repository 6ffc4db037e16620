package simulator

import (
	"net/http"
	"strings"
)

// operation is one operation of the spec.
type operation struct {
	id      string
	method  string
	path    []string // literal elements in lower case, or {name}
	handler func(*call) (status int, body any, err error)
	kind    opKind
}

type opKind int

const (
	read      opKind = iota
	write            // refused on read-only roles and in DR mode
	uploading        // a write that takes the service's lock itself
)

func op(method, path, id string, kind opKind, h func(*call) (int, any, error)) operation {
	return operation{id: id, method: method, path: strings.Split(path, "/"), kind: kind, handler: h}
}

// operations are matched in order: literal paths stand before those with
// names in the same place.
var operations = []operation{
	op("GET", "domains", "GetDomains", read, getDomains),
	op("GET", "domains/{domain}", "GetDomain", read, getDomain),

	op("GET", "projects", "GetProjects", read, getProjects),
	op("POST", "projects", "CreateProject", write, createProject),
	op("POST", "projects/import", "ImportProject", write, importProject),
	op("GET", "projects/{project}", "GetProject", read, getProject),
	op("PATCH", "projects/{project}", "UpdateProject", write, updateProject),
	op("DELETE", "projects/{project}", "DeleteProject", write, deleteProject),
	op("GET", "projects/{project}/export", "ExportProject", read, exportProject),
	op("GET", "projects/{project}/artifacts", "GetArtifact", read, getArtifact),
	op("POST", "projects/{project}/train", "TrainProject", write, trainProject),

	op("GET", "projects/{project}/tags", "GetTags", read, getTags),
	op("POST", "projects/{project}/tags", "CreateTag", write, createTag),
	op("GET", "projects/{project}/tags/{tag}", "GetTag", read, getTag),
	op("PATCH", "projects/{project}/tags/{tag}", "UpdateTag", write, updateTag),
	op("DELETE", "projects/{project}/tags/{tag}", "DeleteTag", write, deleteTag),

	op("GET", "projects/{project}/images", "GetImages", read, getImages),
	op("GET", "projects/{project}/images/id", "GetImagesByIds", read, getImagesByIDs),
	op("GET", "projects/{project}/images/count", "GetImageCount", read, getImageCount),
	op("GET", "projects/{project}/images/tagged", "GetTaggedImages", read, getTaggedImages),
	op("GET", "projects/{project}/images/tagged/count", "GetTaggedImageCount", read, getTaggedImageCount),
	op("GET", "projects/{project}/images/untagged", "GetUntaggedImages", read, getUntaggedImages),
	op("GET", "projects/{project}/images/untagged/count", "GetUntaggedImageCount", read, getUntaggedImageCount),
	op("POST", "projects/{project}/images", "CreateImagesFromData", uploading, createImagesFromData),
	op("POST", "projects/{project}/images/files", "CreateImagesFromFiles", uploading, createImagesFromFiles),
	op("POST", "projects/{project}/images/urls", "CreateImagesFromUrls", uploading, createImagesFromURLs),
	op("POST", "projects/{project}/images/predictions", "CreateImagesFromPredictions", write, notSupported),
	op("DELETE", "projects/{project}/images", "DeleteImages", write, deleteImages),
	op("POST", "projects/{project}/images/metadata", "UpdateImageMetadata", write, updateImageMetadata),
	op("POST", "projects/{project}/images/tags", "CreateImageTags", write, createImageTags),
	op("DELETE", "projects/{project}/images/tags", "DeleteImageTags", write, deleteImageTags),
	op("POST", "projects/{project}/images/regions", "CreateImageRegions", write, createImageRegions),
	op("DELETE", "projects/{project}/images/regions", "DeleteImageRegions", write, deleteImageRegions),
	op("POST", "projects/{project}/images/{image}/regionproposals", "GetImageRegionProposals", read, getRegionProposals),
	op("POST", "projects/{project}/images/suggested", "QuerySuggestedImages", read, notSupported),
	op("POST", "projects/{project}/images/suggested/count", "QuerySuggestedImageCount", read, notSupported),
	op("POST", "projects/{project}/tagsandregions/suggestions", "SuggestTagsAndRegions", read, notSupported),

	op("GET", "projects/{project}/iterations", "GetIterations", read, getIterations),
	op("GET", "projects/{project}/iterations/{iteration}", "GetIteration", read, getIteration),
	op("PATCH", "projects/{project}/iterations/{iteration}", "UpdateIteration", write, updateIteration),
	op("DELETE", "projects/{project}/iterations/{iteration}", "DeleteIteration", write, deleteIteration),
	op("GET", "projects/{project}/iterations/{iteration}/export", "GetExports", read, getExports),
	op("POST", "projects/{project}/iterations/{iteration}/export", "ExportIteration", write, exportIteration),
	op("GET", "projects/{project}/iterations/{iteration}/performance", "GetIterationPerformance", read, getIterationPerformance),
	op("GET", "projects/{project}/iterations/{iteration}/performance/images", "GetImagePerformances", read, getImagePerformances),
	op("GET", "projects/{project}/iterations/{iteration}/performance/images/count", "GetImagePerformanceCount", read, getImagePerformanceCount),
	op("POST", "projects/{project}/iterations/{iteration}/publish", "PublishIteration", write, publishIteration),
	op("DELETE", "projects/{project}/iterations/{iteration}/publish", "UnpublishIteration", write, unpublishIteration),

	op("POST", "projects/{project}/predictions/query", "QueryPredictions", read, queryPredictions),
	op("DELETE", "projects/{project}/predictions", "DeletePrediction", write, notSupported),
	op("POST", "projects/{project}/quicktest/image", "QuickTestImage", read, notSupported),
	op("POST", "projects/{project}/quicktest/url", "QuickTestImageUrl", read, notSupported),
}

// Operations lists the operation ids that the service knows, as
// [Resource.Calls] counts them and [Fault] names them.
func Operations() []string {
	ids := make([]string, len(operations))
	for i, o := range operations {
		ids[i] = o.id
	}
	return ids
}

// versions are the API versions that are served, by their path element.
var versions = map[string]string{"v3.3": "3.3", "v3.4-preview": "3.4_preview"}

// route finds the operation of a path below the resource, such as
// customvision/v3.3/training/projects. Letter case does not matter.
func route(method, path string) (o *operation, version string, vars map[string]string) {
	elems := strings.Split(strings.Trim(path, "/"), "/")
	if len(elems) < 4 || !strings.EqualFold(elems[0], "customvision") || !strings.EqualFold(elems[2], "training") {
		return nil, "", nil
	}
	version, ok := versions[strings.ToLower(elems[1])]
	if !ok {
		return nil, "", nil
	}
	for i := range operations {
		if operations[i].method != method {
			continue
		}
		if vars, ok := operations[i].match(elems[3:]); ok {
			return &operations[i], version, vars
		}
	}
	return nil, version, nil
}

func (o *operation) match(elems []string) (map[string]string, bool) {
	if len(elems) != len(o.path) {
		return nil, false
	}
	vars := map[string]string{}
	for i, want := range o.path {
		if name, ok := strings.CutPrefix(want, "{"); ok {
			vars[strings.TrimSuffix(name, "}")] = normalID(elems[i])
		} else if !strings.EqualFold(want, elems[i]) {
			return nil, false
		}
	}
	return vars, true
}

func notSupported(c *call) (int, any, error) {
	return 0, nil, refuse("BadRequestOperationNotSupported", "%s is not part of this simulation.", c.op.id)
}

// hasLength reports whether a request says how long its body is.
func hasLength(req *http.Request) bool {
	return req.Header.Get("Content-Length") != "" || req.ContentLength > 0 || len(req.TransferEncoding) > 0 || req.ProtoMajor > 1
}
