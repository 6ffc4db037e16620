package simulator

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// Resource is one Custom Vision resource of the service, as its owner and as
// the cloud's operator would control it.
type Resource struct {
	s   *Service
	opt ResourceOptions

	projects []*project // oldest first; guarded by s.mu

	mu        sync.Mutex // guards what follows
	down      bool
	noExport  bool
	limit     bucket
	train     bucket
	calls     map[string]int
	blobReads int
	blobBytes int64
	received  Received
	faults    []*Injected

	imageFaults map[string]*InjectedImage // by SHA-256
}

func newResource(s *Service, opt ResourceOptions) *Resource {
	r := &Resource{s: s, opt: opt, noExport: opt.NoExport, calls: map[string]int{}}
	r.setRate(opt.CallsPerSecond)
	return r
}

// Name returns the resource's name, the first path element of its endpoint.
func (r *Resource) Name() string { return r.opt.Name }

// Key returns the resource's training key.
func (r *Resource) Key() string { return r.opt.Key }

// Handler serves the resource alone, at the root of a listener of its own,
// for client libraries that take no endpoint with a path.
func (r *Resource) Handler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		r.s.serveResource(w, req, r, strings.TrimPrefix(req.URL.Path, "/"))
	})
}

// SetDown switches the whole region off or on, API and blobs alike. While it
// is down, connections are cut without an answer; imports that still read
// from it fail, keeping what had arrived.
func (r *Resource) SetDown(down bool) {
	if down {
		r.s.mu.Lock()
		r.s.failImportsFrom(r.opt.Name)
		r.s.mu.Unlock()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.down = down
}

func (r *Resource) isDown() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.down
}

// SetNoExport takes the right to ExportProject away from the key, or gives
// it back.
func (r *Resource) SetNoExport(denied bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.noExport = denied
}

func (r *Resource) exportDenied() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.noExport || r.opt.ReadOnly
}

// SetCallsPerSecond changes the rate limit; 0 lifts it.
func (r *Resource) SetCallsPerSecond(n float64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.setRate(n)
}

func (r *Resource) setRate(n float64) {
	r.limit = bucket{rate: n}
	r.train = bucket{rate: n}
	if n > 0 && r.opt.Tier == TierF0 {
		r.train.rate = min(n, 2)
	}
}

// SetDRMode makes a project temporarily read-only, as the service does in its
// own disasters. It reports whether the project exists.
func (r *Resource) SetDRMode(projectID string, on bool) bool {
	r.s.mu.Lock()
	defer r.s.mu.Unlock()
	p := r.project(projectID)
	if p == nil {
		return false
	}
	p.DR, r.s.dirty = on, true
	return true
}

// Calls returns how often each operation was called, by the spec's operation
// ids, refused calls included.
func (r *Resource) Calls() map[string]int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return maps.Clone(r.calls)
}

// BlobReads returns how many requests for blobs arrived, and how many bytes
// of them were sent.
func (r *Resource) BlobReads() (requests int, bytes int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.blobReads, r.blobBytes
}

// Received counts the bytes of pictures that came with calls that create
// images, whether they were kept or not.
type Received struct {
	Uploaded int64 // in the calls
	Encoded  int64 // the same in base64, where the calls have it so
	Fetched  int64 // from the addresses that the calls gave
}

// Received returns what came since the last [Resource.ResetCalls].
func (r *Resource) Received() Received {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.received
}

func (r *Resource) receive(more Received) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.received.Uploaded += more.Uploaded
	r.received.Encoded += more.Encoded
	r.received.Fetched += more.Fetched
}

// ResetCalls starts counting anew.
func (r *Resource) ResetCalls() {
	r.mu.Lock()
	defer r.mu.Unlock()
	clear(r.calls)
	r.blobReads, r.blobBytes, r.received = 0, 0, Received{}
}

func (r *Resource) countBlob(bytes int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.blobReads++
	r.blobBytes += bytes
}

// admit counts a call and reports whether the rate limit lets it pass.
func (r *Resource) admit(op string, now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.calls[op]++
	if op == "TrainProject" && !r.train.take(now) {
		return false
	}
	return r.limit.take(now)
}

// project finds a project by id; the caller holds s.mu.
func (r *Resource) project(id string) *project {
	i := slices.IndexFunc(r.projects, func(p *project) bool { return p.ID == id })
	if i < 0 {
		return nil
	}
	return r.projects[i]
}

// nameTaken reports whether another project than except has the name.
func (r *Resource) nameTaken(name string, except *project) bool {
	return slices.ContainsFunc(r.projects, func(p *project) bool { return p != except && p.Name == name })
}

// bucket is a token bucket that holds one second's worth of calls.
type bucket struct {
	rate   float64
	tokens float64
	last   time.Time
}

func (b *bucket) take(now time.Time) bool {
	if b.rate <= 0 {
		return true
	}
	burst := max(b.rate, 1)
	if b.last.IsZero() {
		b.tokens = burst
	} else if dt := now.Sub(b.last); dt > 0 {
		b.tokens = min(burst, b.tokens+dt.Seconds()*b.rate)
	}
	b.last = now
	if b.tokens < 1 {
		return false
	}
	b.tokens--
	return true
}
