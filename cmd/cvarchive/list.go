package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"
	"golang.org/x/sync/errgroup"

	"cvarchive/archive"
	"cvarchive/archive/vault"
	"cvarchive/cmd/internal/ui"
	"cvarchive/manifest"
	"cvarchive/manifest/store"
)

// listing is the shape of "list --json".
type listing struct {
	Vault    string         `json:"vault"`
	Archives []listingEntry `json:"archives"`

	sources map[string]bool // of all archives, whichever were asked for
}

// listingEntry is one archive of a listing.
type listingEntry struct {
	Name    string    `json:"name"`
	Source  string    `json:"source"`
	Created time.Time `json:"created"`
	ID      string    `json:"id"`
	Size    int64     `json:"size"` // bytes of the archive file
	// Incomplete archives lost more than their backup's --max-failures and
	// are never the latest.
	Incomplete bool `json:"incomplete,omitempty"`
	Signed     bool `json:"signed,omitempty"`
	protection
	// Error says why the archive could not be read; what follows is then
	// missing.
	Error        string           `json:"error,omitempty"`
	Outcome      manifest.Outcome `json:"outcome,omitempty"`
	Projects     int              `json:"projects"`
	Images       int              `json:"images"`
	ObjectBytes  int64            `json:"objectBytes"` // of images and models
	MetadataOnly bool             `json:"metadataOnly,omitempty"`
	// Tokens counts export tokens in the archive; TokensUntil is when the
	// last of them expires.
	Tokens      int        `json:"tokens"`
	TokensUntil *time.Time `json:"tokensUntil,omitempty"`
	// TokensUnknown says that the vault is encrypted and no identity was
	// given that opens it.
	TokensUnknown bool `json:"tokensUnknown,omitempty"`
}

func (a *app) listCommand() *cli.Command {
	return &cli.Command{
		Name:      "list",
		Usage:     "show the archives in the vault",
		ArgsUsage: "[SOURCE]",
		Description: examples(`Shows the archives in the vault, oldest first, with what each holds and whether it is
whole. SOURCE shows those of one resource. Nothing but the vault is contacted.`,
			"cvarchive list",
			"cvarchive list prod-weu --json",
			"cvarchive list --vault /mnt/usb/customvision"),
		Flags: withCommon(jsonFlag()),
		Action: a.action(func(c *cli.Context) error {
			v, err := a.vault(c)
			if err != nil {
				return err
			}
			l, err := readListing(c.Context, v, c.Args().First())
			if err != nil {
				return err
			}
			if c.Bool("json") {
				err = a.out.JSON(l)
			} else {
				a.printListing(l)
			}
			if err == nil {
				err = a.unreadable(l)
			}
			return err
		}, 1, ""),
	}
}

// listingReads bounds how many archives are opened at once.
const listingReads = 8

// protection is what keeps an archive from being deleted and changed.
type protection struct {
	Held           bool       `json:"held,omitempty"` // by a legal hold
	ImmutableUntil *time.Time `json:"immutableUntil,omitempty"`
}

func protectionOf(s store.State) (p protection) {
	p.Held = s.Held
	if !s.ImmutableUntil.IsZero() {
		p.ImmutableUntil = &s.ImmutableUntil
	}
	return p
}

// text names what holds now; empty: nothing.
func (p protection) text(now time.Time) string {
	var parts []string
	if p.Held {
		parts = append(parts, "held")
	}
	if p.ImmutableUntil != nil && p.ImmutableUntil.After(now) {
		parts = append(parts, "immutable until "+ui.Time(*p.ImmutableUntil))
	}
	return strings.Join(parts, ", ")
}

// readListing opens every archive as far as its manifest.
func readListing(ctx context.Context, v *vault.Vault, source string) (*listing, error) {
	archives, err := v.Archives(ctx)
	if err != nil {
		return nil, err
	}
	l := &listing{Vault: v.String(), Archives: []listingEntry{}, sources: map[string]bool{}}
	for _, ar := range archives {
		l.sources[ar.Source] = true
		if source == "" || ar.Source == source {
			l.Archives = append(l.Archives, listingEntry{Name: ar.Name, Source: ar.Source, Created: ar.Created, ID: ar.ID, Size: ar.Size, Incomplete: ar.Incomplete, Signed: ar.Signed})
		}
	}
	byName := map[string]vault.Archive{}
	for _, ar := range archives {
		byName[ar.Name] = ar
	}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(listingReads)
	for i := range l.Archives {
		e := &l.Archives[i]
		g.Go(func() error {
			if err := e.read(ctx, v, byName[e.Name]); err != nil {
				e.Error = ui.Sentence(err.Error())
			}
			return ctx.Err()
		})
	}
	return l, g.Wait()
}

// read fills in what the manifest says.
func (e *listingEntry) read(ctx context.Context, v *vault.Vault, entry vault.Archive) error {
	open := v.OpenArchive
	if v.CanRead() != nil { // the index of an encrypted one says nothing of tokens
		open, e.TokensUnknown = v.OpenIndex, true
	}
	f, err := open(ctx, entry)
	if err != nil {
		return err
	}
	defer f.Close()
	e.protection = protectionOf(f.State())
	r, err := archive.NewReader(f, f.Size())
	if err != nil {
		return err
	}
	m := r.Manifest()
	e.Outcome = outcomeOf(m)
	e.Projects = len(m.Projects)
	e.MetadataOnly = m.Capture.MetadataOnly
	for _, p := range m.Projects {
		e.Images += p.Counts.Images
		e.ObjectBytes += p.Counts.Bytes
	}
	if e.TokensUnknown {
		return nil
	}
	tokens := tokensOf(m)
	e.Tokens, e.TokensUntil = tokens.count, tokens.until
	return nil
}

// outcomeOf sums the outcomes of projects up.
func outcomeOf(m *manifest.Manifest) manifest.Outcome {
	failed := 0
	outcome := manifest.Complete
	for _, p := range m.Projects {
		if p.Outcome != manifest.Complete {
			outcome = manifest.Partial
		}
		if p.Outcome == manifest.Failed {
			failed++
		}
	}
	if len(m.Failures) > 0 {
		outcome = manifest.Partial
	}
	if failed > 0 && failed == len(m.Projects) {
		outcome = manifest.Failed
	}
	return outcome
}

// tokens sums up the export tokens of an archive.
type tokens struct {
	count, sealed int
	until         *time.Time // the latest expiry; nil: none, or none that is known
}

func tokensOf(m *manifest.Manifest) tokens {
	var t tokens
	for _, p := range m.Projects {
		if p.Token.State != manifest.TokenStored && p.Token.State != manifest.TokenSealed {
			continue
		}
		t.count++
		if p.Token.State == manifest.TokenSealed {
			t.sealed++
		}
		if expires, err := p.Token.Expires.Time(); err == nil && (t.until == nil || expires.After(*t.until)) {
			t.until = &expires
		}
	}
	return t
}

func (a *app) printListing(l *listing) {
	if len(l.Archives) == 0 && len(l.sources) > 0 {
		a.out.Printf("no archives of that source in %s; it has those of %s\n", ui.Clean(l.Vault), strings.Join(slices.Sorted(maps.Keys(l.sources)), ", "))
		return
	}
	if len(l.Archives) == 0 {
		a.out.Printf("no archives in %s\n", ui.Clean(l.Vault))
		return
	}
	now := a.now()
	t := ui.Table{Right: []int{2, 3, 4, 5}}
	t.Row("ARCHIVE", "CREATED", "PROJECTS", "IMAGES", "CONTENT", "SIZE", "TOKENS", "STATE")
	for _, e := range l.Archives {
		if e.Error != "" {
			t.Row(e.Name, ui.Time(e.Created), "-", "-", "-", ui.Bytes(e.Size), "-", "unreadable")
			continue
		}
		content := ui.Bytes(e.ObjectBytes)
		if e.MetadataOnly {
			content = "none"
		}
		t.Row(e.Name, ui.Time(e.Created), ui.Grouped(e.Projects), ui.Grouped(e.Images), content, ui.Bytes(e.Size), tokenCell(e, now), stateCell(e, now))
	}
	t.Print(a.out, "")
}

func stateCell(e listingEntry, now time.Time) string {
	state := string(e.Outcome)
	if e.Incomplete {
		state = "incomplete"
	}
	if e.Signed {
		state += ", signed"
	}
	if held := e.protection.text(now); held != "" {
		state += ", " + held
	}
	return state
}

func tokenCell(e listingEntry, now time.Time) string {
	switch {
	case e.TokensUnknown:
		return "unknown"
	case e.Tokens == 0:
		return "none"
	case e.TokensUntil == nil:
		return ui.Grouped(e.Tokens)
	case e.TokensUntil.Before(now):
		return "expired"
	default:
		return fmt.Sprintf("until %s", e.TokensUntil.UTC().Format("2006-01-02 15:04"))
	}
}

// unreadable names the archives that could not be read and fails if there
// are any.
func (a *app) unreadable(l *listing) error {
	n := 0
	for _, e := range l.Archives {
		if e.Error != "" {
			n++
			fmt.Fprintf(a.stderr, "%s: %s\n", e.Name, e.Error)
		}
	}
	if n > 0 {
		return fmt.Errorf("%s cannot be read; cvarchive verify says what is wrong with each", ui.Count(n, "archive"))
	}
	return nil
}
