package simulator_test

import (
	"bytes"
	"crypto/md5"
	"encoding/base64"
	"image"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"cvarchive/remote/simulator"
	"cvarchive/remote/simulator/simtest"
)

func get(t *testing.T, link string, header ...string) (int, http.Header, []byte) {
	t.Helper()
	req, err := http.NewRequest("GET", link, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	return do(t, req)
}

func TestPicturesAndSizes(t *testing.T) {
	sim := simtest.Start(t, simulator.Options{})
	a := connect(t, sim, "westeurope")
	p := a.project("p", "")
	for _, test := range []struct {
		name          string
		data          []byte
		width, height int
		resized       bool
	}{
		{"as it is", photo(3, 300, 400), 300, 400, false},
		{"at both limits", photo(4, 256, 900), 256, 900, false},
		{"small", photo(5, 64, 128), 256, 512, true},
		{"large", photo(7, 1000, 1500), 900, 1350, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			sum := a.call(200, "POST", p+"/images/files", object{"images": []object{file("f", test.data)}}).(object)
			im := sum["images"].([]any)[0].(object)["image"].(object)
			if im["width"] != float64(test.width) || im["height"] != float64(test.height) {
				t.Errorf("size %vx%v, want %dx%d", im["width"], im["height"], test.width, test.height)
			}
			original, resized := im["originalImageUri"].(string), im["resizedImageUri"].(string)
			if (original != resized) != test.resized || strings.Contains(original, "/o-") != test.resized {
				t.Errorf("original %s, resized %s", original, resized)
			}
			if status, h, data := get(t, original); status != 200 || !bytes.Equal(data, test.data) || h.Get("Content-Type") != "image/jpeg" {
				t.Errorf("original: %d, %d bytes, %s", status, len(data), h.Get("Content-Type"))
			}
			for link, side := range map[string]int{resized: max(test.width, test.height), im["thumbnailUri"].(string): 240} {
				status, _, data := get(t, link)
				cfg, _, err := image.DecodeConfig(bytes.NewReader(data))
				if err != nil || status != 200 || max(cfg.Width, cfg.Height) != side {
					t.Errorf("%d, %v: %dx%d, want a longer side of %d", status, err, cfg.Width, cfg.Height, side)
				}
			}
		})
	}
}

func TestLinks(t *testing.T) {
	sim := simtest.Start(t, clock())
	a := connect(t, sim, "westeurope")
	p := a.project("p", "")
	a.upload(p, 7, 1)
	im := a.list(p + "/images")[0].(object)
	link := im["originalImageUri"].(string)
	if !strings.Contains(link, "/westeurope/blob/i-"+strings.ReplaceAll(p[len("/projects/"):], "-", "")+"/i-") ||
		!strings.HasSuffix(link, "&se=2026-03-02T12%3A00%3A00Z&sp=r") {
		t.Errorf("link = %s", link)
	}
	want := picture(7, 256, 256)
	sum := md5.Sum(want)
	md := base64.StdEncoding.EncodeToString(sum[:])
	if status, h, data := get(t, link); status != 200 || !bytes.Equal(data, want) || h.Get("Content-MD5") != md || h.Get("Content-Type") != "image/png" {
		t.Errorf("%d, %d bytes, %v", status, len(data), h)
	}
	if status, h, data := get(t, link, "Range", "bytes=5-9"); status != 206 || !bytes.Equal(data, want[5:10]) || h.Get("x-ms-blob-content-md5") != md || h.Get("Content-MD5") != "" {
		t.Errorf("range: %d %q %v", status, data, h)
	}
	for name, bad := range map[string]string{
		"another blob": strings.Replace(link, "/i-", "/t-", 2), "later": strings.Replace(link, "2026-03-02", "2027-03-02", 1),
		"unsigned": link[:strings.Index(link, "?")], "another region": strings.Replace(link, "westeurope", "northeurope", 1),
	} {
		if status, h, data := get(t, bad); status != 403 || h.Get("x-ms-error-code") != "AuthenticationFailed" || !bytes.Contains(data, []byte("<Code>AuthenticationFailed</Code>")) {
			t.Errorf("%s: %d %s", name, status, data)
		}
	}
	if reads, n := sim.Resource("westeurope").BlobReads(); reads != 5 || n < int64(len(want)+5) {
		t.Errorf("%d reads, %d bytes", reads, n)
	}

	sim.Service.Advance(24*time.Hour - time.Second)
	if status, _, _ := get(t, link); status != 200 {
		t.Errorf("a second before its end the link answers %d", status)
	}
	sim.Service.Advance(time.Second)
	if status, _, data := get(t, link); status != 403 || !bytes.Contains(data, []byte("Signature not valid in the specified time frame")) {
		t.Errorf("an expired link: %d %s", status, data)
	}
	fresh := a.list(p + "/images/id?imageIds=" + im["id"].(string))[0].(object)["originalImageUri"].(string)
	if status, _, _ := get(t, fresh); status != 200 {
		t.Errorf("a fresh link answers %d", status)
	}
	a.call(204, "DELETE", p+"/images?imageIds="+im["id"].(string), nil)
	if status, h, _ := get(t, fresh); status != 404 || h.Get("x-ms-error-code") != "BlobNotFound" {
		t.Errorf("a deleted image: %d %v", status, h)
	}
}

// TestRequestsForLinks: what is asked for with a condition that holds, or by
// a link in another order, is the same.
func TestRequestsForLinks(t *testing.T) {
	a := connect(t, simtest.Start(t, clock()), "westeurope")
	p := a.project("p", "")
	a.upload(p, 7, 1)
	link := a.list(p + "/images")[0].(object)["originalImageUri"].(string)
	address, query, _ := strings.Cut(link, "?")
	parts := strings.Split(query, "&")
	slices.Reverse(parts)
	status, h, data := get(t, link)
	h.Del("Date")
	if status != 200 || h.Get("Content-Length") != strconv.Itoa(len(data)) || h.Get("Accept-Ranges") != "bytes" || h.Get("Last-Modified") == "" || h.Get("ETag") == "" {
		t.Errorf("%d %v", status, h)
	}
	for name, ask := range map[string][]string{
		"a condition": {link, "If-None-Match", `"another"`}, "a time": {link, "If-Modified-Since", "Mon, 02 Jan 2006 15:04:05 GMT"},
		"another order": {address + "?" + strings.Join(parts, "&")}, "more": {link + "&more=1"}, "in small letters": {strings.Replace(link, "%3A", "%3a", 1)},
	} {
		again, header, same := get(t, ask[0], ask[1:]...)
		header.Del("Date")
		if d := cmp.Diff(h, header); again != 200 || d != "" || !bytes.Equal(same, data) {
			t.Errorf("%s: %d, %d bytes (-want +got):\n%s", name, again, len(same), d)
		}
	}
	if status, _, data := get(t, link, "If-None-Match", h.Get("ETag")); status != 304 || len(data) > 0 {
		t.Errorf("unchanged: %d", status)
	}
	if resp, err := http.Head(link); err != nil || resp.StatusCode != 200 || resp.ContentLength != int64(len(data)) {
		t.Errorf("HEAD: %v %v", resp, err)
	}
}

// TestBytesThatCameBefore: their MD5 is remembered.
func TestBytesThatCameBefore(t *testing.T) {
	a := connect(t, simtest.Start(t, clock()), "westeurope")
	want := picture(7, 256, 256)
	sum := md5.Sum(want)
	for _, name := range []string{"first", "second"} {
		p := a.project(name, "")
		a.upload(p, 7, 1)
		a.upload(p, 8, 1)
		for i, other := range []bool{false, true} {
			link := a.list(p + "/images?orderBy=Oldest")[i].(object)["originalImageUri"].(string)
			_, h, data := get(t, link)
			if md := h.Get("Content-MD5"); (md != base64.StdEncoding.EncodeToString(sum[:])) != other || bytes.Equal(data, want) == other {
				t.Errorf("%s, image %d: MD5 %s of %d bytes", name, i, md, len(data))
			}
		}
	}
}

func TestVirtualNetwork(t *testing.T) {
	sim := simtest.Start(t, simulator.Options{Resources: []simulator.ResourceOptions{{Name: "westeurope", Key: "k", VNET: true}}})
	a := connect(t, sim, "westeurope")
	p, q := a.project("p", ""), a.project("q", "")
	a.upload(p, 7, 1)
	path := a.list(p + "/images")[0].(object)["originalImageUri"].(string)
	if !strings.HasPrefix(path, "i-") {
		t.Fatalf("link = %s, want a relative path", path)
	}
	if status, _, data := a.send("GET", p+"/artifacts?path="+path, nil); status != 200 || !bytes.Equal(data, picture(7, 256, 256)) {
		t.Errorf("artifact: %d, %d bytes", status, len(data))
	}
	a.refused(400, "BadRequestInvalidArtifactUri", "GET", q+"/artifacts?path="+path, nil)
	a.refused(404, "NotFound", "GET", p+"/artifacts?path="+path+"0", nil)
}

// TestImagesOfIterations follows images that are deleted from the workspace.
func TestImagesOfIterations(t *testing.T) {
	sim := simtest.Start(t, clock())
	a := connect(t, sim, "westeurope")
	p := a.project("p", compact)
	red, blue := a.tag(p, "red", ""), a.tag(p, "blue", "")
	ids := append(a.upload(p, 0, 5, red), a.upload(p, 5, 5, blue)...)
	it := a.call(200, "POST", p+"/train", nil).(object)["id"].(string)
	sim.Service.Advance(time.Minute)

	a.call(204, "DELETE", p+"/images?imageIds="+ids[0], nil)
	a.call(204, "DELETE", p+"/tags/"+blue, nil)
	if n := a.call(200, "GET", p+"/images/count", nil); n != 9.0 {
		t.Errorf("%v images in the workspace, want 9", n)
	}
	then := a.list(p + "/images?orderBy=Oldest&iterationId=" + it)
	if len(then) != 10 || then[9].(object)["tags"].([]any)[0].(object)["tagName"] != "blue" {
		t.Errorf("the iteration shows %d images, the last %v", len(then), then[9])
	}
	if tags := a.list(p + "/tags?iterationId=" + it); len(tags) != 2 || tags[0].(object)["imageCount"] != 5.0 {
		t.Errorf("the iteration's tags are %v", tags)
	}
	link := then[0].(object)["originalImageUri"].(string)
	if status, _, _ := get(t, link); status != 200 {
		t.Errorf("an image that only an iteration holds answers %d", status)
	}
	list := a.list(p + "/iterations")
	if len(list) != 2 || list[1].(object)["status"] != "New" || list[1].(object)["domainId"] != nil {
		t.Errorf("iterations = %v, want a New one at the end", list)
	}
	a.call(202, "DELETE", p+"/images?allIterations=true&imageIds="+ids[0], nil)
	if status, _, _ := get(t, link); status != 404 {
		t.Errorf("an image that nothing holds answers %d", status)
	}
	a.call(202, "DELETE", p+"/images?allImages=true", nil)
	if n := a.call(200, "GET", p+"/images/count?iterationId="+it, nil); n != 9.0 {
		t.Errorf("%v images in the iteration, want 9", n)
	}
}
