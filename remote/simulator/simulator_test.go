package simulator_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"cvarchive/remote/simulator"
	"cvarchive/remote/simulator/simtest"
)

// object is any JSON object; the tests read answers as a stranger would.
type object = map[string]any

// api calls the Training API of one resource over HTTP.
type api struct {
	t        *testing.T
	sim      *simtest.Server
	endpoint string
	key      string
}

func connect(t *testing.T, sim *simtest.Server, resource string) *api {
	return &api{t: t, sim: sim, endpoint: sim.Endpoint(resource) + "/customvision/v3.3/training", key: sim.Key(resource)}
}

// send makes one call; a body that is not nil is sent as JSON.
func (a *api) send(method, path string, body any) (status int, header http.Header, data []byte) {
	a.t.Helper()
	var payload io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			a.t.Fatal(err)
		}
		payload = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(a.t.Context(), method, a.endpoint+path, payload)
	if err != nil {
		a.t.Fatal(err)
	}
	req.Header.Set("Training-Key", a.key)
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	return do(a.t, req)
}

func do(t *testing.T, req *http.Request) (int, http.Header, []byte) {
	t.Helper()
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, resp.Header, data
}

// call is send for answers that must have the wanted status; it returns the
// answer decoded.
func (a *api) call(want int, method, path string, body any) any {
	a.t.Helper()
	status, _, data := a.send(method, path, body)
	if status != want {
		a.t.Fatalf("%s %s: status %d, want %d: %s", method, path, status, want, data)
	}
	if len(data) == 0 {
		return nil
	}
	var v any
	if err := json.Unmarshal(data, &v); err != nil {
		a.t.Fatalf("%s %s: %v: %s", method, path, err, data)
	}
	return v
}

// refused makes a call that must be refused with the code.
func (a *api) refused(status int, code, method, path string, body any) {
	a.t.Helper()
	v, _ := a.call(status, method, path, body).(object)
	if v["code"] != code {
		a.t.Errorf("%s %s: code %v, want %s (%v)", method, path, v["code"], code, v["message"])
	}
}

// project creates a project; settings are further query parameters.
func (a *api) project(name, settings string) string {
	a.t.Helper()
	p := a.call(200, "POST", "/projects?name="+url.QueryEscape(name)+settings, nil).(object)
	return "/projects/" + p["id"].(string)
}

func (a *api) tag(project, name, more string) string {
	a.t.Helper()
	return a.call(200, "POST", project+"/tags?name="+url.QueryEscape(name)+more, nil).(object)["id"].(string)
}

func (a *api) list(path string) []any {
	a.t.Helper()
	return a.call(200, "GET", path, nil).([]any)
}

const (
	detectionGeneral = "&domainId=da2e3a8a-40a5-4171-82f4-58522f70fbc1"
	compact          = "&domainId=0732100f-1a38-4e49-a514-c9b44c697ab5"
)

// picture makes a small PNG that differs by n.
func picture(n, w, h int) []byte {
	img := image.NewPaletted(image.Rect(0, 0, w, h), color.Palette{color.RGBA{uint8(n), uint8(n >> 8), uint8(n >> 16), 255}})
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		panic(err)
	}
	return b.Bytes()
}

func photo(n, w, h int) []byte {
	img := image.NewGray(image.Rect(0, 0, w, h))
	for i := range img.Pix {
		img.Pix[i] = uint8(i * n)
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, img, nil); err != nil {
		panic(err)
	}
	return b.Bytes()
}

func file(name string, data []byte, tags ...string) object {
	return object{"name": name, "contents": base64.StdEncoding.EncodeToString(data), "tagIds": tags}
}

// upload adds n pictures with the given tags, and returns their ids in order.
func (a *api) upload(project string, from, n int, tags ...string) []string {
	a.t.Helper()
	ids := make([]string, n)
	for start := 0; start < n; start += 64 {
		var files []object
		for i := start; i < min(n, start+64); i++ {
			files = append(files, file(fmt.Sprint(i), picture(from+i, 256, 256), tags...))
		}
		sum := a.call(200, "POST", project+"/images/files", object{"images": files}).(object)
		for _, r := range sum["images"].([]any) {
			var i int
			fmt.Sscan(r.(object)["sourceUrl"].(string), &i)
			ids[i] = r.(object)["image"].(object)["id"].(string)
		}
	}
	return ids
}

// clock is a clock that only Advance moves.
func clock() simulator.Options {
	now := time.Date(2026, 3, 1, 12, 0, 0, 123456700, time.UTC)
	return simulator.Options{Now: func() time.Time { return now }, ImportDuration: time.Second}
}

func TestCapturePath(t *testing.T) {
	sim := simtest.Start(t, clock())
	a := connect(t, sim, "westeurope")
	p := a.project("Bäume", "&classificationType=Multilabel&description=two%20words")
	oak := a.tag(p, "oak", "&description=quercus")
	ids := a.upload(p, 0, 300, oak)
	more := a.upload(p, 300, 3)

	if got := a.call(200, "GET", p+"/images/count", nil); got != 303.0 {
		t.Errorf("count = %v, want 303", got)
	}
	if got := a.call(200, "GET", p+"/images/untagged/count", nil); got != 3.0 {
		t.Errorf("untagged count = %v, want 3", got)
	}
	if n := len(a.list(p + "/images")); n != 50 {
		t.Errorf("default page has %d images, want 50", n)
	}
	a.refused(400, "BadRequestInvalid", "GET", p+"/images?take=257", nil)
	var seen []string
	for skip := 0; ; skip += 256 {
		page := a.list(fmt.Sprintf("%s/images?orderBy=Oldest&take=256&skip=%d", p, skip))
		for _, im := range page {
			seen = append(seen, im.(object)["id"].(string))
		}
		if len(page) < 256 {
			break
		}
	}
	if strings.Join(seen, ",") != strings.Join(append(ids, more...), ",") {
		t.Error("Oldest pages do not list the images in the order of their creation")
	}
	if newest := a.list(p + "/images?take=1")[0].(object)["id"]; newest != more[2] {
		t.Errorf("newest = %v, want %s", newest, more[2])
	}
	_, _, raw := a.send("GET", p+"/images?take=1", nil)
	if !bytes.Contains(raw, []byte(`"created":"2026-03-01T12:00:00.1234567"`)) {
		t.Errorf("timestamps need seven digits and no zone: %s", raw)
	}
	exp := a.call(200, "GET", p+"/export", nil).(object)
	if exp["imageCount"] != 303.0 || exp["tagCount"] != 1.0 || exp["regionCount"] != 0.0 {
		t.Errorf("export record = %v", exp)
	}
	if calls := sim.Resource("westeurope").Calls(); calls["GetImages"] != 6 || calls["CreateImagesFromFiles"] != 6 {
		t.Errorf("calls = %v", calls)
	}
}

func TestImport(t *testing.T) {
	sim := simtest.Start(t, clock())
	a, b := connect(t, sim, "westeurope"), connect(t, sim, "northeurope")
	p := a.project("birds", detectionGeneral)
	wren := a.tag(p, "wren", "")
	ids := a.upload(p, 0, 20)
	var regions []object
	for i, id := range ids {
		regions = append(regions, object{"imageId": id, "tagId": wren, "left": 0.1, "top": float64(i) / 100, "width": 0.3, "height": 1.0 / 3})
	}
	a.call(200, "POST", p+"/images/regions", object{"regions": regions})
	a.call(200, "POST", p+"/train", nil)
	a.refused(400, "BadRequestExportWhileTraining", "GET", p+"/export", nil)
	sim.Service.Advance(time.Minute)
	token := a.call(200, "GET", p+"/export", nil).(object)["token"].(string)
	a.call(204, "DELETE", p+"/tags/"+wren, nil) // the export is of an earlier moment
	if !strings.Contains(token, "/westeurope/blob/prjexp-") || !strings.HasSuffix(token, "&se=2026-03-02T12%3A01%3A00Z&sp=r") {
		t.Errorf("token has the wrong shape: %s", token)
	}

	b.refused(400, "BadRequestInvalidImportToken", "POST", "/projects/import?token="+token, nil)
	imported := func(query string) object {
		t.Helper()
		return b.call(200, "POST", "/projects/import?token="+url.QueryEscape(token)+query, nil).(object)
	}
	first, second := imported(""), imported("&name=birds")
	if first["status"] != "Importing" || first["name"] != "birds" || second["name"] != "birds (1)" {
		t.Errorf("imports answer %v and %v", first, second)
	}
	q := "/projects/" + first["id"].(string)
	sim.Service.Advance(510 * time.Millisecond)
	if n := b.call(200, "GET", q+"/images/count", nil).(float64); n < 5 || n > 15 {
		t.Errorf("half-way there are %v of 20 images", n)
	}
	sim.Service.Advance(time.Second)
	if got := b.call(200, "GET", q, nil).(object); got["status"] != "Succeeded" {
		t.Errorf("status = %v", got["status"])
	}
	_, _, got := b.send("GET", q+"/images?orderBy=Oldest&take=1", nil)
	if !bytes.Contains(got, []byte(`"tagName":"wren"`)) || !bytes.Contains(got, []byte(`"left":0.1,"top":0.0,"width":0.3,"height":0.33333334`)) {
		t.Errorf("first image came as %s", got)
	}
	if bytes.Contains(got, []byte(ids[0])) {
		t.Error("an imported image keeps its id")
	}
	if its := b.list(q + "/iterations"); len(its) != 1 || its[0].(object)["status"] != "Completed" {
		t.Errorf("iterations = %v", its)
	}
	if n := len(b.list(q + "/images?take=256&iterationId=" + b.list(q + "/iterations")[0].(object)["id"].(string))); n != 20 {
		t.Errorf("the imported iteration has %d images, want 20", n)
	}
	sim.Service.Advance(24 * time.Hour)
	b.refused(400, "BadRequestInvalidImportToken", "POST", "/projects/import?token="+url.QueryEscape(token), nil)
}

func TestImportFailsWithItsSource(t *testing.T) {
	sim := simtest.Start(t, clock())
	a, b := connect(t, sim, "westeurope"), connect(t, sim, "northeurope")
	p := a.project("p", "")
	a.upload(p, 0, 10)
	token := url.QueryEscape(a.call(200, "GET", p+"/export", nil).(object)["token"].(string))

	id := b.call(200, "POST", "/projects/import?token="+token, nil).(object)["id"].(string)
	sim.Service.Advance(520 * time.Millisecond)
	sim.Resource("westeurope").SetDown(true)
	got := b.call(200, "GET", "/projects/"+id, nil).(object)
	n := b.call(200, "GET", "/projects/"+id+"/images/count", nil).(float64)
	if got["status"] != "Failed" || n != 5 {
		t.Errorf("status %v with %v images, want Failed with 5", got["status"], n)
	}
	id = b.call(200, "POST", "/projects/import?token="+token, nil).(object)["id"].(string)
	sim.Service.Advance(time.Minute)
	if got := b.call(200, "GET", "/projects/"+id, nil).(object); got["status"] != "Failed" {
		t.Errorf("importing from a region that is down: %v", got["status"])
	}
	if _, err := http.Get(a.endpoint + p); err == nil {
		t.Error("a region that is down answers")
	}
}

func TestConcurrentUploads(t *testing.T) {
	sim := simtest.Start(t, simulator.Options{StateDir: t.TempDir()})
	a := connect(t, sim, "westeurope")
	p := a.project("p", "")
	var wg sync.WaitGroup
	for n := range 4 {
		wg.Go(func() {
			body, err := json.Marshal(object{"images": []object{file("a", picture(n, 256, 256)), file("b", picture(100, 256, 256))}})
			if err != nil {
				t.Error(err)
				return
			}
			req, err := http.NewRequest("POST", a.endpoint+p+"/images/files", bytes.NewReader(body))
			if err != nil {
				t.Error(err)
				return
			}
			req.Header = http.Header{"Training-Key": {a.key}, "Content-Type": {"application/json"}}
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Error(err)
				return
			}
			resp.Body.Close()
		})
	}
	wg.Wait()
	if n := a.call(200, "GET", p+"/images/count", nil); n != 5.0 {
		t.Errorf("%v images, want 5: duplicates must not pile up", n)
	}
}
