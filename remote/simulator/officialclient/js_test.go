package officialclient

import (
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"

	"cvarchive/manifest/testenv"
	"cvarchive/remote/simulator"
	"cvarchive/remote/simulator/simtest"
)

// TestJavaScript drives v3.4-preview with Microsoft's JavaScript library,
// where its packages are installed (npm ci in the folder js).
func TestJavaScript(t *testing.T) {
	node := testenv.Program(t, "node")
	if _, err := os.Stat("js/node_modules"); err != nil {
		testenv.Missing(t, "js/node_modules is not installed (run npm ci in the folder js)")
	}
	sim := simtest.Start(t, simulator.Options{})
	alone := func(name string) string { // the library drops the path of an endpoint
		srv := httptest.NewServer(sim.Resource(name).Handler())
		t.Cleanup(srv.Close)
		return srv.URL
	}
	cmd := exec.CommandContext(t.Context(), node, "drive.js",
		alone("westeurope"), sim.Key("westeurope"), alone("northeurope"), sim.Key("northeurope"), sim.URL+"/_simulator")
	cmd.Dir = "js"
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if got, want := strings.TrimSpace(string(out)), `{"images":12,"tags":["eins:6","zwei:6"]}`; !strings.HasSuffix(got, want) {
		t.Errorf("the library found %s, want %s", got, want)
	}
	if calls := sim.Resource("westeurope").Calls(); calls["ExportIteration"] != 1 {
		t.Errorf("calls = %v", calls)
	}
}
