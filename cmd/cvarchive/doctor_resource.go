package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"cvarchive/cmd/internal/config"
	"cvarchive/cmd/internal/ui"
	"cvarchive/manifest"
	"cvarchive/remote/azure"
	"cvarchive/remote/customvision"
)

// resources checks the named resources, or all of the config, or the one of
// --endpoint.
func (d *diagnosing) resources(f *config.File, haveConfig bool, names []string) {
	if endpoint := d.c.String("endpoint"); endpoint != "" {
		res, err := d.app.adHocResource(endpoint, "")
		if err != nil {
			d.fail("resource", "credential", err)
			return
		}
		d.resource(res)
		return
	}
	if !haveConfig {
		return
	}
	if len(names) == 0 {
		names = f.Resources()
	}
	if len(names) == 0 {
		d.note("resource", "configured", "there is none", "add the Custom Vision resources to the config, or give --endpoint")
	}
	for _, name := range names {
		res, err := f.Resource(name, d.app.lookupEnv)
		if err != nil {
			d.fail(name, "configured", err)
			continue
		}
		d.resource(res)
	}
}

// resource looks at one resource with as few calls as possible: GetDomains,
// GetProjects, and ExportProject of one project.
func (d *diagnosing) resource(res config.Resource) {
	ctx := d.c.Context
	client, err := d.app.client(res)
	if err != nil {
		d.fail(res.Name, "configured", err)
		return
	}
	if !d.reachable(ctx, res.Name, client) {
		return
	}
	domains, err := client.Domains(ctx)
	if err != nil {
		d.fail(res.Name, "credential", err)
		return
	}
	d.ok(res.Name, "credential", "accepted, "+ui.Count(len(domains), "domain")+" offered")
	projects, err := client.Projects(ctx)
	if err != nil {
		d.fail(res.Name, "projects", err)
		return
	}
	d.ok(res.Name, "projects", ui.Count(len(projects), "project")+", "+tierText(len(projects)))
	d.exports(ctx, res, client, projects)
}

// maxSkew is a difference of clocks that is worth a note: tokens and links
// live by the service's clock, and Entra ID refuses more than five minutes.
const maxSkew = time.Minute

// reachable asks the endpoint for its time. Any answer will do.
func (d *diagnosing) reachable(ctx context.Context, name string, client *customvision.Client) bool {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodHead, client.Endpoint(), nil)
	if err != nil {
		d.fail(name, "reachable", err)
		return false
	}
	sent := d.app.now()
	resp, err := azure.NewHTTPClient().Do(req)
	if err != nil {
		reason, hint := azure.Explain(err, req.URL.Host)
		d.fail(name, "reachable", fmt.Errorf("%s does not answer: %w; %s", client.Endpoint(), reason, hint))
		return false
	}
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 1<<20))
	resp.Body.Close()
	d.ok(name, "reachable", client.Endpoint())
	d.clock(name, resp.Header.Get("Date"), sent, d.app.now())
	return true
}

// clock compares the Date header, which has whole seconds, with the time
// that the answer took.
func (d *diagnosing) clock(name, date string, sent, received time.Time) {
	there, err := http.ParseTime(date)
	if err != nil {
		return // not everything between here and there says a date
	}
	skew := time.Duration(0)
	switch {
	case there.Add(time.Second).Before(sent):
		skew = sent.Sub(there)
	case there.After(received):
		skew = there.Sub(received)
	}
	if skew > maxSkew {
		d.note(name, "clock", fmt.Sprintf("this machine and the service differ by %s", ui.Duration(skew)),
			"set this machine's clock, or the life of tokens and links is misjudged")
		return
	}
	d.ok(name, "clock", "agrees with the service's")
}

// Limits of the two tiers, as the service documents them.
const (
	projectsF0 = 2
	projectsS0 = 100
)

// tierText guesses the tier, which the Training API does not tell.
func tierText(projects int) string {
	if projects > projectsF0 {
		return fmt.Sprintf("so it is an S0 resource, which holds up to %d", projectsS0)
	}
	return fmt.Sprintf("the tier cannot be told (F0 holds %d, S0 %d)", projectsF0, projectsS0)
}

// exports tries whether the role may export. The token is dropped unseen.
func (d *diagnosing) exports(ctx context.Context, res config.Resource, client *customvision.Client, projects []manifest.Project) {
	if len(projects) == 0 {
		d.note(res.Name, "export", "there is no project to try it on", "")
		return
	}
	_, err := client.ExportProject(ctx, projects[0].ID)
	switch {
	case err == nil:
		d.ok(res.Name, "export", "the role may export projects")
	case manifest.IsForbidden(err):
		d.note(res.Name, "export", "the role may not export projects, so archives will hold everything but tokens",
			"use a key or the role Custom Vision Contributor where tokens are wanted")
	default:
		if se, ok := errors.AsType[*manifest.ServiceError](err); ok && se.StatusCode == http.StatusBadRequest {
			d.note(res.Name, "export", fmt.Sprintf("%q cannot be exported now: %s", projects[0].Name, se.Message), "")
			return
		}
		d.fail(res.Name, "export", err)
	}
}
