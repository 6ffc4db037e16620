package customvision

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"cvarchive/manifest"
)

func files(n int, change func(i int, img *manifest.NewImage)) manifest.ImageBatch {
	var b manifest.ImageBatch
	for i := range n {
		img := manifest.NewImage{Name: fmt.Sprintf("%d.jpg", i), Contents: []byte{byte(i)}}
		if change != nil {
			change(i, &img)
		}
		b.Images = append(b.Images, img)
	}
	return b
}

func ids(n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprintf("id%d", i)
	}
	return out
}

// What the service would refuse is refused before anything is sent; what it
// takes goes through.
func TestLimits(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/images") && r.Method == "GET" || strings.HasSuffix(r.URL.Path, "/id") {
			_, _ = io.WriteString(w, "[]")
			return
		}
		_, _ = io.WriteString(w, "{}")
	})
	c := dial(t, fast(s.URL))
	ctx := t.Context()
	upload := func(b manifest.ImageBatch) error { _, err := c.CreateImagesFromFiles(ctx, pid, b); return err }
	fetch := func(b manifest.ImageBatch) error { _, err := c.CreateImagesFromURLs(ctx, pid, b); return err }
	form := func(b manifest.ImageBatch) error { _, err := c.CreateImagesFromData(ctx, pid, b); return err }
	page := func(q manifest.ImageQuery) error { _, err := c.Images(ctx, pid, q); return err }
	byIDs := func(n int) error { _, err := c.ImagesByIDs(ctx, pid, "", ids(n)); return err }
	meta := func(n int) error { _, err := c.UpdateImageMetadata(ctx, pid, ids(n), nil); return err }
	tags := func(n int) error {
		_, err := c.CreateImageTags(ctx, pid, make([]manifest.ImageTagEntry, n))
		return err
	}
	regions := func(n int, r manifest.Region) error {
		_, err := c.CreateImageRegions(ctx, pid, bytesOf(n, r))
		return err
	}
	tagged := func(n int) manifest.ImageBatch {
		return files(n, func(i int, img *manifest.NewImage) { img.TagIDs = []string{ids(n)[i]} })
	}
	mixed := files(3, nil)
	mixed.TagIDs, mixed.Images[0].TagIDs, mixed.Images[1].Regions = ids(10), ids(20)[10:], []manifest.Region{oneRegion()}
	link := func(_ int, img *manifest.NewImage) {
		img.Contents, img.URL = nil, manifest.NewSecret("https://h/PLANTED")
	}

	for name, tc := range map[string]struct {
		err  error
		want string // "": it is sent
	}{
		"64 files":            {upload(files(64, nil)), ""},
		"65 files":            {upload(files(65, nil)), "65 images were given; one call takes 1 to 64"},
		"no files":            {upload(files(0, nil)), "0 images"},
		"6 MB":                {upload(files(1, func(_ int, img *manifest.NewImage) { img.Contents = make([]byte, 6<<20) })), ""},
		"6 MB and a byte":     {upload(files(1, func(_ int, img *manifest.NewImage) { img.Contents = make([]byte, 6<<20+1) })), "at most 6291456"},
		"no bytes":            {upload(files(1, func(_ int, img *manifest.NewImage) { img.Contents = nil })), "no contents"},
		"no name":             {upload(files(1, func(_ int, img *manifest.NewImage) { img.Name = "" })), "a name"},
		"two of a name":       {upload(files(2, func(_ int, img *manifest.NewImage) { img.Name = "x" })), `named "x"`},
		"a file with a URL":   {upload(files(1, func(_ int, img *manifest.NewImage) { img.URL = manifest.NewSecret("https://h/PLANTED") })), "no URL"},
		"20 tags":             {upload(tagged(20)), ""},
		"21 tags":             {upload(tagged(21)), "21 distinct tags; one call takes at most 20"},
		"tags everywhere":     {upload(mixed), "21 distinct tags"},
		"300 regions":         {upload(files(1, func(_ int, img *manifest.NewImage) { img.Regions = repeat(300) })), ""},
		"301 regions":         {upload(files(1, func(_ int, img *manifest.NewImage) { img.Regions = repeat(301) })), "301 regions"},
		"a region half":       {upload(files(1, func(_ int, img *manifest.NewImage) { img.Regions = []manifest.Region{{ID: "r9", TagID: "t"}} })), "region r9 lacks"},
		"a region not number": {upload(files(1, func(_ int, img *manifest.NewImage) { img.Regions = []manifest.Region{notANumber()} })), "encode"},
		"64 URLs":             {fetch(files(64, link)), ""},
		"65 URLs":             {fetch(files(65, link)), "65 images"},
		"no URL":              {fetch(files(1, nil)), "a URL is needed"},
		"a URL, half region":  {fetch(files(1, func(i int, img *manifest.NewImage) { link(i, img); img.Regions = []manifest.Region{{TagID: "t"}} })), "lacks"},
		"form":                {form(files(2, nil)), ""},
		"form with regions":   {form(files(1, func(_ int, img *manifest.NewImage) { img.Regions = repeat(1) })), "single images"},
		"form with metadata":  {form(manifest.ImageBatch{Images: files(1, nil).Images, Metadata: map[string]string{"a": "b"}}), "no metadata"},
		"a page":              {page(manifest.ImageQuery{Take: 256}), ""},
		"too long a page":     {page(manifest.ImageQuery{Take: 257}), "up to 256"},
		"before the start":    {page(manifest.ImageQuery{Skip: -1}), "from 0 on"},
		"256 ids":             {byIDs(256), ""},
		"257 ids":             {byIDs(257), "at most 256"},
		"no ids":              {byIDs(0), "no image ids"},
		"64 metadata":         {meta(64), ""},
		"65 metadata":         {meta(65), "at most 64"},
		"128 image tags":      {tags(128), ""},
		"129 image tags":      {tags(129), "at most 128"},
		"64 image regions":    {regions(64, oneRegion()), ""},
		"65 image regions":    {regions(65, oneRegion()), "at most 64"},
		"region half":         {regions(1, manifest.Region{}), "lacks"},
		"untag 64":            {c.DeleteImageTags(ctx, pid, ids(64), ids(20)), ""},
		"untag 65":            {c.DeleteImageTags(ctx, pid, ids(65), ids(20)), "at most 64"},
		"untag 21 tags":       {c.DeleteImageTags(ctx, pid, ids(1), ids(21)), "at most 20"},
		"delete 64 regions":   {c.DeleteImageRegions(ctx, pid, ids(64)), ""},
		"delete 65 regions":   {c.DeleteImageRegions(ctx, pid, ids(65)), "at most 64"},
		"delete nothing":      {c.DeleteImages(ctx, pid, ImageDeletion{}), "ask for all"},
		"delete both":         {c.DeleteImages(ctx, pid, ImageDeletion{IDs: ids(1), All: true}), "ask for all"},
		"delete 257":          {c.DeleteImages(ctx, pid, ImageDeletion{IDs: ids(257)}), "at most 256"},
	} {
		switch {
		case tc.want == "" && tc.err != nil:
			t.Errorf("%s: %v", name, tc.err)
		case tc.want != "" && (tc.err == nil || !strings.Contains(tc.err.Error(), tc.want)):
			t.Errorf("%s: %v, want %q", name, tc.err, tc.want)
		case tc.err != nil && strings.Contains(tc.err.Error(), "PLANTED"):
			t.Errorf("%s: the error shows a secret: %v", name, tc.err)
		}
	}
	if got := len(s.seen()); got != 13 {
		t.Errorf("%d requests were sent", got)
	}
}

func bytesOf(n int, r manifest.Region) []manifest.ImageRegionEntry {
	out := make([]manifest.ImageRegionEntry, n)
	for i := range out {
		out[i] = manifest.ImageRegionEntry{ImageID: "i", Region: r}
	}
	return out
}

func repeat(n int) []manifest.Region {
	out := make([]manifest.Region, n)
	for i := range out {
		out[i] = oneRegion()
	}
	return out
}

func notANumber() manifest.Region {
	r := oneRegion()
	r.Left = `0,"tagId":"x"`
	return r
}

func TestCreateImagesFromData(t *testing.T) {
	s := serve(t, reply(200, summaryJSON))
	b := files(2, nil)
	b.TagIDs = []string{"t1", "t2"}
	got, err := dial(t, fast(s.URL)).CreateImagesFromData(t.Context(), pid, b)
	if err != nil {
		t.Fatal(err)
	}
	if d := diff(oneSummary(), got); d != "" {
		t.Error(d)
	}
	r := s.seen()[0]
	if r.Method != "POST" || r.Path != base+"/projects/"+pid+"/images" || r.Query != "tagIds=t1%2Ct2" {
		t.Errorf("%s %s?%s", r.Method, r.Path, r.Query)
	}
	_, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil {
		t.Fatal(err)
	}
	form, err := multipart.NewReader(strings.NewReader(r.Body), params["boundary"]).ReadForm(1 << 20)
	if err != nil {
		t.Fatal(err)
	}
	parts := form.File["imageData"]
	if len(parts) != 2 || parts[1].Filename != "1.jpg" || parts[1].Size != 1 {
		t.Errorf("%v", form)
	}
}

// The request of a full batch takes no copy of the bytes, however small the
// pieces in which it is read.
func TestFileBatchMemory(t *testing.T) {
	b := files(16, func(i int, img *manifest.NewImage) { img.Contents = bytes.Repeat([]byte{byte(i)}, 1<<20-i) })
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	body, err := fileBatch(b)
	runtime.ReadMemStats(&after)
	if err != nil {
		t.Fatal(err)
	}
	if got := after.TotalAlloc - before.TotalAlloc; got > 1<<20 {
		t.Errorf("%d bytes were allocated for a request", got)
	}
	var whole []byte
	for _, read := range []func(io.Reader) io.Reader{iotest.OneByteReader, iotest.HalfReader, func(r io.Reader) io.Reader { return r }} {
		text, err := io.ReadAll(read(body.reader()))
		if err != nil || int64(len(text)) != body.size() || whole != nil && !bytes.Equal(text, whole) {
			t.Fatalf("%d bytes of %d, or others than before: %v", len(text), body.size(), err)
		}
		whole = text
	}
	var decoded struct {
		Images []struct{ Contents []byte }
	}
	if err := json.Unmarshal(whole, &decoded); err != nil || len(decoded.Images) != 16 {
		t.Fatalf("the request does not decode: %v", err)
	}
	for i, img := range decoded.Images {
		if !bytes.Equal(img.Contents, b.Images[i].Contents) {
			t.Errorf("image %d has other contents", i)
		}
	}
}
