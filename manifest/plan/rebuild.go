package plan

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"cvarchive/manifest"
)

// rebuild plans a project's reconstruction from its content.
func (b *builder) rebuild(p *Project, a *Archived) {
	c := a.Content
	held, all := c.Restorable(), c.All()
	domain, ok := b.chooseDomain(a)
	switch {
	case b.archive.MetadataOnly && all.Images > 0:
		p.block("the archive is metadata-only and holds no image bytes", "use an archive made without --metadata-only")
		return
	case all.Images > 0 && held.Images == 0:
		p.block("the bytes of none of its images were captured", "use another archive")
		return
	case !ok:
		p.block(fmt.Sprintf("the target does not offer its domain %s", describeDomain(domain.From, b.archive.Domains)),
			"restore into a resource that offers it")
		return
	}
	p.Action = Rebuild
	p.Domain = &domain
	if held.Images > 0 {
		p.Transfer = TransferUpload
		if b.opt.Transfer == TransferURL {
			p.Transfer = TransferURL
		}
	}
	c.By(p.Transfer)
	p.Settings = settings(a, domain)
	p.Creates = Creates{
		Tags: len(c.Tags()), Images: held.Images, Regions: held.Regions,
		WithMetadata: held.WithMetadata, PerTag: perTag(c, held),
	}
	schedule := c.Schedule()
	p.Calls, p.UploadBytes = c.Calls(schedule), c.uploadBytes(schedule)
	p.ProofCalls = proofCalls(held.Images)
	p.Bytes, p.ProofBytes = held.Bytes, held.Bytes
	p.NotCarried = append(p.NotCarried, notCarried(a)...)
	p.Notes = append(p.Notes, b.domainNotes(domain)...)
	if n := c.strict.count; n > 0 {
		p.Notes = append(p.Notes, Note{What: plural(n, "images") + " with much metadata", Count: n, Items: c.strict.ids,
			Reason: fmt.Sprintf("more than %d entries, or longer than %d and %d characters, which is one of the two limits that the service's documents give; what it refuses is reported by name",
				strictPairs, strictKey, strictValue)})
	}
	if n := len(c.Merged()); n > 0 {
		p.Notes = append(p.Notes, Note{What: plural(n, "images"), Count: n,
			Reason: "the same bytes as another image of the project; the target has one image with the labels of both"})
	}
}

// settings lists what CreateProject and UpdateProject set.
func settings(a *Archived, d Domain) []Setting {
	s := &a.Project.Settings
	var out []Setting
	set := func(name, value string) {
		if value != "" {
			out = append(out, Setting{name, value})
		}
	}
	set("description", a.Project.Description)
	set("domain", d.ID)
	set("classificationType", s.ClassificationType)
	set("targetExportPlatforms", strings.Join(s.TargetExportPlatforms, ","))
	if NeedsUpdate(*s) {
		m := s.ImageProcessingSettings.AugmentationMethods
		for _, k := range slices.Sorted(maps.Keys(m)) {
			set("augmentation "+k, strconv.FormatBool(m[k]))
		}
		if len(m) == 0 {
			set("augmentation", "none")
		}
	}
	return out
}

// notCarried lists what a rebuild loses.
func notCarried(a *Archived) []Note {
	var notes []Note
	add := func(n Note) { notes = append(notes, n) }
	s := &a.Project.Settings
	if s.UseNegativeSet != nil && *s.UseNegativeSet {
		add(Note{What: "setting useNegativeSet", Reason: "read-only; the service sets it by itself"})
	}
	if s.DetectionParameters != "" {
		add(Note{What: "setting detectionParameters", Reason: "read-only"})
	}
	for _, name := range slices.Sorted(maps.Keys(s.Extra)) {
		add(Note{What: "setting " + name, Reason: whyNotSet(name)})
	}
	var trained, models []string
	for _, it := range a.Iterations {
		if it.Trained() {
			trained = append(trained, it.Name)
		}
		for _, m := range it.Models {
			if m.Object != nil {
				models = append(models, strings.TrimSpace(it.Name+" "+m.Platform+" "+m.Flavor))
			}
		}
	}
	if n := len(trained); n > 0 {
		add(Note{What: plural(n, "trained iterations"), Reason: "the service takes no model back; train again", Count: n, Items: firstItems(trained)})
	}
	notes = append(notes, published(a.Iterations, "publish again after training")...)
	if n := len(models); n > 0 {
		add(Note{What: plural(n, "exported models"), Reason: "kept in the archive only", Count: n, Items: firstItems(models)})
	}
	c := a.Content
	if n := c.iteration; n > 0 {
		add(Note{What: plural(n, "images"), Reason: "only iterations hold them, not the workspace", Count: n})
	}
	if n := len(c.lost); n > 0 {
		add(Note{What: plural(n, "images"), Reason: "their bytes are not in the archive", Count: n, Items: lostIDs(c.lost)})
	}
	if n := c.unknown; n > 0 {
		add(Note{What: plural(n, "labels"), Reason: "their tag is not in the archive", Count: n})
	}
	for _, m := range c.merged {
		if len(m.Dropped) > 0 {
			add(Note{What: fmt.Sprintf("%s of record %d", strings.Join(m.Dropped, ", "), m.Record+1),
				Reason: fmt.Sprintf("its bytes equal record %d, and one image cannot carry both", m.Into+1)})
		}
	}
	add(Note{What: "ids and dates", Reason: "the target gives new ones"})
	return notes
}

// whyNotSet explains a setting that is archived and never sent.
func whyNotSet(name string) string {
	switch name {
	case "exportModelContainerUri", "notificationQueueUri":
		return "it belongs to the old account's storage; set it to the new one's in the portal"
	}
	return "not known to this version, and often bound to the old account"
}

// domainNotes say what is unusual about a chosen domain.
func (b *builder) domainNotes(d Domain) []Note {
	offered := func(id string) *manifest.Domain {
		i := slices.IndexFunc(b.target.Domains, func(o manifest.Domain) bool { return strings.EqualFold(o.ID, id) })
		if i < 0 {
			return nil
		}
		return &b.target.Domains[i]
	}
	if d.From == "" {
		if same := offered(d.ID); same != nil && !same.Enabled {
			return []Note{{What: "domain", Reason: fmt.Sprintf("%s is retired; the service may refuse to train with it", describeDomain(d.ID, b.target.Domains))}}
		}
		return nil
	}
	lost := "is not offered"
	if offered(d.From) != nil {
		lost = "is retired"
	}
	return []Note{{What: "domain", Reason: fmt.Sprintf("%s %s; %s takes its place",
		describeDomain(d.From, b.archive.Domains), lost, describeDomain(d.ID, b.target.Domains))}}
}

// chooseDomain finds the target's domain for a project: the same one, else
// one of the same name and type, enabled ones first. Without any, the
// archived id is in From.
func (b *builder) chooseDomain(a *Archived) (Domain, bool) {
	return ChooseDomain(a, b.archive.Domains, b.target.Domains)
}

// ChooseDomain finds the domain that a project has or gets in a target, of
// those that source and target offer.
func ChooseDomain(a *Archived, source, target []manifest.Domain) (Domain, bool) {
	id := a.Project.Settings.DomainID
	name, kind := "", a.Entry.Type
	for _, d := range source {
		if strings.EqualFold(d.ID, id) {
			name, kind = d.Name, d.Type
		}
	}
	var same, like *manifest.Domain
	for i := range target {
		d := &target[i]
		switch {
		case strings.EqualFold(d.ID, id):
			same = d
		case name != "" && d.Name == name && d.Type == kind && (like == nil || d.Enabled && !like.Enabled):
			like = d
		}
	}
	switch {
	case same != nil && (same.Enabled || like == nil || !like.Enabled):
		return Domain{ID: same.ID, Name: same.Name}, true
	case like != nil:
		return Domain{ID: like.ID, Name: like.Name, From: id}, true
	default:
		return Domain{From: id}, false
	}
}

func describeDomain(id string, among []manifest.Domain) string {
	for _, d := range among {
		if strings.EqualFold(d.ID, id) {
			return fmt.Sprintf("%q (%s, %s)", d.Name, d.Type, id)
		}
	}
	return id
}

func lostIDs(lost []Lost) []string {
	var ids []string
	for _, l := range lost[:min(len(lost), maxItems)] {
		ids = append(ids, l.ID)
	}
	return ids
}
