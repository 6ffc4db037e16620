package testenv

import (
	"bytes"
	"encoding/json"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// Page is what a browser made of a file.
type Page struct {
	DOM      string   // as it is after loading, serialized
	Console  []string // what the page said there: errors, refusals
	Requests []string // addresses that the page asked for, besides its own
}

// Browse opens a file of the disk in a headless Chromium, in a window of so
// many pixels, and skips the test when there is none. With a name for it, a
// picture of the window is stored there as PNG.
func Browse(t testing.TB, file string, width, height int, screenshot string) Page {
	t.Helper()
	program := Program(t, "chromium", "chromium-browser", "google-chrome")
	dir := t.TempDir()
	log := filepath.Join(dir, "net.json")
	address := (&url.URL{Scheme: "file", Path: filepath.ToSlash(file)}).String()
	args := []string{
		"--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-dev-shm-usage",
		"--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-extensions",
		"--user-data-dir=" + filepath.Join(dir, "profile"), "--enable-logging=stderr", "--log-net-log=" + log,
		"--window-size=" + strconv.Itoa(width) + "," + strconv.Itoa(height), "--hide-scrollbars",
		"--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1", // what the browser itself looks for
	}
	if screenshot != "" {
		args = append(args, "--screenshot="+screenshot)
	}
	var out, diagnostics bytes.Buffer
	cmd := exec.CommandContext(t.Context(), program, append(args, "--dump-dom", address)...)
	cmd.Stdout, cmd.Stderr = &out, &diagnostics
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s: %v\n%s", program, err, &diagnostics)
	}
	p := Page{DOM: out.String(), Requests: requests(t, log, address)}
	for line := range strings.Lines(diagnostics.String()) {
		if strings.Contains(line, ":CONSOLE") {
			p.Console = append(p.Console, strings.TrimSpace(line))
		}
	}
	return p
}

// requests reads from a browser's log what a page asked for. What the browser
// wants for itself has no page as its origin.
func requests(t testing.TB, log, page string) (asked []string) {
	t.Helper()
	data, err := os.ReadFile(log)
	if err != nil {
		t.Fatalf("the browser's log of requests: %v", err)
	}
	var net struct {
		Constants struct{ LogEventTypes map[string]int }
		Events    []struct {
			Type   int
			Params struct{ URL, Initiator string }
		}
	}
	if err := json.Unmarshal(data, &net); err != nil {
		t.Fatalf("the browser's log of requests: %v", err)
	}
	start := net.Constants.LogEventTypes["URL_REQUEST_START_JOB"]
	for _, e := range net.Events {
		if e.Type == start && e.Params.Initiator != "not an origin" && !slices.Contains([]string{"", page}, e.Params.URL) {
			asked = append(asked, e.Params.URL)
		}
	}
	return asked
}
