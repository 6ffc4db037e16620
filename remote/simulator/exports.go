package simulator

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
)

type wireExport struct {
	Platform              string  `json:"platform"`
	Status                string  `json:"status"`
	DownloadURI           string  `json:"downloadUri"`
	Flavor                *string `json:"flavor"`
	NewerVersionAvailable bool    `json:"newerVersionAvailable"`
}

func (c *call) wireExport(e modelExport) wireExport {
	w := wireExport{Platform: e.Platform, Status: "Exporting", Flavor: optional(e.Flavor)}
	if !c.now.Before(e.ReadyAt) {
		w.Status = "Done"
		w.DownloadURI = c.link("m-"+bare(c.p.ID), e.Name)
	}
	return w
}

func getExports(c *call) (int, any, error) {
	it, err := c.pathIteration()
	if err != nil {
		return 0, nil, err
	}
	list := []wireExport{}
	for _, e := range it.Exports {
		list = append(list, c.wireExport(e))
	}
	return 200, list, nil
}

// flavors are those of the spec and those seen in the field; platforms that
// are not here have none.
var flavors = map[string][]string{
	"DockerFile": {"Linux", "Windows", "ARM"},
	"ONNX":       {"ONNX10", "ONNX12", "ONNXFloat16"},
	"TensorFlow": {"TensorFlowNormal", "TensorFlowLite", "TensorFlowSavedModel", "TensorFlowJs"},
}

func (c *call) exportTarget() (platform, flavor string, err error) {
	if c.query["platform"] == "" {
		return "", "", refuse("BadRequestRequiredParamIsNull", "platform is required.")
	}
	platform, err = c.oneOf("platform", "BadRequestExportValidationFailed", exportPlatforms...)
	if err != nil {
		return "", "", err
	}
	if flavor = c.query["flavor"]; flavor == "" {
		return platform, "", nil
	}
	for _, f := range flavors[platform] {
		if strings.EqualFold(f, flavor) {
			return platform, f, nil
		}
	}
	return "", "", refuse("BadRequestExportValidationFailed", "The flavor %q is not supported for %s.", flavor, platform)
}

// exportIteration packs the model; the package is ready after the service's
// export time.
func exportIteration(c *call) (int, any, error) {
	it, err := c.trainedIteration()
	if err != nil {
		return 0, nil, err
	}
	platform, flavor, err := c.exportTarget()
	if err != nil {
		return 0, nil, err
	}
	if !domainsByID[it.DomainID].exportable() {
		return 0, nil, refuse("BadRequestExportValidationFailed", "Iterations of the domain %s cannot be exported; use a compact domain.", domainsByID[it.DomainID].Name)
	}
	if slices.ContainsFunc(it.Exports, func(e modelExport) bool { return e.Platform == platform && e.Flavor == flavor }) {
		return 0, nil, refuse("BadRequestExportAlreadyInProgress", "The iteration is already queued for export to this platform.")
	}
	data, err := modelPackage(it, platform, flavor)
	if err != nil {
		return 0, nil, err
	}
	e := modelExport{
		Platform: platform, Flavor: flavor, ReadyAt: c.now.Add(c.s.opt.ExportDuration),
		Name: strings.ToLower(bare(it.ID)+"."+platform+flavor) + ".zip", Blob: c.s.blobs.describe(data, "application/octet-stream"),
	}
	if err := c.s.blobs.put(e.Blob, data); err != nil {
		return 0, nil, err
	}
	it.Exports = append(slices.Clip(it.Exports), e)
	return 200, c.wireExport(e), nil
}

// modelPackage makes a zip that looks like an exported model: a manifest, the
// labels and weights, the same for the same iteration.
func modelPackage(it *iteration, platform, flavor string) ([]byte, error) {
	about, err := json.MarshalIndent(map[string]any{
		"DomainType": domainsByID[it.DomainID].Type, "Platform": platform, "Flavor": flavor,
		"ExporterVersion": "2.1", "Classes": len(it.Tags), "Simulated": true,
	}, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("describe model: %w", err)
	}
	var labels bytes.Buffer
	for _, t := range it.Tags {
		labels.WriteString(t.Name + "\n")
	}
	weights := make([]byte, 64<<10)
	seed := sha256.Sum256([]byte(it.ID + platform + flavor))
	rand.NewChaCha8(seed).Read(weights)

	var out bytes.Buffer
	z := zip.NewWriter(&out)
	for _, m := range []struct {
		name string
		data []byte
	}{{"cvexport.manifest", about}, {"labels.txt", labels.Bytes()}, {modelName(platform), weights}} {
		w, err := z.CreateHeader(&zip.FileHeader{Name: m.name, Method: zip.Deflate})
		if err != nil {
			return nil, fmt.Errorf("pack model: %w", err)
		}
		if _, err := w.Write(m.data); err != nil {
			return nil, fmt.Errorf("pack model: %w", err)
		}
	}
	if err := z.Close(); err != nil {
		return nil, fmt.Errorf("pack model: %w", err)
	}
	return out.Bytes(), nil
}

func modelName(platform string) string {
	switch platform {
	case "CoreML":
		return "model.mlmodel"
	case "ONNX":
		return "model.onnx"
	default:
		return "model.pb"
	}
}
