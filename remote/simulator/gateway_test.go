package simulator_test

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"cvarchive/remote/simulator"
	"cvarchive/remote/simulator/simtest"
)

func TestKeyIsChecked(t *testing.T) {
	sim := simtest.Start(t, simulator.Options{Resources: []simulator.ResourceOptions{{Name: "westeurope", Key: "k", BearerToken: "b"}}})
	for _, test := range []struct {
		header, value string
		status        int
	}{
		{"Training-Key", "k", 200},
		{"Training-Key", "K", 401},
		{"X-Other", "k", 401},
		{"Authorization", "Bearer b", 200},
		{"Authorization", "Bearer k", 401},
	} {
		req, err := http.NewRequest("GET", sim.Endpoint("westeurope")+"/CustomVision/V3.4-Preview/TRAINING/Domains", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set(test.header, test.value)
		status, _, body := do(t, req)
		if status != test.status {
			t.Errorf("%s: %s: status %d, want %d", test.header, test.value, status, test.status)
		}
		if status == 401 && !strings.HasPrefix(string(body), `{"error":{"code":"401","message":"`) {
			t.Errorf("401 says %s", body)
		}
	}
}

func TestEmptyPostNeedsALength(t *testing.T) {
	sim := simtest.Start(t, simulator.Options{})
	for _, test := range []struct {
		length string
		status int
	}{{"", 411}, {"Content-Length: 0\r\n", 400}} {
		conn, err := net.Dial("tcp", strings.TrimPrefix(sim.URL, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		fmt.Fprintf(conn, "POST /westeurope/customvision/v3.3/training/projects/import?token=x HTTP/1.1\r\nHost: h\r\nTraining-Key: westeurope-key\r\n%s\r\n", test.length)
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if resp.StatusCode != test.status {
			t.Errorf("with %q: status %d, want %d", test.length, resp.StatusCode, test.status)
		}
		if ct := resp.Header.Get("Content-Type"); test.status == 411 && !strings.HasPrefix(ct, "text/html") {
			t.Errorf("411 comes as %s", ct)
		}
	}
}

func TestUnknownPaths(t *testing.T) {
	sim := simtest.Start(t, simulator.Options{})
	a := connect(t, sim, "westeurope")
	a.refused(404, "NotFoundProject", "GET", "/projects/no-id", nil)
	a.refused(404, "NotFoundProject", "GET", "/projects/00000000-0000-0000-0000-000000000001/images", nil)
	a.refused(400, "BadRequestOperationNotSupported", "POST", a.project("p", "")+"/quicktest/url", object{})
	if status, _, _ := a.send("GET", "/nothing", nil); status != 404 {
		t.Errorf("an unknown path answers %d", status)
	}
	if resp, err := http.Get(sim.URL + "/elsewhere/customvision/v3.3/training/domains"); err != nil || resp.StatusCode != 404 {
		t.Errorf("an unknown resource answers %v, %v", resp, err)
	}
}

func TestRateLimit(t *testing.T) {
	opt := clock()
	opt.Resources = []simulator.ResourceOptions{{Name: "westeurope", Key: "k", CallsPerSecond: 3, RetryAfter: true, Tier: simulator.TierF0}}
	sim := simtest.Start(t, opt)
	a := connect(t, sim, "westeurope")
	for range 3 {
		a.call(200, "GET", "/projects", nil)
	}
	status, header, body := a.send("GET", "/projects", nil)
	if status != 429 || header.Get("Retry-After") != "1" || !strings.Contains(string(body),
		"Requests to the GetProjects Operation under Custom_Vision_Training_3.3 have exceeded rate limit of your current Custom Vision F0 pricing tier. Please retry after 1 second.") {
		t.Errorf("status %d, %v: %s", status, header, body)
	}
	sim.Service.Advance(334 * time.Millisecond)
	a.call(200, "GET", "/projects", nil)
	sim.Resource("westeurope").SetCallsPerSecond(0)
	for range 20 {
		a.call(200, "GET", "/projects", nil)
	}
	if n := sim.Resource("westeurope").Calls()["GetProjects"]; n != 25 {
		t.Errorf("%d calls counted, want 25 with the refused one", n)
	}
}

func TestFaults(t *testing.T) {
	sim := simtest.Start(t, simulator.Options{})
	a, res := connect(t, sim, "westeurope"), sim.Resource("westeurope")
	p := a.project("p", "")
	busy := res.Inject(simulator.Fault{Operation: "GetTags", After: 1, Times: 2, Status: 503, Header: http.Header{"Retry-After": {"7"}}, Body: "busy"})
	for i, want := range []int{200, 503, 503, 200} {
		if status, header, _ := a.send("GET", p+"/tags", nil); status != want || (want == 503 && header.Get("Retry-After") != "7") {
			t.Errorf("call %d: status %d, want %d (%v)", i, status, want, header)
		}
	}
	if busy.Hits() != 2 {
		t.Errorf("hits = %d, want 2", busy.Hits())
	}

	fails := func(method, path string) {
		t.Helper()
		req, err := http.NewRequest(method, a.endpoint+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Training-Key", a.key)
		if resp, err := http.DefaultTransport.RoundTrip(req); err == nil {
			t.Errorf("%s %s answers %d", method, path, resp.StatusCode)
		}
	}
	res.Inject(simulator.Fault{Operation: "CreateTag", Drop: true})
	fails("POST", p+"/tags?name=dropped")
	res.Inject(simulator.Fault{Operation: "CreateTag", Lose: true})
	fails("POST", p+"/tags?name=lost")
	if tags := a.list(p + "/tags"); len(tags) != 1 || tags[0].(object)["name"] != "lost" {
		t.Errorf("tags = %v, want the one whose answer was lost", tags)
	}

	a.upload(p, 0, 1)
	link := a.list(p + "/images")[0].(object)["originalImageUri"].(string)
	called := false
	res.Inject(simulator.Fault{Operation: simulator.BlobOperation, DropAfter: 10, Do: func() { called = true }})
	resp, err := http.Get(link)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	buf := make([]byte, 1000)
	n := 0
	for err == nil {
		var m int
		m, err = resp.Body.Read(buf)
		n += m
	}
	if n != 10 || err.Error() != "unexpected EOF" || !called {
		t.Errorf("%d bytes and %v, want 10 and unexpected EOF", n, err)
	}
	if reads, bytes := res.BlobReads(); reads != 1 || bytes != 10 {
		t.Errorf("%d reads of %d bytes counted", reads, bytes)
	}
}

func TestControls(t *testing.T) {
	sim := simtest.Start(t, clock())
	post := func(path string, want int) {
		t.Helper()
		resp, err := http.Post(sim.URL+"/_simulator/"+path, "", nil)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("%s: status %d, want %d", path, resp.StatusCode, want)
		}
	}
	before := sim.Service.Now()
	post("advance?by=25h", 200)
	if d := sim.Service.Now().Sub(before); d != 25*time.Hour {
		t.Errorf("advanced by %v", d)
	}
	post("advance?by=soon", 400)
	post("resources/westeurope/down", 200)
	if _, err := http.Get(sim.Endpoint("westeurope")); err == nil {
		t.Error("a resource that is down answers")
	}
	post("resources/westeurope/up", 200)
	post("resources/westeurope/rate?calls=2", 200)
	post("resources/nowhere/down", 404)
	a := connect(t, sim, "westeurope")
	a.call(200, "GET", "/projects", nil)
	if _, _, body := a.control("GET", "calls"); !strings.Contains(body, `"GetProjects":1`) {
		t.Errorf("calls = %s", body)
	}
	post("calls/reset", 200)
	if _, _, body := a.control("GET", "calls"); strings.Contains(body, "GetProjects") {
		t.Errorf("calls after a reset = %s", body)
	}
}

func (a *api) control(method, path string) (int, http.Header, string) {
	a.t.Helper()
	req, err := http.NewRequest(method, a.sim.URL+"/_simulator/"+path, nil)
	if err != nil {
		a.t.Fatal(err)
	}
	status, header, body := do(a.t, req)
	return status, header, string(body)
}

func TestRolesAndDRMode(t *testing.T) {
	sim := simtest.Start(t, simulator.Options{Resources: []simulator.ResourceOptions{
		{Name: "westeurope", Key: "k", NoExport: true}, {Name: "northeurope", Key: "k", ReadOnly: true},
	}})
	a, reader := connect(t, sim, "westeurope"), connect(t, sim, "northeurope")
	p := a.project("p", "")
	a.refused(403, "ForbiddenUserInsufficientCapability", "GET", p+"/export", nil)
	reader.refused(403, "ForbiddenUserInsufficientCapability", "POST", "/projects?name=x", nil)
	reader.call(200, "GET", "/projects", nil)
	sim.Resource("westeurope").SetNoExport(false)
	a.call(200, "GET", p+"/export", nil)

	if !sim.Resource("westeurope").SetDRMode(strings.TrimPrefix(p, "/projects/"), true) {
		t.Error("the project is not found")
	}
	a.refused(403, "ForbiddenDRModeEnabled", "POST", p+"/tags?name=t", nil)
	a.refused(403, "ForbiddenDRModeEnabled", "POST", p+"/images/files", object{"images": []object{file("f", picture(0, 256, 256))}})
	if got := a.call(200, "GET", p, nil).(object); got["drModeEnabled"] != true {
		t.Errorf("project = %v", got)
	}
}

func TestHostNames(t *testing.T) {
	sim := simtest.Start(t, simulator.Options{})
	req, err := http.NewRequest("GET", sim.URL+"/customvision/v3.3/training/domains", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Host = "northeurope.localhost"
	req.Header.Set("Training-Key", sim.Key("northeurope"))
	if status, _, body := do(t, req); status != 200 {
		t.Errorf("status %d: %s", status, body)
	}
}

func TestStateIsKept(t *testing.T) {
	opt := clock()
	opt.StateDir = t.TempDir()
	sim := simtest.Start(t, opt)
	a := connect(t, sim, "westeurope")
	a.project("kept too, and empty", detectionGeneral)
	p := a.project("kept", detectionGeneral)
	tag := a.tag(p, "t", "&description=d")
	files := make([]object, 15)
	for i := range files {
		files[i] = file(fmt.Sprint(i), picture(i, 256, 256))
		files[i]["regions"] = []object{{"tagId": tag, "left": 0.1, "top": 0.2, "width": 0.3, "height": 1.0 / 3}}
	}
	a.call(200, "POST", p+"/images/files", object{"images": files, "metadata": object{"k": "v"}})
	a.call(200, "POST", p+"/train", nil)
	sim.Service.Advance(time.Hour)
	token := a.call(200, "GET", p+"/export", nil).(object)["token"].(string)
	paths := []string{p, p + "/tags", p + "/images?orderBy=Oldest", p + "/iterations", "/projects"}
	var before []string
	for _, path := range paths {
		_, _, body := a.send("GET", path, nil)
		before = append(before, string(body))
	}
	if err := sim.Service.Close(); err != nil {
		t.Fatal(err)
	}

	opt.BaseURL = sim.URL // so that links compare equal
	opt.Resources = []simulator.ResourceOptions{{Name: "westeurope", Key: a.key}, {Name: "northeurope", Key: "k"}}
	svc, err := simulator.New(opt)
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(svc)
	defer srv.Close()
	b := &api{t: t, endpoint: srv.URL + "/westeurope/customvision/v3.3/training", key: a.key}
	for i, path := range paths {
		if _, _, body := b.send("GET", path, nil); string(body) != before[i] {
			t.Errorf("%s changed:\n%s\n%s", path, before[i], body)
		}
	}
	b.call(200, "POST", "/projects/import?token="+url.QueryEscape(token), nil)
	if _, err := simulator.New(simulator.Options{StateDir: opt.StateDir, Resources: []simulator.ResourceOptions{{Name: "other", Key: "k"}}}); err == nil ||
		!strings.Contains(err.Error(), "westeurope") {
		t.Errorf("a folder of other resources is taken: %v", err)
	}
}
