package main

import (
	"crypto/sha256"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"cvarchive/manifest/testenv"
	"cvarchive/remote/simulator"
)

// raceOptions is the variable with the race detector's options.
const raceOptions = "GORACE"

// TestMain lets scripts and tests run the program as a process of its own.
func TestMain(m *testing.M) {
	if os.Getenv(raceOptions) == "" {
		if err := os.Setenv(raceOptions, testenv.Race); err != nil {
			panic(err)
		}
	}
	testscript.Main(m, map[string]func(){"cvarchive": main, "cvarchive-stubborn": stubborn})
}

// TestScripts runs the program's behaviour as testdata/script describes it,
// each script against a service of its own:
//
//	$SERVICE, $WEST, $NORTH   addresses: of the service and of two resources
//	$KEY                      the training key of both
//	$CONFIG_FILE              cvarchive.yaml in the script's folder, with a
//	                          vault in ./vault
//
// Besides the commands of testscript there are
//
//	seed REGION               fills a resource with a small account
//	model REGION              exports the trained model of that account
//	edit REGION               changes that account in several ways
//	advance DURATION          moves the service's clock
//	region NAME up|down       switches a resource
//	drop REGION COUNT         drops a number of connections of image downloads
//	lose REGION COUNT         answers a number of image downloads with 404
//	refuse REGION N STATUS [TIMES]
//	                          refuses the N-th picture of the account
//	full DIR SIZE             makes DIR a file system of that many KiB
//	status N COMMAND…         runs a command that must end with status N
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join("..", "..", "testdata", "script"),
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup:               setupScript,
		Condition:           scriptCondition,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"seed": scriptSeed, "model": scriptModel, "edit": scriptEdit, "advance": scriptAdvance, "region": scriptRegion,
			"lose": scriptLose, "full": scriptFull, "refuse": scriptRefuse, "status": scriptStatus,
		},
	})
}

type serviceKey struct{}

const testKey = "0123456789abcdef0123456789abcdef"

// newService starts the simulator with two regions and no rate limit.
func newService(tb testing.TB) (*simulator.Service, string) {
	tb.Helper()
	s := newSimulator(tb, testKey, "westeurope", "northeurope")
	server := httptest.NewServer(s)
	tb.Cleanup(server.Close)
	return s, server.URL
}

// newSimulator makes a service with regions of one key. Imports and trainings
// end at once, so that nothing waits.
func newSimulator(tb testing.TB, key string, regions ...string) *simulator.Service {
	tb.Helper()
	o := simulator.Options{ImportDuration: -1, ImportPerImage: -1, TrainDuration: -1, ExportDuration: -1}
	for _, name := range regions {
		o.Resources = append(o.Resources, simulator.ResourceOptions{Name: name, Key: key})
	}
	s, err := simulator.New(o)
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

func setupScript(env *testscript.Env) error {
	tb := env.T().(testing.TB)
	s, base := newService(tb)
	env.Values[serviceKey{}] = s
	env.Setenv("SERVICE", base)
	env.Setenv("WEST", base+"/westeurope")
	env.Setenv("NORTH", base+"/northeurope")
	env.Setenv("KEY", testKey)
	env.Setenv(raceOptions, os.Getenv(raceOptions))
	env.Setenv("XDG_CONFIG_HOME", filepath.Join(env.WorkDir, "home"))
	env.Setenv("HOME", filepath.Join(env.WorkDir, "home"))
	path := filepath.Join(env.WorkDir, "cvarchive.yaml")
	if _, err := os.Stat(path); err == nil {
		return nil // the script brings its own
	}
	return os.WriteFile(path, []byte(testConfig(base)), 0o600)
}

func testConfig(base string) string {
	return fmt.Sprintf(`version: 1
vault:
  url: ./vault
resources:
  west:
    endpoint: %[1]s/westeurope
    training_key: ${KEY}
    calls_per_second: 1000
  north:
    endpoint: %[1]s/northeurope
    training_key: ${KEY}
    calls_per_second: 1000
  vip:
    endpoint: %[1]s/northeurope
    training_key: ${KEY}
    protected: true
  other:
    endpoint: %[1]s/northeurope
    training_key: ${OTHER_KEY}
`, base)
}

func serviceOf(ts *testscript.TestScript) *simulator.Service {
	return ts.Value(serviceKey{}).(*simulator.Service)
}

func scriptCondition(cond string) (bool, error) {
	switch cond {
	case "root":
		return os.Geteuid() == 0, nil
	case "tmpfs":
		return canMount(), nil
	}
	return false, fmt.Errorf("unknown condition %q", cond)
}

func scriptSeed(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: seed REGION")
	}
	ts.Check(seedSmall(ts.Getenv("SERVICE") + "/" + args[0]))
}

func scriptAdvance(ts *testscript.TestScript, neg bool, args []string) {
	d, err := time.ParseDuration(strings.Join(args, ""))
	ts.Check(err)
	serviceOf(ts).Advance(d)
}

func scriptRegion(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: region NAME up|down")
	}
	serviceOf(ts).Resource(args[0]).SetDown(args[1] == "down")
}

// scriptLose makes image downloads fail for good.
func scriptLose(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: lose REGION COUNT")
	}
	n, err := strconv.Atoi(args[1])
	ts.Check(err)
	serviceOf(ts).Resource(args[0]).Inject(simulator.Fault{Operation: simulator.BlobOperation, Times: n, Status: 404})
}

// scriptRefuse has uploads of one picture refused.
func scriptRefuse(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 || len(args) > 4 {
		ts.Fatalf("usage: refuse REGION N STATUS [TIMES]")
	}
	n, err := strconv.Atoi(args[1])
	ts.Check(err)
	q := url.Values{"sha256": {fmt.Sprintf("%x", sha256.Sum256(picture(n)))}, "status": {args[2]}}
	if len(args) == 4 {
		q.Set("times", args[3])
	}
	resp, err := http.Post(ts.Getenv("SERVICE")+"/_simulator/resources/"+args[0]+"/image?"+q.Encode(), "", nil)
	ts.Check(err)
	if resp.Body.Close(); resp.StatusCode != http.StatusOK {
		ts.Fatalf("refuse: %s", resp.Status)
	}
}

// scriptStatus runs a program and wants one exit status.
func scriptStatus(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: status N COMMAND...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		exit, ok := err.(*exec.ExitError)
		if !ok {
			ts.Fatalf("run %s: %v", args[1], err)
		}
		got = exit.ExitCode()
	}
	if got != want {
		ts.Fatalf("exit status %d, want %d", got, want)
	}
}

// scriptFull mounts a small file system, for real disks that are full.
func scriptFull(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: full DIR KIB")
	}
	dir := ts.MkAbs(args[0])
	ts.Check(os.MkdirAll(dir, 0o755))
	ts.Check(mountSmall(dir, args[1]))
	ts.Defer(func() { ts.Check(unmount(dir)) })
}
