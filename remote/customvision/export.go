package customvision

import (
	"context"
	"net/http"
	"time"

	"cvarchive/manifest"
)

type projectExport struct {
	IterationCount          int    `json:"iterationCount"`
	ImageCount              int    `json:"imageCount"`
	TagCount                int    `json:"tagCount"`
	RegionCount             int    `json:"regionCount"`
	EstimatedImportTimeInMS int    `json:"estimatedImportTimeInMS"`
	Token                   string `json:"token"`

	extra manifest.Extra
}

// UnmarshalJSON implements [json.Unmarshaler].
func (e *projectExport) UnmarshalJSON(data []byte) (err error) {
	type plain projectExport
	e.extra, err = unmarshalKeeping(data, (*plain)(e))
	return err
}

// ExportProject asks for a project's export token and counts (ExportProject).
// Expires is read from the token, as a hint; Requested is left to the caller,
// who has the clock.
func (c *Client) ExportProject(ctx context.Context, projectID string) (manifest.Export, error) {
	var e projectExport
	if err := c.do(ctx, get("ExportProject", "projects", projectID, "export"), &e); err != nil {
		return manifest.Export{}, err
	}
	out := manifest.Export{
		IterationCount: e.IterationCount, ImageCount: e.ImageCount, TagCount: e.TagCount,
		RegionCount: e.RegionCount, EstimatedImportTimeInMS: e.EstimatedImportTimeInMS,
		Expires: tokenExpiry(e.Token), State: manifest.TokenStored,
		Token: manifest.NewSecret(e.Token), Extra: e.extra,
	}
	if e.Token == "" {
		out.State = manifest.TokenNone
	}
	return out, nil
}

// ImportProject starts the import of a token (ImportProject), under the
// project's own name when name is empty. The token goes out as it came,
// percent-encoded once as a whole. It is not repeated after a lost answer.
func (c *Client) ImportProject(ctx context.Context, token manifest.Secret, name string) (manifest.Project, error) {
	k := call{operation: "ImportProject", method: http.MethodPost, path: []string{"projects", "import"}, once: true}
	k.query.set("token", token.Reveal())
	k.query.opt("name", name)
	return c.project(ctx, k)
}

// tokenExpiry is the expiry of a token as a timestamp; "" where there is none
// to be read.
func tokenExpiry(token string) manifest.Timestamp {
	end, ok := manifest.TokenExpiry(token)
	if !ok {
		return ""
	}
	return manifest.Timestamp(end.Format(time.RFC3339))
}
