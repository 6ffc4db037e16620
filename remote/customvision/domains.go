package customvision

import (
	"context"

	"cvarchive/manifest"
)

type domain struct {
	ID         string `json:"id"`
	Name       string `json:"name"`
	Type       string `json:"type"`
	Exportable bool   `json:"exportable"`
	Enabled    bool   `json:"enabled"`
}

// Domains lists the base models that the resource offers (GetDomains).
func (c *Client) Domains(ctx context.Context) ([]manifest.Domain, error) {
	var found []domain
	if err := c.do(ctx, get("GetDomains", "domains"), &found); err != nil {
		return nil, err
	}
	return convert(found, func(d domain) manifest.Domain { return manifest.Domain(d) }), nil
}

// Domain returns one base model (GetDomain).
func (c *Client) Domain(ctx context.Context, domainID string) (manifest.Domain, error) {
	var d domain
	err := c.do(ctx, get("GetDomain", "domains", domainID), &d)
	return manifest.Domain(d), err
}

// convert maps a slice; none stays nil.
func convert[A, B any](in []A, f func(A) B) []B {
	if len(in) == 0 {
		return nil
	}
	out := make([]B, len(in))
	for i, a := range in {
		out[i] = f(a)
	}
	return out
}
