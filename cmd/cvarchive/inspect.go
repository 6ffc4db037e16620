package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"cvarchive/archive"
	"cvarchive/archive/backup"
	"cvarchive/archive/vault"
	"cvarchive/cmd/internal/suggest"
	"cvarchive/manifest"
)

// inspection is the shape of "inspect --json".
type inspection struct {
	Archive       string           `json:"archive"` // name, or path of a lone file
	Size          int64            `json:"size"`    // bytes of the archive file
	ID            string           `json:"id"`
	FormatVersion string           `json:"formatVersion"`
	Tool          manifest.Tool    `json:"tool"`
	Source        manifest.Source  `json:"source"`
	Started       time.Time        `json:"started"`
	Finished      time.Time        `json:"finished"`
	Capture       manifest.Capture `json:"capture"`
	Parent        *manifest.Parent `json:"parent,omitempty"`
	Signed        bool             `json:"signed,omitempty"` // verify tells by whom
	Incomplete    bool             `json:"incomplete,omitempty"`
	protection
	Outcome  manifest.Outcome    `json:"outcome"`
	Objects  manifest.ObjectList `json:"objects"`
	Failures []manifest.Failure  `json:"failures,omitempty"`
	Projects []inspectedProject  `json:"projects"`
}

// inspectedProject is one project of an inspection.
type inspectedProject struct {
	ID           string                   `json:"id"`
	Name         string                   `json:"name"`
	Description  string                   `json:"description,omitempty"`
	Type         string                   `json:"type,omitempty"`
	Domain       string                   `json:"domain,omitempty"` // name
	Settings     manifest.ProjectSettings `json:"settings"`
	Created      manifest.Timestamp       `json:"created,omitempty"`
	LastModified manifest.Timestamp       `json:"lastModified,omitempty"`
	Outcome      manifest.Outcome         `json:"outcome"`
	Counts       manifest.Counts          `json:"counts"`
	Token        inspectedToken           `json:"token"`
	Tags         []manifest.Tag           `json:"tags"`
	Iterations   []manifest.Iteration     `json:"iterations"`
	Failures     []manifest.Failure       `json:"failures,omitempty"`
	// FailedImages explains the images that Counts.FailedImages counts.
	FailedImages []manifest.Failure `json:"failedImages,omitempty"`
}

// inspectedToken is a project's token as far as it may be told.
type inspectedToken struct {
	State   manifest.TokenState `json:"state"`
	Expires manifest.Timestamp  `json:"expires,omitempty"`
	Expired bool                `json:"expired,omitempty"` // by this machine's clock
}

func (a *app) inspectCommand() *cli.Command {
	return &cli.Command{
		Name:      "inspect",
		Usage:     "show what an archive holds",
		ArgsUsage: "ARCHIVE",
		Description: examples(`Shows what an archive holds: projects with their domain, tags, images, regions,
iterations and models, what could not be captured, and whether export tokens are inside
and until when. Tokens themselves are never shown. Nothing but the vault is contacted.

`+archiveArg,
			"cvarchive inspect latest",
			"cvarchive inspect prod-weu/latest --project 'Fruit on the belt'",
			"cvarchive inspect ./20280901T020000Z-1f6b4c2a.tar.zst --json"),
		Flags: withCommon(
			&cli.StringSliceFlag{Name: "project", Usage: "show only the project of this `NAME` or id; may be repeated"},
			jsonFlag()),
		Action: a.action(func(c *cli.Context) error {
			ref, err := oneArchive(c)
			if err != nil {
				return err
			}
			o, err := a.openArchive(c, ref)
			if err != nil {
				return err
			}
			defer o.close()
			i, err := inspect(c.Context, o, c.StringSlice("project"), a.now())
			if err != nil {
				return fmt.Errorf("%s: %w", o.name, err)
			}
			if c.Bool("json") {
				return a.out.JSON(i)
			}
			a.printInspection(i)
			return nil
		}, 1, ""),
	}
}

// inspect reads the chosen projects of an archive.
func inspect(ctx context.Context, o *opened, projects []string, now time.Time) (*inspection, error) {
	m := o.reader.Manifest()
	i := &inspection{
		Archive: o.name, Size: o.size, ID: m.ID, FormatVersion: m.FormatVersion, Tool: m.Tool,
		Source: m.Source, Started: m.Started, Finished: m.Finished, Capture: m.Capture, Parent: m.Parent,
		Outcome: outcomeOf(m), Objects: m.Objects, Failures: m.Failures,
		Projects: []inspectedProject{},
	}
	if stored, ok := o.file.(*vault.ArchiveFile); ok {
		i.protection = protectionOf(stored.State())
	}
	signature, err := o.signature(ctx)
	if err != nil {
		return nil, err
	}
	i.Signed, i.Incomplete = signature != nil, backup.IsIncomplete(m)
	chosen, err := chooseProjects(m, projects)
	if err != nil {
		return nil, err
	}
	for _, e := range chosen {
		p, err := inspectProject(ctx, o.reader, e, now)
		if err != nil {
			return nil, err
		}
		i.Projects = append(i.Projects, *p)
	}
	return i, nil
}

// chooseProjects finds projects by name or id; without any, all are chosen.
func chooseProjects(m *manifest.Manifest, wanted []string) ([]manifest.ProjectEntry, error) {
	if len(wanted) == 0 {
		return m.Projects, nil
	}
	names := make([]string, len(m.Projects))
	for i, e := range m.Projects {
		names[i] = e.Name
	}
	for _, w := range wanted {
		if !slices.ContainsFunc(m.Projects, func(e manifest.ProjectEntry) bool { return e.Name == w || strings.EqualFold(e.ID, w) }) {
			hint := suggest.DidYouMean(w, names)
			if hint == "" {
				hint = "cvarchive inspect shows those that it holds"
			}
			return nil, fmt.Errorf("there is no project %q in the archive; %s", w, hint)
		}
	}
	return slices.DeleteFunc(slices.Clone(m.Projects), func(e manifest.ProjectEntry) bool {
		return !slices.ContainsFunc(wanted, func(w string) bool { return e.Name == w || strings.EqualFold(e.ID, w) })
	}), nil
}

func inspectProject(ctx context.Context, r *archive.Reader, e manifest.ProjectEntry, now time.Time) (*inspectedProject, error) {
	members, err := r.Project(ctx, e.ID)
	if err != nil {
		return nil, err
	}
	p := &inspectedProject{
		ID: e.ID, Name: e.Name, Description: members.Project.Description, Type: e.Type,
		Domain: e.DomainID, Settings: members.Project.Settings,
		Created: members.Project.Created, LastModified: members.Project.LastModified,
		Outcome: e.Outcome, Counts: e.Counts, Failures: e.Failures,
		Token:      inspectedToken{State: e.Token.State, Expires: e.Token.Expires},
		Tags:       nonNil(members.Tags),
		Iterations: nonNil(members.Iterations),
	}
	for _, d := range r.Manifest().Domains {
		if strings.EqualFold(d.ID, e.DomainID) {
			p.Domain = d.Name
		}
	}
	if expires, err := e.Token.Expires.Time(); err == nil {
		p.Token.Expired = !expires.After(now)
	}
	if e.Counts.FailedImages == 0 {
		return p, nil
	}
	for rec, err := range r.Images(ctx, e.ID) {
		if err != nil {
			return nil, err
		}
		if rec.Failure != nil {
			p.FailedImages = append(p.FailedImages, *rec.Failure)
		}
	}
	return p, nil
}

// nonNil makes an absent list an empty one, which JSON shows as [].
func nonNil[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}
