package simulator

import (
	"slices"
	"strings"
)

// domain is a base model. The ids and names are the published ones.
type domain struct {
	ID, Name, Type string
	SizeMB         int // published size of an exported model; 0: not exportable
}

func (d domain) exportable() bool { return d.SizeMB > 0 }

var domains = []domain{
	{"ee85a74c-405e-4adc-bb47-ffa8ca0c9f31", "General", typeClassification, 0},
	{"a8e3c40f-fb4a-466f-832a-5e457ae4a344", "General [A1]", typeClassification, 0},
	{"2e37d7fb-3a54-486a-b4d6-cfc369af0018", "General [A2]", typeClassification, 0},
	{"c151d5b5-dd07-472a-acc8-15d29dea8518", "Food", typeClassification, 0},
	{"ca455789-012d-4b50-9fec-5bb63841c793", "Landmarks", typeClassification, 0},
	{"b30a91ae-e3c1-4f73-a81e-c270bff27c39", "Retail", typeClassification, 0},
	{"0732100f-1a38-4e49-a514-c9b44c697ab5", "General (compact)", typeClassification, 6},
	{"a1db07ca-a19a-4830-bae8-e004a42dc863", "General (compact) [S1]", typeClassification, 43},
	{"8882951b-82cd-4c32-970b-d5f8cb8bf6d7", "Food (compact)", typeClassification, 6},
	{"b5cfd229-2ac7-4b2b-8d0a-2b0661344894", "Landmarks (compact)", typeClassification, 6},
	{"6b4faeda-8396-481b-9f8b-177b9fa3097f", "Retail (compact)", typeClassification, 6},
	{"da2e3a8a-40a5-4171-82f4-58522f70fbc1", "General", typeDetection, 0},
	{"9c616dff-2e7d-ea11-af59-1866da359ce6", "General [A1]", typeDetection, 0},
	{"1d8ffafe-ec40-4fb2-8f90-72b3b6cecea4", "Logo", typeDetection, 0},
	{"3780a898-81c3-4516-81ae-3a139614e1f3", "Products on Shelves", typeDetection, 0},
	{"a27d5ca5-bb19-49d8-a70a-fec086c47f5b", "General (compact)", typeDetection, 45},
	{"7ec2ac80-887b-48a6-8df9-8b1357765430", "General (compact) [S1]", typeDetection, 14},
}

var domainsByID = func() map[string]domain {
	m := make(map[string]domain, len(domains))
	for _, d := range domains {
		m[d.ID] = d
	}
	return m
}()

// exportPlatforms are those of the spec, in the order its examples have.
var exportPlatforms = []string{"ONNX", "DockerFile", "TensorFlow", "CoreML", "VAIDK"}

// offers finds a domain that the resource has not retired.
func (r *Resource) offers(id string) (domain, bool) {
	d, ok := domainsByID[strings.ToLower(id)]
	return d, ok && !slices.ContainsFunc(r.opt.RetiredDomains, func(x string) bool { return strings.EqualFold(x, id) })
}

type wireDomain struct {
	ID         string `json:"id"`
	Name       string `json:"name"`
	Type       string `json:"type"`
	Exportable bool   `json:"exportable"`
	Enabled    bool   `json:"enabled"`
	// v3.4-preview only.
	ExportablePlatforms []string        `json:"exportablePlatforms,omitempty"`
	ModelInformation    *wireModelStats `json:"modelInformation,omitempty"`
}

type wireModelStats struct {
	EstimatedModelSizeInMegabytes int    `json:"estimatedModelSizeInMegabytes"`
	Description                   string `json:"description"`
}

func (c *call) wireDomain(d domain) wireDomain {
	w := wireDomain{ID: d.ID, Name: d.Name, Type: d.Type, Exportable: d.exportable(), Enabled: true}
	if c.preview() && d.exportable() {
		w.ExportablePlatforms = exportPlatforms
		w.ModelInformation = &wireModelStats{EstimatedModelSizeInMegabytes: d.SizeMB, Description: d.Name}
	}
	return w
}

func getDomains(c *call) (int, any, error) {
	list := []wireDomain{}
	for _, d := range domains {
		if _, ok := c.r.offers(d.ID); ok {
			list = append(list, c.wireDomain(d))
		}
	}
	return 200, list, nil
}

func getDomain(c *call) (int, any, error) {
	d, ok := c.r.offers(c.vars["domain"])
	if !ok {
		return 0, nil, refuse("NotFoundDomain", "The domain %s does not exist.", c.vars["domain"])
	}
	return 200, c.wireDomain(d), nil
}
