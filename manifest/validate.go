package manifest

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// FieldError says which field of which record is not as it must be.
type FieldError struct {
	Record string // such as `image 6f0d…`
	Field  string // its JSON name, with indexes, such as regions[3].left
	Reason string
}

// Error implements error.
func (e *FieldError) Error() string { return e.Record + ": " + e.Field + " " + e.Reason }

// checker collects the first thing wrong with a record.
type checker struct {
	record string
	err    *FieldError
}

func (c *checker) result() error {
	if c.err == nil {
		return nil
	}
	return c.err
}

func (c *checker) fail(field, format string, args ...any) {
	if c.err == nil {
		c.err = &FieldError{Record: c.record, Field: field, Reason: fmt.Sprintf(format, args...)}
	}
}

func (c *checker) id(field, v string) {
	if !ValidID(v) {
		c.fail(field, "is %s, not a UUID", quote(v))
	}
}

func (c *checker) optionalID(field, v string) {
	if v != "" {
		c.id(field, v)
	}
}

func (c *checker) text(field, v string) {
	if !utf8.ValidString(v) {
		c.fail(field, "is not valid UTF-8")
	}
}

// name is text of which an archive's index holds one a project.
func (c *checker) name(field, v string) {
	c.text(field, v)
	if len(v) > MaxName {
		c.fail(field, "has %d bytes, more than %d", len(v), MaxName)
	}
}

func (c *checker) count(field string, v int) {
	if v < 0 {
		c.fail(field, "is %d, below zero", v)
	}
}

func (c *checker) size(field string, v int64) {
	if v < 0 {
		c.fail(field, "is %d, below zero", v)
	}
}

func (c *checker) digest(field string, d Digest) {
	if d.IsZero() {
		c.fail(field, "is missing")
	}
}

// maxNumber is a length of numbers that no service needs to exceed.
const maxNumber = 64

// number accepts what is a JSON number that is not too long and that a float64
// can hold.
func (c *checker) number(field string, n json.Number) {
	if n == "" {
		c.fail(field, "is missing")
		return
	}
	if length, exponent := numberLength([]byte(n)); length == len(n) && length <= maxNumber && !exponent {
		return // it is finite, and no more needs to be known
	}
	f, err := strconv.ParseFloat(string(n), 64)
	if len(n) > maxNumber || err != nil || math.IsInf(f, 0) || !json.Valid([]byte(n)) || strings.ContainsAny(string(n), " \t\r\n") {
		c.fail(field, "is %s, not a number that can be read", quote(string(n)))
	}
}

func (c *checker) optionalNumber(field string, n json.Number) {
	if n != "" {
		c.number(field, n)
	}
}

func (c *checker) object(field string, o *Object) {
	if o == nil || !o.SHA256.IsZero() && o.Size >= 0 && validExt(o.Ext) {
		return // without making names of fields: there may be millions
	}
	c.digest(field+".sha256", o.SHA256)
	c.size(field+".size", o.Size)
	if !validExt(o.Ext) {
		c.fail(field+".ext", "is %s, not 1 to 8 of a-z and 0-9", quote(o.Ext))
	}
}

// Validate reports the first field that is not as it must be.
func (o *Object) Validate() error {
	c := checker{record: "object " + o.SHA256.String()}
	c.object("object", o)
	return c.result()
}

// Validate reports the first field that is not as it must be.
func (d *Domain) Validate() error {
	c := checker{record: "domain " + quote(d.Name)}
	c.id("id", d.ID)
	c.name("name", d.Name)
	return c.result()
}

// Validate reports the first field that is not as it must be.
func (p *Project) Validate() error {
	c := checker{record: "project " + label(p.ID)}
	c.id("id", p.ID)
	c.name("name", p.Name)
	c.text("description", p.Description)
	c.optionalID("settings.domainId", p.Settings.DomainID)
	return c.result()
}

// Validate reports the first field that is not as it must be.
func (t *Tag) Validate() error {
	c := checker{record: "tag " + label(t.ID)}
	c.id("id", t.ID)
	c.text("name", t.Name)
	c.text("description", t.Description)
	c.count("imageCount", t.ImageCount)
	return c.result()
}

// Validate reports the first field that is not as it must be.
func (i *Iteration) Validate() error {
	c := checker{record: "iteration " + label(i.ID)}
	c.id("id", i.ID)
	c.text("name", i.Name)
	c.optionalID("projectId", i.ProjectID)
	c.optionalID("domainId", i.DomainID)
	c.count("reservedBudgetInHours", i.ReservedBudgetInHours)
	c.count("trainingTimeInMinutes", i.TrainingTimeInMinutes)
	if p := i.Performance; p != nil {
		c.performance(p)
	}
	for n := range i.Models {
		c.object(fmt.Sprintf("models[%d].object", n), i.Models[n].Object)
	}
	return c.result()
}

func (c *checker) performance(p *IterationPerformance) {
	const at = "performance."
	c.optionalNumber(at+"threshold", p.Threshold)
	c.optionalNumber(at+"overlapThreshold", p.OverlapThreshold)
	c.optionalNumber(at+"precision", p.Precision)
	c.optionalNumber(at+"precisionStdDeviation", p.PrecisionStdDeviation)
	c.optionalNumber(at+"recall", p.Recall)
	c.optionalNumber(at+"recallStdDeviation", p.RecallStdDeviation)
	c.optionalNumber(at+"averagePrecision", p.AveragePrecision)
	for n, t := range p.PerTagPerformance {
		at := fmt.Sprintf("performance.perTagPerformance[%d].", n)
		c.optionalID(at+"id", t.ID)
		c.optionalNumber(at+"precision", t.Precision)
		c.optionalNumber(at+"precisionStdDeviation", t.PrecisionStdDeviation)
		c.optionalNumber(at+"recall", t.Recall)
		c.optionalNumber(at+"recallStdDeviation", t.RecallStdDeviation)
		c.optionalNumber(at+"averagePrecision", t.AveragePrecision)
	}
}

// Validate reports the first field that is not as it must be.
func (img *Image) Validate() error {
	var c checker // the record is named once something is wrong: there may be millions
	c.id("id", img.ID)
	c.count("width", img.Width)
	c.count("height", img.Height)
	for n := range img.Tags {
		if !ValidID(img.Tags[n].TagID) {
			c.id(fmt.Sprintf("tags[%d].tagId", n), img.Tags[n].TagID)
		}
		c.text("tags.tagName", img.Tags[n].TagName)
	}
	for n := range img.Regions {
		c.region(n, &img.Regions[n], img.Tags)
	}
	for k, v := range img.Metadata {
		c.text("metadata", k)
		c.text("metadata", v)
	}
	for _, id := range img.Iterations {
		c.id("iterations", id)
	}
	c.object("object", img.Object)
	if c.err != nil {
		c.err.Record = "image " + label(img.ID)
	}
	return c.result()
}

// region looks at a region of an image whose tags were looked at, and names
// its fields only once something is wrong.
func (c *checker) region(n int, r *Region, tags []ImageTag) {
	var sub checker
	sub.optionalID("regionId", r.ID)
	if len(tags) == 0 || r.TagID != tags[0].TagID {
		sub.id("tagId", r.TagID)
	}
	sub.text("tagName", r.TagName)
	sub.number("left", r.Left)
	sub.number("top", r.Top)
	sub.number("width", r.Width)
	sub.number("height", r.Height)
	if sub.err != nil && c.err == nil {
		sub.err.Field = fmt.Sprintf("regions[%d].%s", n, sub.err.Field)
		c.err = sub.err
	}
}

// Validate reports the first field that is not as it must be. A token is
// there exactly when the state says so.
func (e *Export) Validate() error {
	c := checker{record: "export"}
	c.count("iterationCount", e.IterationCount)
	c.count("imageCount", e.ImageCount)
	c.count("tagCount", e.TagCount)
	c.count("regionCount", e.RegionCount)
	c.count("estimatedImportTimeInMS", e.EstimatedImportTimeInMS)
	if stored := e.State == TokenStored; stored == e.Token.IsZero() {
		c.fail("tokenState", "is %s, which does not agree with there being a token or none", quote(string(e.State)))
	}
	if sealed := e.State == TokenSealed; sealed != (e.SealedToken != "") {
		c.fail("tokenState", "is %s, which does not agree with there being a sealed token or none", quote(string(e.State)))
	}
	if e.State == "" {
		c.fail("tokenState", "is missing")
	}
	return c.result()
}

// Validate reports the first field that is not as it must be.
func (m *Manifest) Validate() error {
	c := checker{record: "manifest"}
	if m.Format != FormatName {
		c.fail("format", "is %s, not %q", quote(m.Format), FormatName)
	}
	if err := CheckVersion(m.FormatVersion); err != nil {
		c.fail("formatVersion", "is %s: %v", quote(m.FormatVersion), err)
	}
	if b, err := hex.DecodeString(m.ID); err != nil || len(b) != 4 || strings.ToLower(m.ID) != m.ID {
		c.fail("id", "is %s, not 8 lower-case hexadecimal digits", quote(m.ID))
	}
	c.text("source.name", m.Source.Name)
	for i := range m.Domains {
		c.id(fmt.Sprintf("domains[%d].id", i), m.Domains[i].ID)
		c.name(fmt.Sprintf("domains[%d].name", i), m.Domains[i].Name)
	}
	c.projects(m.Projects)
	c.members(m.Members)
	c.size("objects.count", m.Objects.Count)
	c.size("objects.bytes", m.Objects.Bytes)
	c.digest("objects.digest", m.Objects.Digest)
	if m.Parent != nil {
		c.digest("parent.sha256", m.Parent.SHA256)
	}
	return c.result()
}

// projects looks at the entries; two ids that differ in case only are one
// and the same to the service, and to many file systems.
func (c *checker) projects(entries []ProjectEntry) {
	seen := make(map[[16]byte]bool, len(entries))
	for i := range entries {
		e, at := &entries[i], fmt.Sprintf("projects[%d].", i)
		id, ok := parseID(e.ID)
		if !ok {
			c.id(at+"id", e.ID)
		} else if seen[id] {
			c.fail(at+"id", "%s is there twice", e.ID)
		}
		seen[id] = true
		c.name(at+"name", e.Name)
		c.optionalID(at+"domainId", e.DomainID)
		if e.Outcome == "" {
			c.fail(at+"outcome", "is missing")
		}
		n := &e.Counts
		for _, v := range []int{n.Images, n.IterationOnly, n.Tagged, n.Tags, n.Regions, n.Iterations, n.Models, n.FailedImages, n.DuplicateImages} {
			c.count(at+"counts", v)
		}
		c.size(at+"counts.bytes", n.Bytes)
	}
}

func (c *checker) members(members []Member) {
	seen := make(map[string]bool, len(members))
	last := int64(-1)
	for i := range members {
		m, at := &members[i], fmt.Sprintf("members[%d].", i)
		name := strings.ToLower(m.Name)
		switch {
		case !ValidMemberName(m.Name):
			c.fail(at+"name", "is %s, not a clean relative name", quote(m.Name))
		case seen[name]:
			c.fail(at+"name", "%s is there twice", quote(m.Name))
		}
		seen[name] = true
		c.size(at+"size", m.Size)
		c.digest(at+"sha256", m.SHA256)
		if m.Offset <= last || m.Offset%512 != 0 {
			c.fail(at+"offset", "is %d, not a block after the member before", m.Offset)
		}
		last = m.Offset
	}
}

// ValidMemberName reports whether an archive may hold a member of this name:
// relative, slash-separated, without empty, "." or ".." elements, printable
// ASCII that every file system takes, at most 255 bytes.
func ValidMemberName(name string) bool {
	if len(name) > 255 || name == "." || !fs.ValidPath(name) {
		return false
	}
	return !strings.ContainsFunc(name, func(r rune) bool {
		return r <= ' ' || r > '~' || strings.ContainsRune(`\:*?"<>|`, r)
	})
}

// ValidID reports whether s has the form of the service's ids: a UUID, in
// upper or lower case.
func ValidID(s string) bool {
	a, b, c, d, ok := splitID(s)
	all := hexDigits(a, a|0x20*each) & hexDigits(b, b|0x20*each) & hexDigits(c, c|0x20*each) & hexDigits(d, d|0x20*each)
	return ok && all == eachTop
}

// parseID reads a UUID in its 36-character form.
func parseID(s string) (id [16]byte, ok bool) {
	if len(s) != 36 || s[8] != '-' || s[13] != '-' || s[18] != '-' || s[23] != '-' {
		return id, false
	}
	var bad byte
	for n, at := range [...]int{0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34} {
		high, low := hexValues[s[at]], hexValues[s[at+1]]
		bad |= high | low
		id[n] = high<<4 | low
	}
	return id, bad <= 15
}

// hexValues are the values of hexadecimal digits, by byte.
const hexValues = "" +
	"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff" +
	"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff" +
	"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff" +
	"\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\xff\xff\xff\xff\xff\xff" +
	"\xff\x0a\x0b\x0c\x0d\x0e\x0f\xff\xff\xff\xff\xff\xff\xff\xff\xff" +
	"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff" +
	"\xff\x0a\x0b\x0c\x0d\x0e\x0f\xff\xff\xff\xff\xff\xff\xff\xff\xff" +
	"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff" +
	"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff" +
	"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff" +
	"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff" +
	"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff" +
	"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff" +
	"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff" +
	"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff" +
	"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"

func validExt(ext string) bool {
	if len(ext) < 1 || len(ext) > 8 {
		return false
	}
	for i := range len(ext) {
		if c := ext[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') {
			return false
		}
	}
	return true
}

// quote shows a value in a message, shortened: it may be anything.
func quote(s string) string { return strconv.Quote(short(s, 60)) }

// label shows an id in a message: as it is where it has the form of one, else
// like any value.
func label(id string) string {
	if ValidID(id) {
		return id
	}
	return quote(id)
}

func short(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	for cut := limit; cut > limit-utf8.UTFMax; cut-- {
		if utf8.RuneStart(s[cut]) {
			return s[:cut] + "…"
		}
	}
	return s[:limit] + "…" // not UTF-8 anyway
}

// Brief is an error of a decoder, shortened and in printable characters: some
// repeat what they were given.
func Brief(err error) error {
	const limit = 300
	text := strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return unicode.ReplacementChar
		}
		return r
	}, short(err.Error(), limit))
	if text == err.Error() {
		return err
	}
	return errors.New(text)
}
