package simulator

import (
	"strings"
	"sync/atomic"
)

// ImageFault makes the calls that create images answer for one picture with a
// status of the test's choice, beside the others of its batch.
type ImageFault struct {
	// SHA256 names the picture, in hexadecimal.
	SHA256 string
	// Status is what the answer says of it, known to the specification or
	// not. Empty: the answer leaves the picture out.
	Status string
	// Times is how many calls it strikes; 0 means once, negative always.
	Times int
}

// InjectedImage is an [ImageFault] in place.
type InjectedImage struct {
	status string
	left   int
	hits   atomic.Int64
}

// Hits returns how often the fault has struck.
func (i *InjectedImage) Hits() int { return int(i.hits.Load()) }

// InjectImage puts a fault of one picture in place, instead of an earlier one
// of the same picture.
func (r *Resource) InjectImage(f ImageFault) *InjectedImage {
	r.mu.Lock()
	defer r.mu.Unlock()
	i := &InjectedImage{status: f.Status, left: f.Times}
	if f.Times == 0 {
		i.left = 1
	}
	if r.imageFaults == nil {
		r.imageFaults = map[string]*InjectedImage{}
	}
	r.imageFaults[strings.ToLower(f.SHA256)] = i
	return i
}

// refuses returns the status that a picture is to get, if it is to get one.
func (r *Resource) refuses(sha256 string) (status string, struck bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	i := r.imageFaults[sha256]
	if i == nil || i.left == 0 {
		return "", false
	}
	if i.left > 0 {
		i.left--
	}
	i.hits.Add(1)
	return i.status, true
}
