package plan

import "time"

// DefaultCallsPerSecond is the service's documented limit for a resource.
const DefaultCallsPerSecond = 10

// Estimate says what carrying out the plan takes at least. Polls of imports
// and trainings, repeated calls and the time of transfers come on top.
type Estimate struct {
	Calls          int     `json:"calls"` // to write and to prove
	CallsPerSecond float64 `json:"callsPerSecond"`
	// ImportSeconds is the service's own estimate for the imports, which
	// run one after the other.
	ImportSeconds float64 `json:"importSeconds"`
	// Seconds is the time of the calls at their rate and of the imports.
	Seconds float64 `json:"seconds"`
	// UploadBytes of images go through this process to the target, each in
	// base64; names, labels and headers come on top. ProofBytes of images
	// are read back.
	UploadBytes int64 `json:"uploadBytes"`
	ProofBytes  int64 `json:"proofBytes"`
}

// Duration is the least time that the plan takes.
func (e Estimate) Duration() time.Duration { return time.Duration(e.Seconds * float64(time.Second)) }

// estimate sums up what the projects take.
func (p *Plan) estimate(rate float64) {
	if rate <= 0 {
		rate = DefaultCallsPerSecond
	}
	e := Estimate{CallsPerSecond: rate, Calls: p.Totals.Calls.Total() + p.Totals.ProofCalls.Total()}
	for i := range p.Projects {
		pp := &p.Projects[i]
		if pp.Action == Import && pp.Expect != nil {
			e.ImportSeconds += float64(pp.Expect.EstimatedImportTimeInMS) / 1000
		}
		e.ProofBytes += pp.ProofBytes
		e.UploadBytes += pp.UploadBytes
	}
	e.Seconds = float64(e.Calls)/rate + e.ImportSeconds
	p.Estimate = e
}
