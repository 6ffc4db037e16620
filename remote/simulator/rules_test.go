package simulator_test

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/gif"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"golang.org/x/image/bmp"

	"cvarchive/remote/simulator"
	"cvarchive/remote/simulator/simtest"
)

func TestProjectRules(t *testing.T) {
	sim := simtest.Start(t, simulator.Options{Resources: []simulator.ResourceOptions{
		{Name: "westeurope", Key: "k", Tier: simulator.TierF0, RetiredDomains: []string{"c151d5b5-dd07-472a-acc8-15d29dea8518"}},
	}})
	a := connect(t, sim, "westeurope")
	a.refused(400, "BadRequestProjectName", "POST", "/projects?name=", nil)
	a.refused(400, "BadRequestProjectUnknownDomain", "POST", "/projects?name=x&domainId=c151d5b5-dd07-472a-acc8-15d29dea8518", nil)
	a.refused(400, "BadRequestProjectUnknownClassification", "POST", "/projects?name=x&classificationType=Some", nil)
	a.refused(400, "BadRequestProjectUnsupportedExportPlatform", "POST", "/projects?name=x&targetExportPlatforms=CoreML,Abacus", nil)
	p := a.project("one", "&targetExportPlatforms=coreml,VAIDK")
	a.refused(400, "BadRequestProjectNameNotUnique", "POST", "/projects?name=one", nil)
	q := a.project("two", detectionGeneral)
	a.refused(400, "BadRequestExceedProjectLimit", "POST", "/projects?name=three", nil)

	settings := func(domain string) object { return object{"domainId": domain} }
	a.refused(400, "BadRequestRequiredParamIsNull", "PATCH", p, object{"name": "x", "settings": object{}})
	a.refused(400, "BadRequestProjectNameNotUnique", "PATCH", p, object{"name": "two", "description": nil, "settings": object{}})
	a.refused(400, "BadRequestProjectUnsupportedDomainTypeChange", "PATCH", q, object{"name": "two", "description": "", "settings": settings("ee85a74c-405e-4adc-bb47-ffa8ca0c9f31")})
	a.call(200, "PATCH", p, object{"name": "uno", "description": "d", "settings": object{
		"domainId": "0732100f-1a38-4e49-a514-c9b44c697ab5", "classificationType": "Multiclass", "targetExportPlatforms": []string{"VAIDK"},
		"imageProcessingSettings": object{"augmentationMethods": object{"rotation": false}}, "useNegativeSet": true,
		"exportModelContainerUri": "https://account/container"}})
	got := fmt.Sprint(a.call(200, "GET", p, nil).(object)["settings"])
	if want := "map[classificationType:Multiclass detectionParameters:<nil> domainId:0732100f-1a38-4e49-a514-c9b44c697ab5 exportModelContainerUri:https://account/container imageProcessingSettings:map[augmentationMethods:map[rotation:false]] targetExportPlatforms:[VAIDK] useNegativeSet:false]"; got != want {
		t.Errorf("settings are\n%s, want\n%s", got, want)
	}
	if got := a.call(200, "GET", q, nil).(object)["settings"].(object)["classificationType"]; got != nil {
		t.Errorf("a detection project has the classification type %v", got)
	}
	a.call(204, "DELETE", q, nil)
	a.refused(404, "NotFoundProject", "GET", q, nil)
}

func TestTagRules(t *testing.T) {
	sim := simtest.Start(t, simulator.Options{Resources: []simulator.ResourceOptions{
		{Name: "westeurope", Key: "k", Limits: simulator.Limits{TagsPerProject: 4}},
	}})
	a := connect(t, sim, "westeurope")
	p := a.project("p", "")
	red := a.tag(p, "red", "")
	a.refused(400, "BadRequestTagName", "POST", p+"/tags?name=+", nil)
	a.refused(400, "BadRequestTagNameNotUnique", "POST", p+"/tags?name=red", nil)
	a.refused(400, "BadRequestTagType", "POST", p+"/tags?name=x&type=Odd", nil)
	none := a.tag(p, "none", "&type=Negative")
	a.refused(400, "BadRequestMultipleNegativeTag", "POST", p+"/tags?name=x&type=Negative", nil)
	a.tag(p, "any", "&type=GeneralProduct")
	a.refused(400, "BadRequestMultipleGeneralProductTag", "POST", p+"/tags?name=x&type=GeneralProduct", nil)
	a.tag(p, "blue", "&description=sky")
	a.refused(400, "BadRequestExceedTagPerProjectLimit", "POST", p+"/tags?name=x", nil)
	if got := a.call(200, "GET", p, nil).(object)["settings"].(object)["useNegativeSet"]; got != true {
		t.Errorf("useNegativeSet = %v with a negative tag", got)
	}
	a.refused(400, "BadRequestMultipleNegativeTag", "PATCH", p+"/tags/"+red, object{"name": "red", "description": "", "type": "Negative"})
	a.call(200, "PATCH", p+"/tags/"+red, object{"name": "Rot", "description": "x", "type": "Regular"})

	id := a.upload(p, 0, 1, red)[0]
	if got := a.call(200, "GET", p+"/tags/"+red, nil).(object); got["name"] != "Rot" || got["imageCount"] != 1.0 {
		t.Errorf("tag = %v", got)
	}
	a.refused(400, "BadRequestNegativeAndRegularTagOnSameImage", "POST", p+"/images/tags", object{"tags": []object{{"imageId": id, "tagId": none}}})
	a.call(204, "DELETE", p+"/tags/"+red, nil)
	if im := a.list(p + "/images")[0].(object); im["tags"] != nil {
		t.Errorf("a deleted tag stays on its image: %v", im["tags"])
	}
}

// results maps sourceUrl to status.
func results(summary any) map[string]string {
	out := map[string]string{}
	for _, r := range summary.(object)["images"].([]any) {
		r := r.(object)
		name, _ := r["sourceUrl"].(string)
		out[name], _ = r["status"].(string)
	}
	return out
}

func TestUploadStatuses(t *testing.T) {
	opt := simulator.Options{Resources: []simulator.ResourceOptions{{Name: "westeurope", Key: "k", Limits: simulator.Limits{ImagesPerProject: 8}}}}
	sim := simtest.Start(t, opt)
	a := connect(t, sim, "westeurope")
	p := a.project("p", "&classificationType=Multiclass")
	red, blue, none := a.tag(p, "red", ""), a.tag(p, "blue", ""), a.tag(p, "none", "&type=Negative")

	var asBMP, asGIF bytes.Buffer
	img := image.NewPaletted(image.Rect(0, 0, 256, 256), color.Palette{color.White})
	if err := bmp.Encode(&asBMP, img); err != nil {
		t.Fatal(err)
	}
	if err := gif.Encode(&asGIF, img, nil); err != nil {
		t.Fatal(err)
	}
	sum := a.call(207, "POST", p+"/images/files", object{"images": []object{
		file("png", picture(1, 256, 256), red), file("jpeg", photo(1, 256, 256), blue), file("bmp", asBMP.Bytes(), none), file("gif", asGIF.Bytes()),
		file("same", picture(1, 256, 256), blue), file("text", []byte("no picture")), file("long", picture(9, 2600, 100)),
		file("two tags", picture(2, 256, 256), red, blue), file("mixed", picture(3, 256, 256), red, none),
		file("huge", append(picture(4, 256, 256), make([]byte, 6<<20)...)),
	}})
	want := "map[bmp:OK gif:OK huge:ErrorImageSize jpeg:OK long:ErrorImageSize mixed:ErrorNegativeAndRegularTagOnSameImage png:OK same:OKDuplicate text:ErrorImageFormat two tags:ErrorTagLimitExceed]"
	if got := fmt.Sprint(results(sum)); got != want {
		t.Errorf("statuses are\n%s, want\n%s", got, want)
	}
	if first := sum.(object)["images"].([]any)[0].(object)["sourceUrl"]; first == "png" {
		t.Error("results come in the order of the request")
	}
	if n := a.call(200, "GET", p+"/tags/"+blue, nil).(object)["imageCount"]; n != 1.0 {
		t.Errorf("blue is on %v images: a duplicate must not take on tags", n)
	}
	var five []object
	for i := range 5 {
		five = append(five, file(fmt.Sprint(i), picture(20+i, 256, 256)))
	}
	if got := results(a.call(207, "POST", p+"/images/files", object{"images": five})); got["3"] != "OK" || got["4"] != "ErrorLimitExceed" {
		t.Errorf("at the image limit: %v", got)
	}
}

func TestUploadBatches(t *testing.T) {
	sim := simtest.Start(t, simulator.Options{})
	a := connect(t, sim, "westeurope")
	p := a.project("p", "")
	var files []object
	for i := range 65 {
		files = append(files, file(fmt.Sprint(i), picture(i, 256, 256)))
	}
	var tags []string
	for i := range 21 {
		tags = append(tags, a.tag(p, fmt.Sprint("t", i), ""))
	}
	a.refused(400, "BadRequestExceededBatchSize", "POST", p+"/images/files", object{"images": files})
	a.refused(400, "BadRequestExceededBatchSize", "POST", p+"/images/files", object{"images": files[:2], "tagIds": tags})
	a.refused(400, "BadRequestExceededBatchSize", "POST", p+"/images/files", object{"images": []object{file("a", picture(0, 256, 256), tags[:11]...), file("b", picture(1, 256, 256), tags[11:]...)}})
	a.refused(400, "BadRequestImageBatch", "POST", p+"/images/files", object{"images": []object{file("a", picture(0, 256, 256), "a name")}})
	a.refused(400, "BadRequestImageBatch", "POST", p+"/images/files", object{})
	a.refused(400, "BadRequestImageBatch", "POST", p+"/images/urls", object{})
	a.refused(400, "BadRequestImageTags", "POST", p+"/images/files", object{"images": files[:1], "tagIds": []string{"00000000-0000-0000-0000-000000000001"}})
	a.refused(400, "BadRequestImageMetadataKey", "POST", p+"/images/files", object{"images": files[:1], "metadata": object{strings.Repeat("k", 257): "v"}})
	a.refused(400, "BadRequestImageMetadataValue", "POST", p+"/images/files", object{"images": files[:1], "metadata": object{"k": strings.Repeat("ü", 513)}})
	if n := a.call(200, "GET", p+"/images/count", nil); n != 0.0 {
		t.Errorf("%v images after refused batches", n)
	}
	sum := a.call(200, "POST", p+"/images/files", object{"images": files[:64], "tagIds": tags[:20], "metadata": object{"k": "v"}}).(object)
	if im := sum["images"].([]any)[0].(object)["image"].(object); len(im["tags"].([]any)) != 20 || im["tags"].([]any)[0].(object)["tagName"] != nil {
		t.Errorf("created image = %v, want 20 tags without names", im)
	}
	if n := a.call(200, "GET", p+"/images/count?%24filter="+url.QueryEscape("metadata=k eq 'v' and x ne '1'"), nil); n != 64.0 {
		t.Errorf("the filter finds %v images, want 64", n)
	}
	if n := a.call(200, "GET", p+"/images/count?tagIds="+tags[20]+","+tags[0], nil); n != 64.0 {
		t.Errorf("the tags find %v images, want 64", n)
	}
}

func TestUploadFromURLs(t *testing.T) {
	files := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		switch req.URL.Path {
		case "/good":
			_, _ = w.Write(picture(1, 256, 256))
		case "/huge":
			_, _ = w.Write(make([]byte, 7<<20))
		case "/text":
			_, _ = w.Write([]byte("no picture"))
		default:
			http.Error(w, "expired", http.StatusForbidden)
		}
	}))
	defer files.Close()
	sim := simtest.Start(t, simulator.Options{Resources: []simulator.ResourceOptions{{Name: "westeurope", Key: "k", QuoteSourceURL: true, ApplyToDuplicates: true}}})
	a := connect(t, sim, "westeurope")
	p := a.project("p", "")
	tag := a.tag(p, "t", "")
	var images []object
	for _, path := range []string{"/good", "/huge", "/text", "/expired?sig=x%3D"} {
		images = append(images, object{"url": files.URL + path})
	}
	got := results(a.call(207, "POST", p+"/images/urls", object{"images": images}))
	for path, want := range map[string]string{"/good": "OK", "/huge": "ErrorImageSize", "/text": "ErrorImageFormat", "/expired?sig=x%3D": "ErrorSource"} {
		if s := got[`"`+files.URL+path+`"`]; s != want {
			t.Errorf("%s: %q, want %s", path, s, want)
		}
	}
	sum := a.call(207, "POST", p+"/images/urls", object{"images": []object{{"url": files.URL + "/good", "tagIds": []string{tag}}}}).(object)
	if sum["isBatchSuccessful"] != false || len(sum["images"].([]any)[0].(object)["image"].(object)["tags"].([]any)) != 1 {
		t.Errorf("a duplicate with ApplyToDuplicates: %v", sum)
	}
}

func TestLabelRules(t *testing.T) {
	sim := simtest.Start(t, simulator.Options{})
	a := connect(t, sim, "westeurope")
	p := a.project("p", "&classificationType=Multiclass")
	red, blue := a.tag(p, "red", ""), a.tag(p, "blue", "")
	ids := a.upload(p, 0, 2, red)
	entry := func(image, tag string) object { return object{"imageId": image, "tagId": tag} }
	sum := a.call(200, "POST", p+"/images/tags", object{"tags": []object{entry(ids[0], red), entry(ids[1], blue)}}).(object)
	if len(sum["duplicated"].([]any)) != 1 || len(sum["exceeded"].([]any)) != 1 || sum["created"] != nil {
		t.Errorf("image tags: %v", sum)
	}
	a.refused(404, "NotFoundImage", "POST", p+"/images/tags", object{"tags": []object{entry(red, red)}})
	a.refused(404, "NotFoundTag", "POST", p+"/images/tags", object{"tags": []object{entry(ids[0], ids[0])}})
	many := make([]object, 129)
	for i := range many {
		many[i] = entry(ids[0], red)
	}
	a.refused(400, "BadRequestExceededBatchSize", "POST", p+"/images/tags", object{"tags": many})
	a.call(204, "DELETE", p+"/images/tags?imageIds="+ids[0]+"&tagIds="+red, nil)
	a.call(200, "POST", p+"/images/tags", object{"tags": []object{entry(ids[0], blue)}})

	meta := a.call(207, "POST", p+"/images/metadata?imageIds="+ids[0]+","+red, object{"a": "1"}).(object)
	if got := fmt.Sprint(meta["images"].([]any)[1].(object)["status"]); got != "ErrorImageNotFound" || meta["isBatchSuccessful"] != false {
		t.Errorf("metadata: %v", meta)
	}
	a.call(200, "POST", p+"/images/metadata?imageIds="+ids[0], object{"b": "2"})
	if got := fmt.Sprint(a.list(p + "/images?orderBy=Oldest")[0].(object)["metadata"]); got != "map[b:2]" {
		t.Errorf("metadata = %s, want it replaced", got)
	}
	a.refused(400, "BadRequestExceededBatchSize", "POST", p+"/images/metadata?imageIds="+strings.Repeat(ids[0]+",", 64)+ids[0], object{})
	a.refused(400, "BadRequestExceededBatchSize", "GET", p+"/images/id?imageIds="+strings.Repeat(ids[0]+",", 256)+ids[0], nil)
	a.refused(415, "UnsupportedMediaType", "POST", p+"/images/tags", nil)
}

func TestRegionRules(t *testing.T) {
	sim := simtest.Start(t, simulator.Options{})
	a := connect(t, sim, "westeurope")
	p := a.project("p", detectionGeneral)
	cat := a.tag(p, "cat", "")
	box := func(l, t, w, h float64) object {
		return object{"tagId": cat, "left": l, "top": t, "width": w, "height": h}
	}
	withBox := func(name string, n int, boxes ...object) object {
		f := file(name, picture(n, 256, 256))
		f["regions"] = boxes
		return f
	}
	var crowd []object
	for i := range 301 {
		crowd = append(crowd, box(float64(i)/1000, 0, 0.5, 0.5))
	}
	got := results(a.call(207, "POST", p+"/images/files", object{"images": []object{
		withBox("good", 1, box(0.1, 0.2, 0.3, 0.4)), withBox("edge", 2, box(0.7, 0.1, 0.3000001, 0.9)),
		withBox("past", 3, box(0.9567, 0, 0.0737, 0.1)), withBox("flat", 4, box(0, 0, 0, 0.1)), withBox("crowd", 5, crowd...),
	}}))
	if fmt.Sprint(got) != "map[crowd:ErrorRegionLimitExceed edge:OK flat:ErrorInvalidRegion good:OK past:ErrorInvalidRegion]" {
		t.Errorf("statuses = %v", got)
	}
	im := a.list(p + "/images?orderBy=Oldest")[0].(object)
	if len(im["tags"].([]any)) != 1 {
		t.Error("a region does not put its tag on the image")
	}
	entry := func(b object) object { b["imageId"] = im["id"]; return b }
	a.refused(400, "BadRequestImageRegions", "POST", p+"/images/regions", object{"regions": []object{entry(box(0.5, 0, 0.6, 0.1))}})
	sum := a.call(200, "POST", p+"/images/regions", object{"regions": []object{entry(box(0.1, 0.2, 0.3, 0.4)), entry(box(0.5, 0.5, 0.25, 0.25))}}).(object)
	if len(sum["created"].([]any)) != 1 || len(sum["duplicated"].([]any)) != 1 {
		t.Errorf("regions: %v", sum)
	}
	for i := range crowd {
		entry(crowd[i])
	}
	a.refused(400, "BadRequestExceededBatchSize", "POST", p+"/images/regions", object{"regions": crowd[:65]})
	for i := 0; i < 256; i += 64 {
		a.call(200, "POST", p+"/images/regions", object{"regions": crowd[i : i+64]})
	}
	if sum := a.call(207, "POST", p+"/images/regions", object{"regions": crowd[256:301]}).(object); len(sum["exceeded"].([]any)) != 3 {
		t.Errorf("%v regions exceed the limit of 300, want 3", len(sum["exceeded"].([]any)))
	}
	q := a.project("classes", "")
	a.refused(400, "BadRequestImageRegions", "POST", q+"/images/regions", object{"regions": crowd[:1]})
}

func TestTrainingRules(t *testing.T) {
	opt := clock()
	opt.Resources = []simulator.ResourceOptions{{Name: "westeurope", Key: "k", Limits: simulator.Limits{Iterations: 2}}}
	sim := simtest.Start(t, opt)
	a := connect(t, sim, "westeurope")
	p := a.project("p", "")
	red := a.tag(p, "red", "")
	a.refused(400, "BadRequestTrainingNotNeeded", "POST", p+"/train", nil)
	a.upload(p, 0, 5, red)
	a.refused(400, "BadRequestMultiLabelClassificationTrainingValidationFailed", "POST", p+"/train", nil)
	blue := a.tag(p, "blue", "")
	a.upload(p, 5, 5, blue)
	a.refused(400, "BadRequestReservedBudgetInHoursNotEnoughForAdvancedTraining", "POST", p+"/train?trainingType=Advanced", nil)
	it := p + "/iterations/" + a.call(200, "POST", p+"/train", nil).(object)["id"].(string)
	a.refused(400, "BadRequestTrainingAlreadyInProgress", "POST", p+"/train", nil)
	a.refused(400, "BadRequestIterationIsNotTrained", "GET", it+"/performance", nil)
	sim.Service.Advance(time.Second)
	a.refused(400, "BadRequestTrainingNotNeeded", "POST", p+"/train", nil)
	a.refused(400, "BadRequestExportValidationFailed", "POST", it+"/export?platform=ONNX", nil)
	const target = "&predictionId=/subscriptions/s"
	a.refused(400, "BadRequestInvalidPublishTarget", "POST", it+"/publish?publishName=live&predictionId=x", nil)
	a.call(200, "POST", it+"/publish?publishName=live"+target, nil)
	a.refused(400, "BadRequestIterationIsPublished", "DELETE", it, nil)
	again := p + "/iterations/" + a.call(200, "POST", p+"/train?forceTrain=true", nil).(object)["id"].(string)
	sim.Service.Advance(time.Second)
	a.refused(400, "BadRequestExceedIterationPerProjectLimit", "POST", p+"/train?forceTrain=true", nil)
	a.refused(400, "BadRequestInvalidPublishName", "POST", again+"/publish?publishName=live"+target, nil)
	a.call(200, "POST", again+"/publish?overwrite=true&publishName=live"+target, nil)
	a.refused(400, "BadRequestIterationNotPublished", "DELETE", it+"/publish", nil)
	a.refused(400, "BadRequestIterationNameNotUnique", "PATCH", again, object{"name": "Iteration 1"})

	low := a.call(200, "GET", it+"/performance?threshold=0.1", nil).(object)
	high := a.call(200, "GET", it+"/performance?threshold=0.9", nil).(object)
	if low["precision"].(float64) >= high["precision"].(float64) || low["recall"].(float64) <= high["recall"].(float64) {
		t.Errorf("at a higher threshold precision should rise and recall fall: %v, %v", low, high)
	}
	d := a.project("d", detectionGeneral)
	a.tag(d, "none", "&type=Negative")
	a.upload(d, 0, 1)
	a.refused(400, "BadRequestDetectionTrainingNotAllowNegativeTag", "POST", d+"/train", nil)
}
