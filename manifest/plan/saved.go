package plan

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"cvarchive/manifest"
)

// Choices are the options that a plan was made with, beside its mode, so that
// it can be made again and compared.
type Choices struct {
	Projects        []string          `json:"projects,omitempty"`
	Rename          map[string]string `json:"rename,omitempty"`
	Transfer        Transfer          `json:"transfer,omitempty"`
	Train           bool              `json:"train,omitempty"`
	Publish         map[string]string `json:"publish,omitempty"`
	PublishAsBefore string            `json:"publishAsBefore,omitempty"`
	CleanUp         bool              `json:"cleanUp,omitempty"`
	Tier            Tier              `json:"tier,omitempty"`
}

func choicesOf(o Options) Choices {
	c := Choices{
		Projects: o.Projects, Rename: o.Rename, Transfer: o.Transfer, Train: o.Train,
		Publish: o.Publish, PublishAsBefore: o.PublishAsBefore, CleanUp: o.CleanUp, Tier: o.Tier,
	}
	return c
}

// Digest identifies the plan: it is that of its JSON form.
func (p *Plan) Digest() manifest.Digest {
	h := sha256.New()
	if err := json.NewEncoder(h).Encode(p); err != nil {
		fmt.Fprint(h, err) // plans encode
	}
	return manifest.Digest(h.Sum(nil))
}

// Options are those that the plan was made with.
func (p *Plan) Options() Options {
	c := p.Choices
	return Options{
		Mode: p.Mode, OnConflict: p.OnConflict, Projects: c.Projects, Rename: c.Rename, Transfer: c.Transfer, Train: c.Train,
		Publish: c.Publish, PublishAsBefore: c.PublishAsBefore, CleanUp: c.CleanUp, Tier: c.Tier, Dated: p.Created,
	}
}

// Decode reads a plan's JSON form, as far as this version knows it: another
// format version, an unknown field and text that is no plan are refused with
// a clause that says so.
func Decode(data []byte) (*Plan, error) {
	if err := manifest.CheckJSON(data); err != nil {
		return nil, fmt.Errorf("it is not a plan: %w", err)
	}
	var head struct {
		FormatVersion int `json:"formatVersion"`
	}
	switch err := json.Unmarshal(data, &head); {
	case err != nil:
		return nil, fmt.Errorf("it is not a plan: %w", err)
	case head.FormatVersion == 0:
		return nil, errors.New("it is not a plan: it gives no format version")
	case head.FormatVersion != FormatVersion:
		return nil, fmt.Errorf("it has format version %d, and this program knows %d", head.FormatVersion, FormatVersion)
	}
	var p Plan
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&p); err != nil {
		return nil, fmt.Errorf("it is not a plan that this program knows: %w", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("it is not a plan: something follows the JSON value")
	}
	if p.Archive.ID == "" || p.Target.Endpoint == "" {
		return nil, errors.New("it is not a plan: it does not say what is restored where")
	}
	return &p, nil
}
