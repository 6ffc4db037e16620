// Package simtest runs the simulated Custom Vision service for tests:
//
//	sim := simtest.Start(t, simulator.Options{})
//	client := New(sim.Endpoint("westeurope"), sim.Key("westeurope"))
//	sim.Service.Resource("westeurope").SetDown(true)
package simtest

import (
	"io"
	"log"
	"net/http/httptest"
	"testing"

	"cvarchive/remote/simulator"
)

// Server is a simulated service that listens on 127.0.0.1 until the test
// ends.
type Server struct {
	Service *simulator.Service
	URL     string // without a trailing slash

	t testing.TB
}

// Start runs a service. Without resources in the options there are two,
// westeurope and northeurope. BaseURL is filled in.
func Start(t testing.TB, opt simulator.Options) *Server {
	t.Helper()
	if len(opt.Resources) == 0 {
		opt.Resources = []simulator.ResourceOptions{
			{Name: "westeurope", Key: "westeurope-key"},
			{Name: "northeurope", Key: "northeurope-key"},
		}
	}
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
