package simulator_test

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"cvarchive/remote/simulator"
	"cvarchive/remote/simulator/simtest"
)

// post sends a body that is not JSON.
func (a *api) post(path, contentType string, body io.Reader) (int, string) {
	a.t.Helper()
	req, err := http.NewRequest("POST", a.endpoint+path, body)
	if err != nil {
		a.t.Fatal(err)
	}
	req.Header.Set("Training-Key", a.key)
	req.Header.Set("Content-Type", contentType)
	status, _, data := do(a.t, req)
	return status, string(data)
}

func TestUploadFromData(t *testing.T) {
	sim := simtest.Start(t, simulator.Options{})
	a := connect(t, sim, "westeurope")
	p := a.project("p", "")
	tag := a.tag(p, "t", "")
	var form bytes.Buffer
	w := multipart.NewWriter(&form)
	for n := range 3 {
		part, err := w.CreateFormFile("images", fmt.Sprintf("%d.png", n))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := part.Write(picture(n, 256, 256)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if status, body := a.post(p+"/images?tagIds="+tag, w.FormDataContentType(), &form); status != 200 || !strings.Contains(body, `"sourceUrl":"\"2.png\""`) {
		t.Errorf("form: %d %s", status, body)
	}
	if status, body := a.post(p+"/images", "application/octet-stream", bytes.NewReader(picture(9, 256, 256))); status != 200 {
		t.Errorf("bytes: %d %s", status, body)
	}
	if status, _ := a.post(p+"/images", "text/plain", strings.NewReader("x")); status != 415 {
		t.Errorf("text: status %d, want 415", status)
	}
	for path, want := range map[string]int{"tagged": 3, "untagged": 1} {
		if n := len(a.list(p + "/images/" + path)); n != want {
			t.Errorf("%s: %d images, want %d", path, n, want)
		}
	}
	if n := a.call(200, "GET", p+"/images/tagged/count?tagIds="+tag, nil); n != 3.0 {
		t.Errorf("%v tagged images, want 3", n)
	}
}

func TestTooLargeRequest(t *testing.T) {
	sim := simtest.Start(t, simulator.Options{})
	a := connect(t, sim, "westeurope")
	p := a.project("p", "")
	if status, body := a.post(p+"/images", "application/octet-stream", bytes.NewReader(make([]byte, 59<<20))); status != 408 {
		t.Errorf("status %d, want 408: %s", status, body)
	}
}

func TestModelExports(t *testing.T) {
	sim := simtest.Start(t, clock())
	a := connect(t, sim, "westeurope")
	p := a.project("p", compact)
	a.upload(p, 0, 5, a.tag(p, "red", ""))
	a.upload(p, 5, 5, a.tag(p, "blue", ""))
	it := p + "/iterations/" + a.call(200, "POST", p+"/train", nil).(object)["id"].(string)
	a.refused(400, "BadRequestIterationIsNotTrained", "POST", it+"/export?platform=ONNX", nil)
	sim.Service.Advance(time.Second)
	if got := a.call(200, "GET", it, nil).(object); got["exportable"] != true || len(got["exportableTo"].([]any)) != 5 {
		t.Errorf("iteration = %v", got)
	}
	a.refused(400, "BadRequestRequiredParamIsNull", "POST", it+"/export", nil)
	a.refused(400, "BadRequestExportValidationFailed", "POST", it+"/export?platform=ONNX&flavor=Linux", nil)
	if got := a.call(200, "POST", it+"/export?platform=onnx&flavor=onnx12", nil).(object); got["status"] != "Exporting" || got["downloadUri"] != "" || got["flavor"] != "ONNX12" {
		t.Errorf("export = %v", got)
	}
	a.call(200, "POST", it+"/export?platform=CoreML", nil)
	a.refused(400, "BadRequestExportAlreadyInProgress", "POST", it+"/export?platform=ONNX&flavor=ONNX12", nil)
	sim.Service.Advance(time.Second)
	list := a.list(it + "/export")
	first := list[0].(object)
	if len(list) != 2 || first["status"] != "Done" || !strings.Contains(first["downloadUri"].(string), "/blob/m-") {
		t.Fatalf("exports = %v", list)
	}
	status, _, model := get(t, first["downloadUri"].(string))
	z, err := zip.NewReader(bytes.NewReader(model), int64(len(model)))
	if err != nil || status != 200 {
		t.Fatalf("model: %d, %v", status, err)
	}
	var names []string
	for _, f := range z.File {
		names = append(names, f.Name)
	}
	if got := strings.Join(names, " "); got != "cvexport.manifest labels.txt model.onnx" {
		t.Errorf("the model holds %s", got)
	}
	if perfs := a.list(it + "/performance/images?take=3"); len(perfs) != 3 || len(perfs[0].(object)["predictions"].([]any)) != 2 {
		t.Errorf("image performances = %v", perfs)
	}
	if n := a.call(200, "GET", it+"/performance/images/count", nil); n != 10.0 {
		t.Errorf("%v image performances, want 10", n)
	}
	a.call(200, "POST", it+"/publish?publishName=live&predictionId=/subscriptions/s", nil)
	a.refused(400, "BadRequestIterationIsPublished", "DELETE", p, nil)
	a.call(204, "DELETE", it+"/publish", nil)
	a.call(204, "DELETE", it, nil)
	a.refused(404, "NotFoundIteration", "GET", it, nil)
	a.call(204, "DELETE", p, nil)
}

func TestRegionsAreDeleted(t *testing.T) {
	sim := simtest.Start(t, simulator.Options{})
	a := connect(t, sim, "westeurope")
	p := a.project("p", detectionGeneral)
	cat, dog := a.tag(p, "cat", ""), a.tag(p, "dog", "")
	id := a.upload(p, 0, 1)[0]
	region := func(tag string, left float64) object {
		return object{"imageId": id, "tagId": tag, "left": left, "top": 0.1, "width": 0.1, "height": 0.1}
	}
	made := a.call(200, "POST", p+"/images/regions", object{"regions": []object{region(cat, 0), region(cat, 0.5), region(dog, 0)}}).(object)["created"].([]any)
	ids := make([]string, 3)
	for i, r := range made {
		ids[i] = r.(object)["regionId"].(string)
	}
	state := func() string {
		im := a.list(p + "/images")[0].(object)
		tags, _ := im["tags"].([]any)
		regions, _ := im["regions"].([]any)
		return fmt.Sprintf("%d tags, %d regions", len(tags), len(regions))
	}
	a.call(204, "DELETE", p+"/images/regions?regionIds="+ids[0]+","+ids[2], nil)
	if got := state(); got != "1 tags, 1 regions" {
		t.Errorf("after two deletions there are %s", got)
	}
	a.call(204, "DELETE", p+"/images/tags?imageIds="+id+"&tagIds="+cat, nil)
	if got := state(); got != "0 tags, 0 regions" {
		t.Errorf("after the tag's deletion there are %s", got)
	}
}

// TestImportChoices covers what an import carries besides the workspace.
func TestImportChoices(t *testing.T) {
	opt := clock()
	opt.Resources = []simulator.ResourceOptions{
		{Name: "westeurope", Key: "k"}, {Name: "northeurope", Key: "k", ImportDropsMetadata: true},
		{Name: "uksouth", Key: "k", Limits: simulator.Limits{Projects: 1}},
	}
	sim := simtest.Start(t, opt)
	a, b, c := connect(t, sim, "westeurope"), connect(t, sim, "northeurope"), connect(t, sim, "uksouth")
	p := a.project("p", compact)
	red, blue := a.tag(p, "red", ""), a.tag(p, "blue", "")
	ids := append(a.upload(p, 0, 5, red), a.upload(p, 5, 5, blue)...)
	a.call(200, "POST", p+"/images/metadata?imageIds="+ids[9], object{"k": "v"})
	it := a.call(200, "POST", p+"/train", nil).(object)["id"].(string)
	sim.Service.Advance(time.Second)
	a.call(200, "POST", p+"/iterations/"+it+"/publish?publishName=live&predictionId=/subscriptions/s", nil)
	a.call(204, "DELETE", p+"/images?imageIds="+ids[0], nil)
	a.call(204, "DELETE", p+"/tags/"+red, nil)
	token := url.QueryEscape(a.call(200, "GET", p+"/export", nil).(object)["token"].(string))

	a.upload(p, 20, 5, a.tag(p, "green", "")) // neither this nor the training is part of the export
	a.call(200, "POST", p+"/train", nil)
	sim.Service.Advance(time.Second)

	c.project("full", "")
	c.refused(400, "BadRequestExceedProjectLimit", "POST", "/projects/import?token="+token, nil)
	copies := map[*api]string{}
	for _, x := range []*api{a, b} {
		copies[x] = "/projects/" + x.call(200, "POST", "/projects/import?name=copy&token="+token, nil).(object)["id"].(string)
	}
	a.refused(400, "BadRequestExportValidationFailed", "GET", copies[a]+"/export", nil)
	sim.Service.Advance(time.Minute)
	for x, want := range map[*api]string{a: "map[k:v]", b: "<nil>"} {
		q := copies[x]
		if got := fmt.Sprint(x.list(q + "/images")[0].(object)["metadata"]); got != want {
			t.Errorf("metadata arrives as %s, want %s", got, want)
		}
		its := x.list(q + "/iterations")
		trained := its[0].(object)
		if len(its) != 2 || trained["publishName"] != nil || trained["originalPublishResourceId"] != "/subscriptions/s" || its[1].(object)["status"] != "New" {
			t.Errorf("iterations = %v", its)
		}
		if tags := x.list(q + "/tags"); len(tags) != 1 || tags[0].(object)["imageCount"] != 5.0 {
			t.Errorf("tags = %v", tags)
		}
		scope := "?iterationId=" + trained["id"].(string)
		if images := x.list(q + "/images" + scope + "&orderBy=Oldest"); len(images) != 10 || images[0].(object)["tags"].([]any)[0].(object)["tagName"] != "red" {
			t.Errorf("the iteration came with %d images, the first %v", len(images), images[0])
		}
		_, _, mine := a.send("GET", p+"/iterations/"+it+"/performance", nil)
		_, _, theirs := x.send("GET", q+"/iterations/"+trained["id"].(string)+"/performance", nil)
		if m, th := precision(mine), precision(theirs); m != th {
			t.Errorf("performance %s came as %s", m, th)
		}
	}
}

// precision is the overall part of a performance answer.
func precision(body []byte) string {
	_, rest, _ := strings.Cut(string(body), `],"precision":`)
	return rest
}
