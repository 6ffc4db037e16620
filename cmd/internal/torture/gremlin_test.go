package torture

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// gremlin stands between the program and a server and gets in the way.
type gremlin struct {
	next http.Handler
	log  func(*http.Request, int) // sees each request of a program that runs, and the status of its answer

	mu     sync.Mutex
	seen   int // requests since the last arm
	era    int // counts arms
	faults []*fault
	events []event
}

// fault is something that goes wrong with a request.
type fault struct {
	kind  string // as the totals name it
	where func(*http.Request) bool
	after int // so many matching requests pass first
	times int // so many are struck
	do    strike
	hits  atomic.Int64
}

// strike answers a request instead of the server, or with its help.
type strike func(next http.Handler, w http.ResponseWriter, r *http.Request)

// event is something that happens when a request arrives.
type event struct {
	at int // the request's number, from 1
	do func()
}

// arm replaces all faults and events, and counts requests anew.
func (g *gremlin) arm(faults []*fault, events []event) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.seen, g.faults, g.events = 0, faults, events
	g.era++
}

// ServeHTTP implements [http.Handler].
func (g *gremlin) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Context().Value(eraKey{}) != g.now() { // of a program that has ended
		g.next.ServeHTTP(w, r)
		return
	}
	f, due := g.meet(r)
	for _, do := range due {
		do()
	}
	s := &statusWriter{ResponseWriter: w}
	if era := g.now(); g.log != nil {
		defer func() {
			if era == g.now() {
				g.log(r, s.status)
			}
		}()
	}
	if f == nil {
		g.next.ServeHTTP(s, r)
		return
	}
	f.hits.Add(1)
	f.do(g.next, s, r)
}

type eraKey struct{}

// now is the era that connections belong to.
func (g *gremlin) now() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.era
}

func (g *gremlin) meet(r *http.Request) (struck *fault, due []func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.seen++
	for _, e := range g.events {
		if e.at == g.seen {
			due = append(due, e.do)
		}
	}
	for _, f := range g.faults {
		if f.times == 0 || !f.where(r) {
			continue
		}
		if f.after > 0 {
			f.after--
			continue
		}
		f.times--
		return f, due
	}
	return nil, due
}

type statusWriter struct {
	http.ResponseWriter
	status int
}

func (s *statusWriter) WriteHeader(status int) {
	s.status = status
	s.ResponseWriter.WriteHeader(status)
}

func (s *statusWriter) Unwrap() http.ResponseWriter { return s.ResponseWriter }

// serve listens on 127.0.0.1 until the test ends; broken connections are not
// worth a line.
func serve(t *testing.T, h http.Handler) string {
	t.Helper()
	s := httptest.NewUnstartedServer(h)
	if g, ok := h.(*gremlin); ok {
		s.Config.ConnContext = func(ctx context.Context, _ net.Conn) context.Context {
			return context.WithValue(ctx, eraKey{}, g.now())
		}
	}
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.Start()
	t.Cleanup(s.Close)
	return s.URL
}

// cut ends the connection without another byte.
func cut() { panic(http.ErrAbortHandler) }

// answer answers with a failure; the request has no effect. Headers are given
// as pairs.
func answer(status int, body string, headers ...string) strike {
	return func(_ http.Handler, w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		for i := 0; i+1 < len(headers); i += 2 {
			w.Header().Set(headers[i], headers[i+1])
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

// resetBefore loses the request.
func resetBefore(http.Handler, http.ResponseWriter, *http.Request) { cut() }

// resetAfter loses the answer; the request has its effect.
func resetAfter(next http.Handler, _ http.ResponseWriter, r *http.Request) {
	next.ServeHTTP(httptest.NewRecorder(), r)
	cut()
}

// refusedAfter has the effect and answers with a failure.
func refusedAfter(status int, body string, headers ...string) strike {
	return func(next http.Handler, w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(httptest.NewRecorder(), r)
		answer(status, body, headers...)(nil, w, r)
	}
}

// replay sends a recorded answer with another body. The length that is
// announced is that of the recorded one, unless announce is set.
func replay(w http.ResponseWriter, rec *httptest.ResponseRecorder, body []byte, announce bool) {
	for name, values := range rec.Header() {
		w.Header()[name] = values
	}
	length := rec.Body.Len()
	if announce {
		length = len(body)
	}
	w.Header().Set("Content-Length", fmt.Sprint(length))
	w.WriteHeader(rec.Code)
	_, _ = w.Write(body)
}

// truncated cuts the connection in the middle of the answer's body.
func truncated(next http.Handler, w http.ResponseWriter, r *http.Request) {
	rec := httptest.NewRecorder()
	next.ServeHTTP(rec, r)
	replay(w, rec, rec.Body.Bytes()[:rec.Body.Len()/2], false)
	_ = http.NewResponseController(w).Flush()
	cut()
}

// slow sends the answer in drops.
func slow(next http.Handler, w http.ResponseWriter, r *http.Request) {
	rec := httptest.NewRecorder()
	next.ServeHTTP(rec, r)
	body := rec.Body.Bytes()
	replay(w, rec, nil, false)
	const drops = 6
	for i := range drops {
		time.Sleep(25 * time.Millisecond) // this is the fault, nobody waits for it
		_, _ = w.Write(body[len(body)*i/drops : len(body)*(i+1)/drops])
		_ = http.NewResponseController(w).Flush()
	}
}

// changed sends a whole answer with other bytes than the server's, under the
// server's headers.
func changed(change func([]byte) []byte) strike {
	return func(next http.Handler, w http.ResponseWriter, r *http.Request) {
		rec := httptest.NewRecorder()
		next.ServeHTTP(rec, r)
		replay(w, rec, change(bytes.Clone(rec.Body.Bytes())), true)
	}
}

func flipped(b []byte) []byte {
	if len(b) > 0 {
		b[len(b)/2] ^= 0x10
	}
	return b
}

func shortened(b []byte) []byte { return b[:len(b)*2/3] }

func emptied([]byte) []byte { return nil }

// halfWritten passes on half of the request's body and loses the connection
// on both sides.
func halfWritten(next http.Handler, _ http.ResponseWriter, r *http.Request) {
	half := r.Clone(r.Context())
	half.Body = io.NopCloser(io.MultiReader(io.LimitReader(r.Body, r.ContentLength/2), brokenReader{}))
	func() {
		defer func() { _ = recover() }() // the proxy gives up in its own way
		next.ServeHTTP(httptest.NewRecorder(), half)
	}()
	cut()
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// Where faults strike.

func isImage(r *http.Request) bool { return strings.Contains(r.URL.Path, "/blob/") }
func isCall(r *http.Request) bool  { return !isImage(r) }
func isAny(*http.Request) bool     { return true }
func isWrite(r *http.Request) bool { return r.Method == http.MethodPut && r.ContentLength > 0 }
func isRead(r *http.Request) bool  { return r.Method == http.MethodGet }

// pick returns one of the given strikes.
func pick(rng *rand.Rand, of ...strike) strike { return of[rng.IntN(len(of))] }
