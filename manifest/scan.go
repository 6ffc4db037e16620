package manifest

import (
	"bytes"
	"encoding/json"
	"reflect"
	"slices"
	"strconv"
	"strings"
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
	rest    []byte
	bad     bool // and nothing that was read counts
	sep     bool // a field before was of the same object
	unusual bool // something was read that may not be valid
	texts   strings.Builder
}

// plainLine is the length up to which a line cannot go beyond the bounds of an
// image record as long as all of its fields are known.
const plainLine = 16 << 10

// scanImage reads a regular line into img, which must be zero. It reports
// false, with img in any state, for what it leaves to the general decoder.
// A record is checked if it is valid for sure.
func scanImage(line []byte, img *Image) (checked, ok bool) {
	if len(line) > plainLine && checkDocument(line, imageBounds) != nil || !utf8.Valid(line) {
		return false, false
	}
	s := scanner{rest: line}
	s.texts.Grow(min(len(line), plainLine)/2 + 64) // a record with regions fits, and then it is the only one
	s.image(img)
	s.unknown(line, img)
	s.close()
	if s.bad || len(s.rest) > 0 {
		return false, false
	}
	return !s.unusual, true
}

func (s *scanner) image(img *Image) {
	s.open()
	if s.field("id") {
		img.ID = strings.Clone(s.id())
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
			img.Tags = append(img.Tags, s.imageTag(img.Created))
		}
	}
	if s.field("regions") {
		img.Regions = s.regions(img)
	}
	if s.field("metadata") {
		img.Metadata = s.pairs()
	}
	if s.field("iterations") {
		for more := s.list(); more; more = s.next() {
			img.Iterations = append(img.Iterations, s.id())
		}
	}
	if s.field("blob") {
		img.Blob = s.known(BlobOriginal, BlobResized)
	}
	if s.field("object") {
		img.Object = s.object()
	}
	if s.field("failure") {
		img.Failure = s.failure()
	}
	s.unusual = s.unusual || img.ID == ""
}

func (s *scanner) imageTag(created Timestamp) (t ImageTag) {
	s.byte('[')
	t.TagID = s.id()
	s.byte(',')
	t.Created = s.when(created)
	t.TagName = s.last()
	return t
}

func (s *scanner) regions(img *Image) []Region {
	list := make([]Region, 0, 8) // of most images, and then never on the heap
	for more := s.list(); more; more = s.next() {
		list = append(list, s.region(img))
	}
	return slices.Clone(list)
}

func (s *scanner) region(img *Image) (r Region) {
	s.byte('[')
	base := img.Created
	if n := digits(s.rest); n > 0 {
		at, ok := tagIndex(s.rest[:n], img)
		if !ok {
			s.fail()
			return r
		}
		r.TagID, base = img.Tags[at].TagID, img.Tags[at].Created
		s.rest = s.rest[n:]
	} else {
		r.TagID = s.id()
	}
	s.byte(',')
	r.ID = s.id()
	s.byte(',')
	r.Created = s.when(base)
	s.byte(',')
	r.Left = s.fraction()
	s.byte(',')
	r.Top = s.fraction()
	s.byte(',')
	r.Width = s.fraction()
	s.byte(',')
	r.Height = s.fraction()
	r.TagName = s.last()
	return r
}

// last reads the end of a list, and the text before it if there is one.
func (s *scanner) last() (text string) {
	if len(s.rest) > 0 && s.rest[0] == ',' {
		s.byte(',')
		text = s.text()
	}
	s.byte(']')
	return text
}

func (s *scanner) object() *Object {
	o := new(Object)
	s.byte('[')
	s.bad = o.SHA256.UnmarshalText(s.raw()) != nil || s.bad
	s.byte(',')
	o.Size = s.integer()
	s.byte(',')
	o.Ext = s.known("jpg", "png")
	s.byte(']')
	s.unusual = s.unusual || o.SHA256.IsZero() || o.Size < 0 || !validExt(o.Ext)
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

// pairs reads a map of strings in which every name is there once.
func (s *scanner) pairs() map[string]string {
	m := map[string]string{}
	s.open()
	for name, ok := s.name(); ok; name, ok = s.name() {
		if _, twice := m[string(name)]; twice {
			s.bad = true
		}
		m[s.keep(name)] = s.text()
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
		s.fail()
		return
	}
	s.rest = s.rest[1:]
}

func (s *scanner) fail() { s.bad, s.rest = true, nil }

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
	s.fail()
	return nil
}

// keep returns text to keep. All texts of a record lie in one piece of memory.
func (s *scanner) keep(text []byte) string {
	at := s.texts.Len()
	s.texts.Write(text)
	return s.texts.String()[at:]
}

// text is [scanner.raw] to keep.
func (s *scanner) text() string { return s.keep(s.raw()) }

// known is text that takes no memory where it is one of those that are likely.
func (s *scanner) known(likely ...string) string {
	text := s.raw()
	for _, l := range likely {
		if string(text) == l {
			return l
		}
	}
	return s.keep(text)
}

// id reads an id without dashes, or another text that may be one.
func (s *scanner) id() string {
	if len(s.rest) > 33 && s.rest[0] == '"' && s.rest[33] == '"' && lowerHex(s.rest[1:33]) {
		hex := s.rest[1:33]
		s.rest = s.rest[34:]
		var id [36]byte
		copy(id[:8], hex)
		copy(id[9:13], hex[8:])
		copy(id[14:18], hex[12:])
		copy(id[19:23], hex[16:])
		copy(id[24:], hex[20:])
		id[8], id[13], id[18], id[23] = '-', '-', '-', '-'
		return s.keep(id[:])
	}
	s.unusual = true
	return s.text()
}

// when reads a timestamp: text, or the seconds from another one.
func (s *scanner) when(base Timestamp) Timestamp {
	if len(s.rest) > 0 && s.rest[0] == '"' {
		return Timestamp(s.text())
	}
	text := s.number()
	if string(text) == "0" {
		return base
	}
	var stamp [stampSize]byte
	t, ok := base.after(stamp[:0], text)
	if !ok {
		s.fail()
	}
	return Timestamp(s.keep(t))
}

// number reads a number; it is valid as long as the line.
func (s *scanner) number() []byte {
	n, exponent := numberLength(s.rest)
	if n == 0 {
		s.fail()
		return nil
	}
	s.unusual = s.unusual || exponent || n > maxNumber
	text := s.rest[:n]
	s.rest = s.rest[n:]
	return text
}

// fraction is [scanner.number] to keep.
func (s *scanner) fraction() json.Number { return json.Number(s.keep(s.number())) }

func (s *scanner) integer() int64 {
	v, err := strconv.ParseInt(string(s.number()), 10, 64)
	s.bad = s.bad || err != nil
	return v
}

func (s *scanner) count() int {
	v := s.integer()
	s.bad = s.bad || int64(int(v)) != v
	s.unusual = s.unusual || v < 0
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
