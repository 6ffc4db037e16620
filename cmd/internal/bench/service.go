package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"cvarchive/manifest"
	"cvarchive/remote/customvision"
	"cvarchive/remote/simulator"
)

// serviceSpec describes a service: its resources, of which the first holds
// the account, and how far away it is.
type serviceSpec struct {
	Resources      []string      `json:"resources"`
	Projects       []projectSpec `json:"projects"`
	CallsPerSecond float64       `json:"callsPerSecond"` // 0: no limit
	Latency        time.Duration `json:"latency"`        // of every request
	Link           float64       `json:"link"`           // bytes a second, of images in both directions; 0: no limit
	Boundless      bool          `json:"boundless"`      // an account without limits
	MadeUp         *madeUpSpec   `json:"madeUp"`         // what the first resource has instead of projects
}

// ready is what the service prints when it can be used.
type ready struct {
	URL    string `json:"url"`
	Images int    `json:"images"`
	Bytes  int64  `json:"bytes"`
}

// serviceMode runs the simulated service: the first JSON value of its input
// describes it, and it ends with its input.
func serviceMode(ctx context.Context, _ []string, stdin io.Reader, stdout io.Writer) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	input := json.NewDecoder(stdin)
	var spec serviceSpec
	if err := input.Decode(&spec); err != nil {
		return fmt.Errorf("read what the service should be: %w", err)
	}
	go func() {
		_, _ = io.Copy(io.Discard, stdin) // until whoever started it is gone
		cancel()
	}()
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	h, err := newServed(ctx, spec, "http://"+listener.Addr().String())
	if err != nil {
		return err
	}
	server := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second}
	context.AfterFunc(ctx, func() { server.Close() })
	if err := json.NewEncoder(stdout).Encode(h.ready()); err != nil {
		return err
	}
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// served is the simulator at a distance.
type served struct {
	url     string
	spec    serviceSpec
	sim     *simulator.Service
	madeUp  *madeUp       // nil: the simulator has it all
	link    *rate.Limiter // nil: as fast as it goes
	mu      sync.Mutex    // one change of the account at a time
	account *account
}

func newServed(ctx context.Context, spec serviceSpec, address string) (*served, error) {
	o := simulator.Options{BaseURL: address, ImportDuration: -1, ImportPerImage: -1}
	for _, name := range spec.Resources {
		r := simulator.ResourceOptions{Name: name, Key: trainingKey}
		if spec.Boundless {
			r.Limits = simulator.Limits{Projects: 1 << 20, ImagesPerProject: 1 << 30}
		}
		o.Resources = append(o.Resources, r)
	}
	sim, err := simulator.New(o)
	if err != nil {
		return nil, err
	}
	s := &served{url: address, spec: spec, sim: sim}
	client, err := customvision.New(customvision.Options{
		Name: "bench", Endpoint: address + "/" + spec.Resources[0], TrainingKey: manifest.NewSecret(trainingKey), CallsPerSecond: -1,
		HTTPClient: &http.Client{Transport: direct{sim}},
	})
	if err != nil {
		return nil, err
	}
	s.account = newAccount(client)
	for _, p := range spec.Projects {
		if err := s.account.fill(ctx, p); err != nil {
			return nil, fmt.Errorf("fill the account: %w", err)
		}
	}
	for _, r := range sim.Resources() { // the filling is free
		r.SetCallsPerSecond(spec.CallsPerSecond)
		r.ResetCalls()
	}
	if spec.MadeUp != nil {
		s.madeUp = newMadeUp(*spec.MadeUp)
	}
	if spec.Link > 0 {
		s.link = rate.NewLimiter(rate.Limit(spec.Link), linkBurst)
	}
	return s, nil
}

func (s *served) ready() ready {
	r := ready{URL: s.url}
	for _, p := range s.account.projects {
		r.Images += p.images
		r.Bytes += p.bytes
	}
	return r
}

// ServeHTTP answers as the service does, and two requests of its own: growth
// by a share of images, and the links to all images.
func (s *served) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var err error
	switch r.URL.Path {
	case "/_bench/grow":
		err = s.grow(w, r)
	case "/_bench/links":
		err = s.links(w, r)
	default:
		s.serve(w, r)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
	}
}

// serve answers from afar.
func (s *served) serve(w http.ResponseWriter, r *http.Request) {
	if s.spec.Latency > 0 && !strings.HasPrefix(r.URL.Path, "/_simulator/") {
		time.Sleep(s.spec.Latency)
	}
	if s.link != nil {
		r.Body = &slowBody{ReadCloser: r.Body, link: s.link, ctx: r.Context()}
		if strings.Contains(r.URL.Path, "/blob/") {
			w = &slowWriter{ResponseWriter: w, link: s.link, ctx: r.Context()}
		}
	}
	if s.madeUp != nil && strings.HasPrefix(r.URL.Path, "/"+s.spec.Resources[0]+"/") {
		s.madeUp.ServeHTTP(w, r)
		return
	}
	s.sim.ServeHTTP(w, r)
}

// grow adds so many per cent of new images to every project.
func (s *served) grow(w http.ResponseWriter, r *http.Request) error {
	percent, err := strconv.Atoi(r.URL.Query().Get("percent"))
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	resource := s.sim.Resource(s.spec.Resources[0])
	resource.SetCallsPerSecond(0)
	defer resource.SetCallsPerSecond(s.spec.CallsPerSecond)
	for _, p := range s.account.projects {
		if err := s.account.grow(r.Context(), p, max(1, p.images*percent/100)); err != nil {
			return err
		}
	}
	resource.ResetCalls()
	return json.NewEncoder(w).Encode(s.ready())
}

// links writes the links to all images, a line each.
func (s *served) links(w http.ResponseWriter, r *http.Request) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.account.projects {
		for skip := 0; skip < p.images; skip += manifest.MaxPage {
			images, err := s.account.client.Images(r.Context(), p.id, manifest.ImageQuery{Skip: skip, Take: manifest.MaxPage})
			if err != nil {
				return err
			}
			for i := range images {
				fmt.Fprintln(w, images[i].OriginalURI.Reveal())
			}
		}
	}
	return nil
}

// linkBurst is how many bytes pass the link at once.
const linkBurst = 64 << 10

// slowBody and slowWriter pass bytes at the speed of the link.
type slowBody struct {
	io.ReadCloser
	link *rate.Limiter
	ctx  context.Context
}

func (b *slowBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p[:min(len(p), linkBurst)])
	if n > 0 {
		if err := b.link.WaitN(b.ctx, n); err != nil {
			return 0, err
		}
	}
	return n, err
}

type slowWriter struct {
	http.ResponseWriter
	link *rate.Limiter
	ctx  context.Context
}

func (w *slowWriter) Write(p []byte) (n int, err error) {
	for len(p) > 0 {
		part := p[:min(len(p), linkBurst)]
		if err := w.link.WaitN(w.ctx, len(part)); err != nil {
			return n, err
		}
		k, err := w.ResponseWriter.Write(part)
		n += k
		if err != nil {
			return n, err
		}
		p = p[k:]
	}
	return n, nil
}

// direct carries requests to a handler without a network in between.
type direct struct{ handler http.Handler }

// RoundTrip implements [http.RoundTripper].
func (d direct) RoundTrip(r *http.Request) (*http.Response, error) {
	a := &answer{header: http.Header{}, status: http.StatusOK}
	r = r.Clone(r.Context())
	if r.Body == nil {
		r.Body = http.NoBody
	}
	defer r.Body.Close()
	if r.Method == http.MethodPost {
		r.Header.Set("Content-Length", strconv.FormatInt(r.ContentLength, 10)) // as on the wire
	}
	r.Host, r.RemoteAddr = r.URL.Host, "127.0.0.1:1"
	d.handler.ServeHTTP(a, r)
	return &http.Response{
		StatusCode: a.status, Status: http.StatusText(a.status), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: a.header, Body: io.NopCloser(&a.body), ContentLength: int64(a.body.Len()), Request: r,
	}, nil
}

// answer is what a handler writes.
type answer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (a *answer) Header() http.Header         { return a.header }
func (a *answer) WriteHeader(status int)      { a.status = status }
func (a *answer) Write(p []byte) (int, error) { return a.body.Write(p) }

// service is a running service process, as the harness sees it.
type service struct {
	ready
	url       string
	resources []string
	process   *exec.Cmd
	input     io.Closer
}

// serve starts a service and waits until it can be used.
func (b *bench) serve(ctx context.Context, spec serviceSpec) (_ *service, err error) {
	cmd := exec.CommandContext(ctx, b.self, "service")
	cmd.Stderr = os.Stderr
	input, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the service: %w", err)
	}
	s := &service{resources: slices.Clone(spec.Resources), process: cmd, input: input}
	defer func() {
		if err != nil {
			s.stop()
		}
	}()
	if err := json.NewEncoder(input).Encode(spec); err != nil {
		return nil, fmt.Errorf("tell the service what to be: %w", err)
	}
	line, err := bufio.NewReader(out).ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, &s.ready)
	}
	if err != nil {
		return nil, fmt.Errorf("start the service: %w", err)
	}
	s.url = s.ready.URL
	return s, nil
}

// stop ends the process.
func (s *service) stop() {
	_ = s.input.Close() // which ends it
	_ = s.process.Wait()
}

// request makes a request of the service's own, or of the simulator's
// controls.
func (s *service) request(ctx context.Context, method, path string, query url.Values) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, s.url+path+"?"+query.Encode(), http.NoBody)
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", resp.Status, text)
	}
	return text, err
}

// links writes the links to all images to a file, which it returns.
func (s *service) links(ctx context.Context, path string) error {
	text, err := s.request(ctx, http.MethodGet, "/_bench/links", nil)
	if err != nil {
		return fmt.Errorf("get the links to all images: %w", err)
	}
	return os.WriteFile(path, text, 0o600)
}

// grow adds so many per cent of new images.
func (s *service) grow(ctx context.Context, percent int) error {
	text, err := s.request(ctx, http.MethodPost, "/_bench/grow", url.Values{"percent": {strconv.Itoa(percent)}})
	if err != nil {
		return fmt.Errorf("add new images: %w", err)
	}
	return json.Unmarshal(text, &s.ready)
}

// counts are what the simulator counted of one resource.
type counts struct {
	Calls     map[string]int `json:"calls"`
	BlobReads int            `json:"blobReads"`
	BlobBytes int64          `json:"blobBytes"`
}

func (c counts) total() int {
	n := 0
	for _, v := range c.Calls {
		n += v
	}
	return n
}

// String has the calls by operation.
func (c counts) String() string {
	var parts []string
	for _, op := range slices.Sorted(maps.Keys(c.Calls)) {
		parts = append(parts, fmt.Sprintf("%s %d", op, c.Calls[op]))
	}
	return strings.Join(parts, ", ")
}

// counted returns the counts of a resource.
func (s *service) counted(ctx context.Context, resource string) (counts, error) {
	var all map[string]counts
	text, err := s.request(ctx, http.MethodGet, "/_simulator/calls", nil)
	if err == nil {
		err = json.Unmarshal(text, &all)
	}
	return all[resource], err
}

// reset begins to count anew.
func (s *service) reset(ctx context.Context) error {
	_, err := s.request(ctx, http.MethodPost, "/_simulator/calls/reset", nil)
	return err
}
