package simulator

import (
	"crypto/rand"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"
)

// Service is the whole simulated cloud: several resources, one clock. It is
// an [http.Handler]; the endpoint of a resource is the base address followed
// by "/" and the resource's name. Its methods may be called at any time from
// any goroutine.
type Service struct {
	opt Options

	mu        sync.Mutex // guards all that follows, and all projects
	offset    time.Duration
	resources []*Resource
	snapshots map[string]*snapshot // exported projects by id
	signKey   []byte               // signs links
	blobs     *blobStore
	dirty     bool

	signings sync.Pool // of *signing
}

// New makes a service. With a state folder that holds something already, it
// goes on from there.
func New(opt Options) (*Service, error) {
	if err := opt.applyDefaults(); err != nil {
		return nil, err
	}
	s := &Service{
		opt:       opt,
		snapshots: map[string]*snapshot{},
		signKey:   make([]byte, 32),
		blobs:     newBlobStore(opt.StateDir),
	}
	rand.Read(s.signKey) // never fails
	s.signings.New = s.newSigning
	for _, ro := range opt.Resources {
		if err := ro.check(); err != nil {
			return nil, err
		}
		if s.find(ro.Name) != nil {
			return nil, fmt.Errorf("simulator: two resources are named %s", ro.Name)
		}
		s.resources = append(s.resources, newResource(s, ro))
	}
	if opt.StateDir != "" {
		if err := s.load(); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// Resource returns the named resource, or nil when there is none. Names are
// compared without regard to case.
func (s *Service) Resource(name string) *Resource { return s.find(name) }

// Resources returns all resources, in the order of the options.
func (s *Service) Resources() []*Resource { return s.resources }

func (s *Service) find(name string) *Resource {
	for _, r := range s.resources {
		if strings.EqualFold(r.opt.Name, name) {
			return r
		}
	}
	return nil
}

// Advance moves the service's clock by d, which may be negative: links and
// tokens expire, imports and trainings end.
func (s *Service) Advance(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.offset += d
	s.dirty = true
}

// Now returns the service's time, in UTC.
func (s *Service) Now() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now()
}

// now is Now for holders of the lock, in the service's resolution of 100 ns.
func (s *Service) now() time.Time {
	return s.opt.Now().Add(s.offset).UTC().Truncate(100)
}

// ServeHTTP answers the Training API, blob links and the controls under
// /_simulator/. The resource is the first element of the path, or else the
// first label of the host, such as westeurope.localhost.
func (s *Service) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	path := strings.TrimPrefix(req.URL.Path, "/")
	first, rest, _ := strings.Cut(path, "/")
	if first == controlPrefix {
		s.serveControl(w, req, rest)
		return
	}
	r := s.find(first)
	if r == nil {
		label, _, _ := strings.Cut(req.Host, ".")
		r, rest = s.find(label), path
	}
	if r == nil {
		writeJSON(w, http.StatusNotFound, gatewayError{Error: errorBody{Code: "404", Message: "Resource not found"}})
		return
	}
	s.serveResource(w, req, r, rest)
}

// serveResource answers what is below a resource's endpoint.
func (s *Service) serveResource(w http.ResponseWriter, req *http.Request, r *Resource, rest string) {
	if r.isDown() {
		panic(http.ErrAbortHandler) // cuts the connection without an answer
	}
	if path, ok := strings.CutPrefix(rest, "blob/"); ok {
		s.serveBlob(w, req, r, path)
		return
	}
	s.serveAPI(w, req, r, rest)
}

// base returns the address that links begin with.
func (s *Service) base(req *http.Request) string {
	if s.opt.BaseURL != "" {
		return s.opt.BaseURL
	}
	scheme := "http"
	if req.TLS != nil {
		scheme = "https"
	}
	return scheme + "://" + req.Host
}
