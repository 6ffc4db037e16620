package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cvarchive/manifest"
	"cvarchive/remote/customvision"
	"cvarchive/remote/simulator"
)

var (
	kills    = flag.Int("kills", 3, "how often TestRestoreKilledAtRandom kills each kind of restore")
	killSeed = flag.Uint64("kill-seed", 1, "what TestRestoreKilledAtRandom chooses its moments from")
)

// trap is a service that kills a program at one of its calls to the resource
// northeurope: before the call has its effect, or after that, with the answer
// lost.
type trap struct {
	inner http.Handler

	mu    sync.Mutex
	left  int // calls until it springs; 0: it is not set
	after bool
	kill  func()
	seen  int
}

func (tr *trap) set(left int, after bool, kill func()) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	tr.left, tr.after, tr.kill, tr.seen = left, after, kill, 0
}

// disarm reports whether the trap has sprung.
func (tr *trap) disarm() bool {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	sprung := tr.left > 0 && tr.seen >= tr.left
	tr.left = 0
	return sprung
}

func (tr *trap) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	if !strings.HasPrefix(req.URL.Path, "/northeurope/customvision/") {
		tr.inner.ServeHTTP(w, req)
		return
	}
	tr.mu.Lock()
	tr.seen++
	springs := tr.left > 0 && tr.seen == tr.left
	after, kill := tr.after, tr.kill
	tr.mu.Unlock()
	switch {
	case springs && after:
		tr.inner.ServeHTTP(httptest.NewRecorder(), req)
	case !springs:
		tr.inner.ServeHTTP(w, req)
		return
	}
	kill()
	panic(http.ErrAbortHandler)
}

// underWay is how many calls of one operation are under way at a death at most:
// the four that create the images of the project Many, and one for another.
const underWay = 5

// TestRestoreKilledAtRandom kills the program, as the system's kill -9 does, at
// random calls of a rebuild, of an import, and of an import that fails and
// is followed by a rebuild; each time until one run comes to its end. What is
// then in the target is what an uninterrupted run leaves there, and few calls
// were made twice. For more:
//
//	go test ./cmd/cvarchive -run KilledAtRandom -v -args -kills 100 -kill-seed 7
func TestRestoreKilledAtRandom(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("there is no kill -9")
	}
	few := []string{"--project", "Fruit", "--project", "Many"} // each import is waited for, for real
	for name, tt := range map[string]struct {
		args []string
		down bool // the source's region
	}{
		"rebuild":       {args: []string{"--mode", "rebuild"}},
		"import":        {args: few},
		"failed import": {args: few, down: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k := newKilling(t, append([]string{"restore", "latest", "--to", "north", "--yes", "--progress", "none"}, tt.args...))
			k.service.Resource("westeurope").SetDown(tt.down)
			k.run(0, false)
			requests, calm, want := k.trap.seen, k.writes(), stateOf(t, k.base+"/northeurope")
			if len(want) < 2 {
				t.Fatalf("the target holds only %d projects", len(want))
			}
			r := rand.New(rand.NewPCG(*killSeed, uint64(len(name))))
			for range *kills {
				k.empty()
				var moments []string
				for {
					at, after := 1+r.IntN(requests), r.IntN(2) == 0
					if len(moments) == 3 {
						at = 0 // it has died often enough
					}
					if !k.run(at, after) {
						break
					}
					moments = append(moments, fmt.Sprintf("%d (after: %t)", at, after))
				}
				writes := k.writes()
				t.Logf("killed at calls %v of %d: %d writing calls, %d uninterrupted", moments, requests, sum(writes), sum(calm))
				got := stateOf(t, k.base+"/northeurope")
				if d := cmp.Diff(want, got); d != "" {
					t.Errorf("after kills at %v (-uninterrupted +killed):\n%s", moments, d)
				}
				for op, n := range writes {
					if most := calm[op] + underWay*len(moments); n > most {
						t.Errorf("after kills at %v: %d %s calls, want at most %d", moments, n, op, most)
					}
				}
				if t.Failed() {
					t.FailNow()
				}
			}
		})
	}
}

// killing is an account with a backup of it, and a target that is restored to
// again and again.
type killing struct {
	t       *testing.T
	service *simulator.Service
	trap    *trap
	base    string
	dir     string
	args    []string
}

func newKilling(t *testing.T, args []string) *killing {
	t.Helper()
	service := newSimulator(t, testKey, "westeurope", "northeurope")
	tr := &trap{inner: service}
	server := httptest.NewServer(tr)
	t.Cleanup(server.Close)
	k := &killing{t: t, service: service, trap: tr, base: server.URL, dir: filepath.Dir(configFor(t, server.URL)), args: args}
	for _, seed := range []func(string) error{seedSmall, seedImages(200)} {
		if err := seed(server.URL + "/westeurope"); err != nil {
			t.Fatal(err)
		}
	}
	backUp(t, k.dir)
	service.Resource("northeurope").ResetCalls()
	return k
}

// run restores, and reports whether the program was killed, at its n-th
// call; 0: never.
func (k *killing) run(n int, after bool) (killed bool) {
	k.t.Helper()
	cmd := programIn(k.t, k.dir, k.args...)
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &out
	started := make(chan struct{})
	k.trap.set(n, after, func() {
		<-started
		if err := cmd.Process.Kill(); err != nil {
			k.t.Error(err)
		}
	})
	if err := cmd.Start(); err != nil {
		k.t.Fatal(err)
	}
	close(started)
	err := cmd.Wait()
	sprung := k.trap.disarm()
	exit, _ := errors.AsType[*exec.ExitError](err)
	switch {
	case sprung && exit != nil && !exit.Exited():
		return true
	case err != nil:
		k.t.Fatalf("the restore ended with %v:\n%s", err, &out)
	}
	return false
}

// writes counts the writing calls that the target saw since it was emptied.
func (k *killing) writes() map[string]int {
	calls := k.service.Resource("northeurope").Calls()
	for op := range calls {
		if strings.HasPrefix(op, "Get") {
			delete(calls, op)
		}
	}
	return calls
}

func sum(calls map[string]int) (n int) {
	for _, v := range calls {
		n += v
	}
	return n
}

// empty deletes what is in the target.
func (k *killing) empty() {
	k.t.Helper()
	c := clientOf(k.t, k.base+"/northeurope")
	projects, err := c.Projects(k.t.Context())
	for _, p := range projects {
		err = errors.Join(err, c.DeleteProject(k.t.Context(), p.ID))
	}
	if err != nil {
		k.t.Fatal(err)
	}
	k.service.Resource("northeurope").ResetCalls()
}

func clientOf(t *testing.T, endpoint string) *customvision.Client {
	t.Helper()
	c, err := customvision.New(customvision.Options{Endpoint: endpoint, TrainingKey: manifest.NewSecret(testKey), CallsPerSecond: -1})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// incomplete is the part of a name that a project moved aside gets of its own
// id.
var incomplete = regexp.MustCompile(`\(incomplete import .*\)`)

// stateOf says what a resource holds, without ids and dates: for each project
// its settings, tags, and images with their content and labels. Of what failed
// imports left, only that it is there.
func stateOf(t *testing.T, endpoint string) map[string][]string {
	t.Helper()
	c := clientOf(t, endpoint)
	projects, err := c.Projects(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	state := map[string][]string{}
	for _, p := range projects {
		if incomplete.MatchString(p.Name) {
			continue
		}
		lines, err := linesOf(t.Context(), c, p)
		if err != nil {
			t.Fatal(err)
		}
		if state[p.Name] != nil {
			t.Errorf("project %q is there twice", p.Name)
		}
		state[p.Name] = lines
	}
	return state
}

func linesOf(ctx context.Context, c *customvision.Client, p manifest.Project) ([]string, error) {
	lines := []string{fmt.Sprintf("project %q %s %s %v", p.Description, p.Settings.DomainID, p.Settings.ClassificationType, p.Settings.ImageProcessingSettings)}
	tags, err := c.Tags(ctx, p.ID, "")
	if err != nil {
		return nil, err
	}
	names := map[string]string{}
	for _, t := range tags {
		names[t.ID] = t.Name
		lines = append(lines, fmt.Sprintf("tag %q %q %s %d", t.Name, t.Description, t.Type, t.ImageCount))
	}
	images, err := c.Images(ctx, p.ID, manifest.ImageQuery{Take: manifest.MaxPage})
	if err != nil {
		return nil, err
	}
	for _, img := range images {
		var labels []string
		for _, t := range img.Tags {
			labels = append(labels, names[t.TagID])
		}
		for _, r := range img.Regions {
			labels = append(labels, fmt.Sprint(names[r.TagID], r.Left, r.Top, r.Width, r.Height))
		}
		slices.Sort(labels)
		body, _, err := c.Download(ctx, p.ID, img.OriginalURI, 0)
		if err != nil {
			return nil, err
		}
		h := sha256.New()
		_, err = io.Copy(h, body)
		if err = errors.Join(err, body.Close()); err != nil {
			return nil, err
		}
		lines = append(lines, fmt.Sprintf("image %x %q %v", h.Sum(nil), labels, img.Metadata))
	}
	slices.Sort(lines)
	return lines, nil
}
