package simulator

import (
	"io"
	"net/http"
	"strings"
	"sync/atomic"
)

// BlobOperation is the name under which faults of blob reads are injected.
const BlobOperation = "Blob"

// Fault is a failure that tests put into a resource. Which failure: Drop,
// DropAfter, Lose or Status, in this order; with none of them the call goes
// its normal way after Do.
type Fault struct {
	// Operation is an operation id of the spec, [BlobOperation], or empty
	// for all of both.
	Operation string
	// After lets so many matching calls pass first.
	After int
	// Times is how many calls it strikes; 0 means once, negative always.
	Times int

	// Do is called when the fault strikes, before anything else.
	Do func()
	// Drop cuts the connection before anything is done.
	Drop bool
	// DropAfter cuts the connection after so many bytes of the answer's
	// body; the operation takes effect.
	DropAfter int
	// Lose cuts the connection instead of answering; the operation takes
	// effect.
	Lose bool
	// Status answers with this status, Header and Body; nothing is done.
	Status int
	Header http.Header
	Body   string
}

// Injected is a fault in place.
type Injected struct {
	fault   Fault
	passed  int
	left    int
	hits    atomic.Int64
	removed atomic.Bool
}

// Hits returns how often the fault has struck.
func (i *Injected) Hits() int { return int(i.hits.Load()) }

// Remove takes the fault out.
func (i *Injected) Remove() { i.removed.Store(true) }

// Inject puts a fault in place. Of several that match a call, the first one
// injected strikes.
func (r *Resource) Inject(f Fault) *Injected {
	r.mu.Lock()
	defer r.mu.Unlock()
	i := &Injected{fault: f, left: f.Times}
	if f.Times == 0 {
		i.left = 1
	}
	r.faults = append(r.faults, i)
	return i
}

// strike returns the fault that meets this call, or nil.
func (r *Resource) strike(op string) *Fault {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, i := range r.faults {
		if i.removed.Load() || i.left == 0 || (i.fault.Operation != "" && i.fault.Operation != op) {
			continue
		}
		if i.passed < i.fault.After {
			i.passed++
			continue
		}
		if i.left > 0 {
			i.left--
		}
		i.hits.Add(1)
		return &i.fault
	}
	return nil
}

// meet carries out the fault that is due, if any. It returns the writer to
// answer through, and whether the call has been answered already.
func (r *Resource) meet(op string, w http.ResponseWriter) (http.ResponseWriter, bool) {
	f := r.strike(op)
	if f == nil {
		return w, false
	}
	if f.Do != nil {
		f.Do()
	}
	switch {
	case f.Drop:
		panic(http.ErrAbortHandler)
	case f.DropAfter > 0 || f.Lose:
		return &droppingWriter{ResponseWriter: w, left: f.DropAfter, lose: f.Lose}, false
	case f.Status != 0:
		for k, v := range f.Header {
			w.Header()[k] = v
		}
		w.WriteHeader(f.Status)
		_, _ = io.Copy(w, strings.NewReader(f.Body))
		return w, true
	}
	return w, false
}

// droppingWriter cuts the connection in the middle of the answer, or before
// its first byte.
type droppingWriter struct {
	http.ResponseWriter
	left int
	lose bool
}

func (d *droppingWriter) WriteHeader(status int) {
	if d.lose {
		panic(http.ErrAbortHandler)
	}
	d.ResponseWriter.WriteHeader(status)
}

func (d *droppingWriter) Write(p []byte) (int, error) {
	if d.lose {
		panic(http.ErrAbortHandler)
	}
	if len(p) < d.left {
		d.left -= len(p)
		return d.ResponseWriter.Write(p)
	}
	_, _ = d.ResponseWriter.Write(p[:d.left])
	_ = http.NewResponseController(d.ResponseWriter).Flush()
	panic(http.ErrAbortHandler)
}
