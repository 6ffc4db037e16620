package restore_test

import (
	"bytes"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"cvarchive/archive/restore"
	"cvarchive/manifest"
	"cvarchive/manifest/diff"
	"cvarchive/manifest/plan"
	"cvarchive/manifest/testenv"
)

var screenshot = flag.String("screenshot", "", "where TestReportInABrowser stores a picture of the page, as PNG")

// hostileReport has whatever a page could stumble over in its names. Some of
// them would call home.
func hostileReport(home string) *restore.Report {
	began := time.Date(2026, 11, 24, 3, 0, 0, 0, time.UTC)
	evil := []string{
		`<script>document.title="stolen";fetch("` + home + `/script")</script>`,
		`<img src="` + home + `/image" onerror="document.title='stolen'">`,
		"</title></style><style>@import url(" + home + "/style)</style>",
		"invoice\u202egnp.exe", "\u2067قطط\u2066 {{.Title}}", "\x1b[31mred\x00\x07",
	}
	r := &restore.Report{
		FormatVersion: restore.ReportVersion, Started: began, Finished: began.Add(95 * time.Second),
		Archive: plan.Archive{ID: "0a1b2c3d", Name: "prod/20261124T020000Z-0a1b2c3d" + evil[0], SHA256: manifest.Digest{1, 2, 3}, Source: "prod" + evil[1], Created: began.Add(-time.Hour)},
		Target:  plan.Target{Name: "dr", Endpoint: "https://contoso-dr.cognitiveservices.azure.com"},
		Projects: []restore.ProjectReport{
			{
				ID: "p1", Name: "Fruit on the tray", TargetID: "3f1c", TargetName: "Fruit on the tray", Action: plan.Rebuild, By: plan.Rebuild, Outcome: manifest.Complete,
				Reason: "its token expired at 2026-11-24 01:00 UTC", Created: restore.Created{Tags: 12, Images: 1200, Regions: 0},
				Proof: &diff.Result{Images: 1200, Matched: 1200, ByContent: 1200}, Calls: plan.Calls{"CreateTag": 12}, Bytes: 123456789, Seconds: 61.5,
				NotCarried: []plan.Note{{What: "ids and dates", Reason: "the target gives new ones"}, {What: "trained iterations", Reason: "the service takes no model back; train again", Count: 2, Items: []string{"Iteration 1", evil[4]}}},
				Training: &restore.Training{Name: "Iteration 1", Status: "Completed", Overall: &restore.Comparison{
					Archived: restore.Figures{Precision: "0.91", Recall: "0.88", AveragePrecision: "0.93"}, Now: restore.Figures{Precision: "0.9", Recall: "0.89", AveragePrecision: "0.93"}}},
			},
			{
				ID: "p2", Name: strings.Repeat("long", 250), TargetName: evil[3], TargetID: "77aa", Action: plan.Rebuild, By: plan.Rebuild, Outcome: manifest.Partial,
				Created: restore.Created{Tags: 3, Images: 3}, Proof: &diff.Result{Images: 3, Matched: 3}, Next: "run the same command again to try what is missing once more",
			},
			{ID: "p3", Name: "قطط وكلاب", Action: plan.Conflict, Outcome: manifest.Failed, Reason: "a project of that name is there and differs: 2 images, archived 1", Next: "use --on-conflict rename or skip"},
		},
	}
	for i, name := range evil {
		r.Projects[1].Failures = append(r.Projects[1].Failures, manifest.Failure{
			Item: fmt.Sprintf("image %d%s", i, name), Message: "the service refused the image", Operation: "CreateImagesFromFiles", Code: "ErrorImageFormat"})
		r.Projects[0].Training.PerTag = append(r.Projects[0].Training.PerTag, restore.Comparison{Tag: name, Archived: restore.Figures{Precision: "1"}})
	}
	return r
}

// measure writes into the title what a reader of the page would suffer from:
// text of little contrast, and a window that has to be scrolled sideways.
const measure = `<script>
const light = c => { const [r, g, b] = c.match(/[\d.]+/g).map(v => { v /= 255; return v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4 }); return .2126 * r + .7152 * g + .0722 * b }
const ground = e => { for (; e; e = e.parentElement) { const c = getComputedStyle(e).backgroundColor; if (c !== "rgba(0, 0, 0, 0)") return c } return "rgb(255, 255, 255)" }
let least = 21, texts = 0
for (const e of document.body.querySelectorAll("*")) {
	if (![...e.childNodes].some(n => n.nodeType === 3 && n.data.trim()) || e.tagName === "SCRIPT") continue
	const a = light(getComputedStyle(e).color), b = light(ground(e))
	least = Math.min(least, (Math.max(a, b) + .05) / (Math.min(a, b) + .05)); texts++
}
document.title = "measured " + texts + " " + least.toFixed(2) + " " + (document.documentElement.scrollWidth - innerWidth)
</script>`

// TestReportInABrowser opens the report of a restore as a user would, from the
// disk: its texts are there, whatever names hold is text, nothing is run or
// asked for, and all of it can be read, on a small screen too.
func TestReportInABrowser(t *testing.T) {
	t.Parallel()
	var visits atomic.Int64
	home := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { visits.Add(1) }))
	t.Cleanup(home.Close)
	var page bytes.Buffer
	check(t, hostileReport(home.URL).Document().HTML(&page))
	file := filepath.Join(t.TempDir(), "report.html")
	check(t, os.WriteFile(file, page.Bytes(), 0o600))

	got := testenv.Browse(t, file, 1100, 1400, *screenshot)
	for _, text := range []string{
		"<title>Restore of prod/20261124T020000Z-0a1b2c3d&lt;script&gt;", ">Project Fruit on the tray</h2>", "&lt;img src=",
		"1200 images, 1200 of them equal", "Iteration 1", "archived figures and new ones", "قطط وكلاب", "ErrorImageFormat", "{{.Title}}",
	} {
		if !strings.Contains(got.DOM, text) {
			t.Errorf("the page does not have %q", text)
		}
	}
	if len(got.Console) > 0 || len(got.Requests) > 0 || visits.Load() > 0 {
		t.Errorf("the page said %q, asked for %q, and called home %d times", got.Console, got.Requests, visits.Load())
	}
	for _, c := range "\u202a\u202b\u202c\u202d\u202e\x00\x07\x1b" {
		if strings.ContainsRune(got.DOM, c) {
			t.Errorf("the page has the character %U, which steers what stands around it", c)
		}
	}

	// A copy that may run a script tells how it is to read, on a telephone.
	copied := strings.NewReplacer("default-src 'none'", "script-src 'unsafe-inline'", "</body>", measure+"</body>").Replace(page.String())
	check(t, os.WriteFile(file, []byte(copied), 0o600))
	var texts, sideways int
	var contrast float64
	title := between(testenv.Browse(t, file, 500, 900, "").DOM, "<title>", "</title>")
	if _, err := fmt.Sscanf(title, "measured %d %f %d", &texts, &contrast, &sideways); err != nil || texts < 50 {
		t.Fatalf("the measurement says %q", title)
	}
	if contrast < 4.5 || sideways > 0 {
		t.Errorf("the least contrast of a text is %.2f, the page is %d pixels wider than the window", contrast, sideways)
	}
}

func between(s, from, to string) string {
	_, s, _ = strings.Cut(s, from)
	s, _, _ = strings.Cut(s, to)
	return s
}
