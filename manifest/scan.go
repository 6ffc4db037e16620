package manifest

import (
	"bytes"
	"encoding/json"
	"reflect"
	"slices"
	"strconv"
	"unicode/utf8"
)

// Archives hold millions of records, so the form that [AppendImage] gives a
// line has a reader of its own, some ten times as fast as encoding/json. It
// knows a part of JSON only: compact, fields in that order, no
// escapes, no null, nothing empty; unknown fields of the record come last.
// Whatever else there is makes it give up, and the general decoder decides.
// What it does take, both read alike (FuzzScan).

// scanner reads from the front of rest until something is not regular.
type scanner struct {
	rest []byte
	bad  bool // and nothing that was read counts
	sep  bool // a field before was of the same object
}

// plainLine is the length up to which a line cannot go beyond the bounds of an
// image record as long as all of its fields are known.
const plainLine = 16 << 10

// scanImage reads a regular line into img, which must be zero. It reports
// false, with img in any state, for what it leaves to the general decoder.
func scanImage(line []byte, img *Image) bool {
	if len(line) > plainLine && checkDocument(line, imageBounds) != nil || !utf8.Valid(line) {
		return false
	}
	s := scanner{rest: line}
	s.image(img)
	s.unknown(line, img)
	s.close()
	return !s.bad && len(s.rest) == 0
}

func (s *scanner) image(img *Image) {
	s.open()
	if s.field("id") {
		img.ID = s.text()
	}
	if s.field("created") {
		img.Created = Timestamp(s.text())
	}
	if s.field("width") {
		img.Width = s.count()
	}
	if s.field("height") {
		img.Height = s.count()
	}
	if s.field("tags") {
		for more := s.list(); more; more = s.next() {
			img.Tags = append(img.Tags, s.imageTag())
		}
	}
	if s.field("regions") {
		img.Regions = s.regions(img)
	}
	if s.field("metadata") {
		img.Metadata = s.texts()
	}
	if s.field("iterations") {
		for more := s.list(); more; more = s.next() {
			img.Iterations = append(img.Iterations, s.text())
		}
	}
	if s.field("blob") {
		img.Blob = known(s.raw(), BlobOriginal, BlobResized)
	}
	if s.field("object") {
		img.Object = s.object()
	}
	if s.field("failure") {
		img.Failure = s.failure()
	}
}

func (s *scanner) imageTag() (t ImageTag) {
	s.open()
	if s.field("tagId") {
		t.TagID = s.text()
	}
	if s.field("tagName") {
		t.TagName = s.text()
	}
	if s.field("created") {
		t.Created = Timestamp(s.text())
	}
	s.close()
	return t
}

func (s *scanner) regions(img *Image) []Region {
	list := make([]Region, 0, 8) // of most images, and then never on the heap
	tagID := ""
	if len(img.Tags) > 0 {
		tagID = img.Tags[0].TagID
	}
	for more := s.list(); more; more = s.next() {
		r := s.region(tagID)
		list = append(list, r)
		tagID = r.TagID
	}
	return slices.Clone(list)
}

// region reads a region, whose tag is likely to be the one that is given.
func (s *scanner) region(tagID string) (r Region) {
	s.open()
	if s.field("tagId") {
		r.TagID = known(s.raw(), tagID)
	}
	if s.field("tagName") {
		r.TagName = s.text()
	}
	if s.field("created") {
		r.Created = Timestamp(s.text())
	}
	if s.field("regionId") {
		r.ID = s.text()
	}
	if s.field("box") {
		s.byte('[')
		r.Left = s.number()
		s.byte(',')
		r.Top = s.number()
		s.byte(',')
		r.Width = s.number()
		s.byte(',')
		r.Height = s.number()
		s.byte(']')
	}
	s.close()
	return r
}

func (s *scanner) object() *Object {
	o := new(Object)
	s.open()
	if s.field("sha256") {
		s.bad = o.SHA256.UnmarshalText(s.raw()) != nil || s.bad
	}
	if s.field("size") {
		o.Size = s.integer()
	}
	if s.field("ext") {
		o.Ext = known(s.raw(), "jpg", "png")
	}
	s.close()
	return o
}

func (s *scanner) failure() *Failure {
	f := new(Failure)
	s.open()
	for _, text := range []struct {
		name string
		to   *string
	}{{"item", &f.Item}, {"operation", &f.Operation}, {"code", &f.Code}, {"message", &f.Message}, {"requestId", &f.RequestID}} {
		if s.field(text.name) {
			*text.to = s.text()
		}
	}
	s.close()
	return f
}

// texts reads a map of strings in which every name is there once.
func (s *scanner) texts() map[string]string {
	m := map[string]string{}
	s.open()
	for name, ok := s.name(); ok; name, ok = s.name() {
		if _, twice := m[string(name)]; twice {
			s.bad = true
		}
		m[string(name)] = s.text()
	}
	s.close()
	s.bad = s.bad || len(m) == 0
	return m
}

// unknown reads the fields that are left of a record.
func (s *scanner) unknown(line []byte, img *Image) {
	for name, ok := s.name(); ok; name, ok = s.name() {
		if img.Extra == nil {
			if img.Extra = (Extra{}); checkDocument(line, imageBounds) != nil {
				s.bad = true
			}
		}
		value := s.value()
		var b bytes.Buffer
		_, twice := img.Extra[string(name)]
		if s.bad || twice || isKnown(fieldNames(reflect.TypeFor[Image]()), string(name)) || json.Compact(&b, value) != nil {
			s.bad = true
			return
		}
		img.Extra[string(name)] = b.Bytes()
	}
}

// open and close read the ends of an object.
func (s *scanner) open() {
	s.byte('{')
	s.sep = false
}

func (s *scanner) close() {
	s.byte('}')
	s.sep = true
}

// list and next read what precedes an element, and report whether there is
// one.
func (s *scanner) list() bool {
	s.byte('[')
	return !s.bad
}

func (s *scanner) next() bool {
	if s.bad {
		return false
	}
	if len(s.rest) > 0 && s.rest[0] == ',' {
		s.rest = s.rest[1:]
		return true
	}
	s.byte(']')
	s.sep = true
	return false
}

func (s *scanner) byte(c byte) {
	if len(s.rest) == 0 || s.rest[0] != c {
		s.bad, s.rest = true, nil
		return
	}
	s.rest = s.rest[1:]
}

// field reports whether a field of this name is next, and reads as far as its
// value.
func (s *scanner) field(name string) bool {
	at := 0
	if s.sep {
		if len(s.rest) == 0 || s.rest[0] != ',' {
			return false
		}
		at = 1
	}
	end := at + 1 + len(name)
	if len(s.rest) < end+2 || s.rest[at] != '"' || string(s.rest[at+1:end]) != name || s.rest[end] != '"' || s.rest[end+1] != ':' {
		return false
	}
	s.rest, s.sep = s.rest[end+2:], true
	return true
}

// name reads the name of the next field, if there is one.
func (s *scanner) name() ([]byte, bool) {
	if len(s.rest) == 0 || s.rest[0] == '}' {
		return nil, false
	}
	if s.sep {
		s.byte(',')
	}
	name := s.raw()
	s.byte(':')
	s.sep = true
	return name, !s.bad
}

// raw reads a string without escapes; it is valid as long as the line.
func (s *scanner) raw() []byte {
	if len(s.rest) > 0 && s.rest[0] == '"' {
		for i, c := range s.rest[1:] {
			if c == '"' {
				text := s.rest[1 : 1+i]
				s.rest = s.rest[2+i:]
				return text
			}
			if c == '\\' || c < ' ' {
				break
			}
		}
	}
	s.bad, s.rest = true, nil
	return nil
}

// text is [scanner.raw] to keep.
func (s *scanner) text() string { return string(s.raw()) }

// known is the text itself, without memory of its own where it is one of
// those that are likely.
func known(text []byte, likely ...string) string {
	for _, l := range likely {
		if string(text) == l {
			return l
		}
	}
	return string(text)
}

// number reads a number and keeps its text.
func (s *scanner) number() json.Number {
	n, _ := numberLength(s.rest)
	if n == 0 {
		s.bad, s.rest = true, nil
		return ""
	}
	text := string(s.rest[:n])
	s.rest = s.rest[n:]
	return json.Number(text)
}

func (s *scanner) integer() int64 {
	text := s.number()
	v, err := strconv.ParseInt(string(text), 10, 64)
	s.bad = s.bad || err != nil
	return v
}

func (s *scanner) count() int {
	v := s.integer()
	s.bad = s.bad || int64(int(v)) != v
	return int(v)
}

// numberLength is how many bytes at the start of b are a number of JSON, and
// whether they have an exponent.
func numberLength(b []byte) (n int, exponent bool) {
	if n < len(b) && b[n] == '-' {
		n++
	}
	whole := digits(b[n:])
	if whole == 0 || whole > 1 && b[n] == '0' {
		return 0, false
	}
	n += whole
	if n < len(b) && b[n] == '.' {
		fraction := digits(b[n+1:])
		if fraction == 0 {
			return 0, false
		}
		n += 1 + fraction
	}
	if n == len(b) || b[n] != 'e' && b[n] != 'E' {
		return n, false
	}
	if n++; n < len(b) && (b[n] == '+' || b[n] == '-') {
		n++
	}
	power := digits(b[n:])
	if power == 0 {
		return 0, false
	}
	return n + power, true
}

func digits(b []byte) int {
	for i, c := range b {
		if c < '0' || c > '9' {
			return i
		}
	}
	return len(b)
}

// value reads any value up to what follows it. Whether it is one is for
// others to say.
func (s *scanner) value() []byte {
	depth := 0
	for i := 0; i < len(s.rest); i++ {
		switch s.rest[i] {
		case '"':
			for i++; i < len(s.rest) && s.rest[i] != '"'; i++ {
				if s.rest[i] == '\\' {
					i++
				}
			}
		case '[', '{':
			depth++
		case ']', '}', ',':
			if depth == 0 {
				value := s.rest[:i]
				s.rest = s.rest[i:]
				return value
			}
			if s.rest[i] != ',' {
				depth--
			}
		}
	}
	s.bad, s.rest = true, nil
	return nil
}
