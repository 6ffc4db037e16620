package main

import (
	"fmt"
	"strings"

	"cvarchive/cmd/internal/ui"
	"cvarchive/manifest"
)

// shownFailures bounds a list of failures in text; JSON has them all.
const shownFailures = 20

func (a *app) printInspection(i *inspection) {
	t := ui.Table{}
	t.Row("Archive", i.Archive)
	t.Row("Source", fmt.Sprintf("%s (%s, API %s)", i.Source.Name, i.Source.Endpoint, i.Source.APIVersion))
	t.Row("Captured", fmt.Sprintf("%s, in %s", ui.Time(i.Started), ui.Duration(i.Finished.Sub(i.Started))))
	t.Row("Format", fmt.Sprintf("%s, written by %s %s", i.FormatVersion, i.Tool.Name, i.Tool.Version))
	t.Row("Asked for", captureText(i.Capture))
	if i.Parent != nil {
		t.Row("Builds on", i.Parent.Name)
	}
	t.Row("Content", fmt.Sprintf("%s, %s", ui.Count(i.Objects.Count, "object"), ui.Bytes(i.Objects.Bytes)))
	state := string(i.Outcome)
	if i.Incomplete {
		state = "incomplete, and not the latest"
	}
	t.Row("State", state)
	if i.Signed {
		t.Row("Signed", "yes; cvarchive verify --allowed-signers FILE tells by whom")
	}
	if text := i.protection.text(a.now()); text != "" {
		t.Row("Protected", text)
	}
	t.Print(a.out, "")
	a.printFailures("", i.Failures)

	a.out.Printf("\n")
	table := ui.Table{Right: []int{3, 4, 5, 6, 7, 8}}
	table.Row("PROJECT", "TYPE", "DOMAIN", "TAGS", "IMAGES", "REGIONS", "ITERATIONS", "MODELS", "CONTENT", "TOKEN", "STATE")
	for _, p := range i.Projects {
		table.Row(p.Name, typeText(p), p.Domain, ui.Grouped(p.Counts.Tags), ui.Grouped(p.Counts.Images), ui.Grouped(p.Counts.Regions),
			ui.Grouped(p.Counts.Iterations), ui.Grouped(p.Counts.Models), ui.Bytes(p.Counts.Bytes), tokenText(p.Token), string(p.Outcome))
	}
	table.Print(a.out, "")
	for _, p := range i.Projects {
		a.printProject(p)
	}
}

func captureText(c manifest.Capture) string {
	text := "the whole account"
	if len(c.Projects) > 0 {
		text = "projects " + strings.Join(c.Projects, ", ")
	}
	if c.MetadataOnly {
		text += ", metadata only"
	}
	if c.NoTokens {
		text += ", no tokens"
	}
	if c.NoModels && !c.MetadataOnly {
		text += ", no models"
	}
	return text
}

func typeText(p inspectedProject) string {
	switch {
	case p.Type == manifest.ObjectDetection:
		return "detection"
	case p.Type == "":
		return "unknown"
	case p.Settings.ClassificationType != "":
		return strings.ToLower(p.Settings.ClassificationType)
	default:
		return strings.ToLower(p.Type)
	}
}

func tokenText(t inspectedToken) string {
	text := string(t.State)
	if t.State != manifest.TokenStored && t.State != manifest.TokenSealed {
		return text
	}
	expires, err := t.Expires.Time()
	switch {
	case err != nil:
		return text
	case t.Expired:
		return text + ", expired " + expires.Format("2006-01-02 15:04")
	default:
		return text + ", until " + expires.Format("2006-01-02 15:04")
	}
}

// printProject shows what the table has no room for.
func (a *app) printProject(p inspectedProject) {
	a.out.Printf("\n%s  %s\n", a.out.Paint(ui.Bold, ui.Clean(p.Name)), a.out.Paint(ui.Faint, p.ID))
	if p.Description != "" {
		a.out.Printf("  %s\n", ui.Clean(p.Description))
	}
	if c := p.Counts; c.Images > 0 {
		text := fmt.Sprintf("%s tagged, %s not", ui.Grouped(c.Tagged), ui.Grouped(c.Images-c.IterationOnly-c.Tagged))
		if c.IterationOnly > 0 {
			text += fmt.Sprintf(", %s that only an iteration still holds", ui.Grouped(c.IterationOnly))
		}
		if c.DuplicateImages > 0 {
			text += fmt.Sprintf(", %s with the bytes of another", ui.Grouped(c.DuplicateImages))
		}
		a.out.Printf("  %s: %s\n", ui.Count(c.Images, "image"), text)
	}
	a.printTags(p.Tags)
	a.printIterations(p.Iterations)
	a.printFailures("  ", p.Failures)
	a.printFailures("  ", p.FailedImages)
}

func (a *app) printTags(tags []manifest.Tag) {
	if len(tags) == 0 {
		return
	}
	a.out.Printf("\n")
	t := ui.Table{Right: []int{2}}
	t.Row("TAG", "TYPE", "IMAGES", "DESCRIPTION")
	for _, tag := range tags {
		t.Row(tag.Name, strings.ToLower(tag.Type), ui.Grouped(tag.ImageCount), tag.Description)
	}
	t.Print(a.out, "  ")
}

func (a *app) printIterations(iterations []manifest.Iteration) {
	if len(iterations) == 0 {
		return
	}
	a.out.Printf("\n")
	t := ui.Table{Right: []int{3, 4, 5}}
	t.Row("ITERATION", "STATUS", "TRAINED", "PRECISION", "RECALL", "AP", "PUBLISHED AS", "MODELS")
	for _, it := range iterations {
		precision, recall, ap := "-", "-", "-"
		if perf := it.Performance; perf != nil {
			precision, recall, ap = percent(string(perf.Precision)), percent(string(perf.Recall)), percent(string(perf.AveragePrecision))
		}
		trained := "-"
		if when, err := it.TrainedAt.Time(); err == nil {
			trained = ui.Time(when)
		}
		published := it.PublishName
		if published == "" {
			published = "-"
		}
		t.Row(it.Name, it.Status, trained, precision, recall, ap, published, modelsText(it.Models))
	}
	t.Print(a.out, "  ")
}

func modelsText(models []manifest.ModelExport) string {
	if len(models) == 0 {
		return "-"
	}
	var names []string
	for _, m := range models {
		name := m.Platform
		if m.Flavor != "" {
			name += "/" + m.Flavor
		}
		if m.Object == nil {
			name += " (" + strings.ToLower(m.Status) + ", not captured)"
		}
		names = append(names, name)
	}
	return strings.Join(names, ", ")
}

// percent shows a fraction of the service's as a percentage.
func percent(number string) string {
	var f float64
	if _, err := fmt.Sscanf(number, "%g", &f); err != nil {
		return "-"
	}
	return fmt.Sprintf("%.1f%%", 100*f)
}

// printFailures lists what could not be captured.
func (a *app) printFailures(indent string, failures []manifest.Failure) {
	if len(failures) == 0 {
		return
	}
	a.out.Printf("\n")
	for i, f := range failures {
		if i == shownFailures {
			a.out.Printf("%sand %s more; --json lists them all\n", indent, ui.Grouped(len(failures)-i))
			return
		}
		a.out.Printf("%s%s\n", indent, a.out.Paint(ui.Red, failureText(f)))
	}
}

// failureText says a failure in one line.
func failureText(f manifest.Failure) string {
	var b strings.Builder
	fmt.Fprintf(&b, "not captured: %s: ", f.Item)
	if f.Operation != "" {
		fmt.Fprintf(&b, "%s ", f.Operation)
	}
	if f.Code != "" {
		fmt.Fprintf(&b, "%s: ", f.Code)
	}
	b.WriteString(f.Message)
	if f.RequestID != "" {
		fmt.Fprintf(&b, " (request %s)", f.RequestID)
	}
	return ui.Sentence(b.String())
}
