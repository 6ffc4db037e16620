package simulator

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// controlPrefix is the path element of the controls; no resource can have
// the name.
const controlPrefix = "_simulator"

// serveControl answers the controls that other processes on the same machine
// use:
//
//	GET  /_simulator/status
//	GET  /_simulator/calls
//	POST /_simulator/calls/reset
//	POST /_simulator/advance?by=25h
//	POST /_simulator/save
//	POST /_simulator/resources/{name}/down
//	POST /_simulator/resources/{name}/up
//	POST /_simulator/resources/{name}/rate?calls=10
//	POST /_simulator/resources/{name}/image?sha256=ab12…&status=ErrorStorage&times=2
func (s *Service) serveControl(w http.ResponseWriter, req *http.Request, path string) {
	if !fromLoopback(req) {
		http.Error(w, "The controls are for programs on the same machine.", http.StatusForbidden)
		return
	}
	elems := strings.Split(strings.Trim(path, "/"), "/")
	if len(elems) == 3 && elems[0] == "resources" && req.Method == http.MethodPost {
		s.controlResource(w, req, elems[1], elems[2])
		return
	}
	switch req.Method + " " + strings.Join(elems, "/") {
	case "GET status":
		s.controlStatus(w)
	case "GET calls":
		s.controlCalls(w)
	case "POST calls/reset":
		for _, r := range s.resources {
			r.ResetCalls()
		}
		s.controlCalls(w)
	case "POST advance":
		by, err := time.ParseDuration(req.URL.Query().Get("by"))
		if err != nil {
			http.Error(w, "by must be a duration such as 25h.", http.StatusBadRequest)
			return
		}
		s.Advance(by)
		s.controlStatus(w)
	case "POST save":
		if err := s.Save(); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		s.controlStatus(w)
	default:
		http.NotFound(w, req)
	}
}

func (s *Service) controlResource(w http.ResponseWriter, req *http.Request, name, verb string) {
	r := s.find(name)
	if r == nil {
		http.Error(w, fmt.Sprintf("There is no resource %q.", name), http.StatusNotFound)
		return
	}
	switch verb {
	case "down", "up":
		r.SetDown(verb == "down")
	case "rate":
		n, err := strconv.ParseFloat(req.URL.Query().Get("calls"), 64)
		if err != nil || n < 0 {
			http.Error(w, "calls must be a number of calls per second; 0 means no limit.", http.StatusBadRequest)
			return
		}
		r.SetCallsPerSecond(n)
	case "image":
		q := req.URL.Query()
		times, err := strconv.Atoi(cmp.Or(q.Get("times"), "1"))
		if sum, bad := hex.DecodeString(q.Get("sha256")); err != nil || bad != nil || len(sum) != sha256.Size {
			http.Error(w, "sha256 must be a picture's SHA-256 in hexadecimal, and times a number of calls; -1 means always.", http.StatusBadRequest)
			return
		}
		r.InjectImage(ImageFault{SHA256: q.Get("sha256"), Status: q.Get("status"), Times: times})
	default:
		http.NotFound(w, req)
		return
	}
	s.controlStatus(w)
}

func (s *Service) controlStatus(w http.ResponseWriter) {
	type resource struct {
		Name string `json:"name"`
		Tier string `json:"tier"`
		Down bool   `json:"down"`
	}
	list := []resource{}
	for _, r := range s.resources {
		list = append(list, resource{r.opt.Name, r.opt.Tier, r.isDown()})
	}
	writeJSON(w, http.StatusOK, map[string]any{"now": s.Now(), "resources": list})
}

func (s *Service) controlCalls(w http.ResponseWriter) {
	type counts struct {
		Calls     map[string]int `json:"calls"`
		BlobReads int            `json:"blobReads"`
		BlobBytes int64          `json:"blobBytes"`
	}
	out := map[string]counts{}
	for _, r := range s.resources {
		reads, bytes := r.BlobReads()
		out[r.opt.Name] = counts{r.Calls(), reads, bytes}
	}
	writeJSON(w, http.StatusOK, out)
}

func fromLoopback(req *http.Request) bool {
	host, _, err := net.SplitHostPort(req.RemoteAddr)
	ip := net.ParseIP(host)
	return err == nil && ip != nil && ip.IsLoopback()
}
