// Package simtest runs the simulated Custom Vision service for tests:
//
//	sim := simtest.Start(t, simulator.Options{})
//	client := New(sim.Endpoint("westeurope"), sim.Key("westeurope"))
//	sim.Service.Resource("westeurope").SetDown(true)
package simtest

import (
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"

	"cvarchive/remote/simulator"
)

// Server is a simulated service that listens on 127.0.0.1 until the test
// ends, or one that is in the test's own process only.
type Server struct {
	Service *simulator.Service
	URL     string // without a trailing slash
	// HTTPClient is how clients reach a service in the process; nil: by any
	// client.
	HTTPClient *http.Client

	t testing.TB
}

// Start runs a service. Without resources in the options there are two,
// westeurope and northeurope. BaseURL is filled in.
func Start(t testing.TB, opt simulator.Options) *Server {
	t.Helper()
	addResources(&opt)
	srv := httptest.NewUnstartedServer(nil)
	srv.Config.ErrorLog = log.New(io.Discard, "", 0) // cut connections are part of the simulation
	if opt.BaseURL == "" {
		opt.BaseURL = "http://" + srv.Listener.Addr().String()
	}
	svc, err := simulator.New(opt)
	if err != nil {
		srv.Listener.Close()
		t.Fatal(err)
	}
	srv.Config.Handler = svc
	srv.Start()
	t.Cleanup(srv.Close)
	return &Server{Service: svc, URL: opt.BaseURL, t: t}
}

// InProcess is [Start] without a network: every request of HTTPClient is a
// call of the service's handler, so that tests of many thousand calls are
// quick. Faults that cut connections need [Start].
func InProcess(t testing.TB, opt simulator.Options) *Server {
	t.Helper()
	addResources(&opt)
	if opt.BaseURL == "" {
		opt.BaseURL = "http://127.0.0.1"
	}
	svc, err := simulator.New(opt)
	if err != nil {
		t.Fatal(err)
	}
	return &Server{Service: svc, URL: opt.BaseURL, HTTPClient: &http.Client{Transport: handlerTransport{svc}}, t: t}
}

func addResources(opt *simulator.Options) {
	if len(opt.Resources) == 0 {
		opt.Resources = []simulator.ResourceOptions{
			{Name: "westeurope", Key: "westeurope-key"},
			{Name: "northeurope", Key: "northeurope-key"},
		}
	}
}

// handlerTransport answers requests by a handler.
type handlerTransport struct{ handler http.Handler }

func (h handlerTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	if err := req.Context().Err(); err != nil {
		return nil, err
	}
	in := req.Clone(req.Context())
	in.Host, in.RequestURI, in.RemoteAddr = req.URL.Host, req.URL.RequestURI(), "127.0.0.1:1"
	if in.Body == nil {
		in.Body = http.NoBody
	}
	if in.ContentLength >= 0 { // as a client writes it on the wire
		in.Header.Set("Content-Length", strconv.FormatInt(in.ContentLength, 10))
	}
	defer in.Body.Close()
	w := httptest.NewRecorder()
	h.handler.ServeHTTP(w, in)
	resp := w.Result()
	resp.Request = req
	return resp, nil
}

// Resource returns the named resource, and fails the test when there is none.
func (s *Server) Resource(name string) *simulator.Resource {
	s.t.Helper()
	r := s.Service.Resource(name)
	if r == nil {
		s.t.Fatalf("simtest: no resource %q", name)
	}
	return r
}

// Endpoint is the endpoint of the named resource, as a config would have it.
func (s *Server) Endpoint(name string) string {
	s.t.Helper()
	return s.URL + "/" + s.Resource(name).Name()
}

// Key is the training key of the named resource.
func (s *Server) Key(name string) string {
	s.t.Helper()
	return s.Resource(name).Key()
}
