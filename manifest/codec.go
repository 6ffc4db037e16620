package manifest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// The codec turns records into the JSON of an archive's members and back.
//
// Encoding is deterministic: fields in the order of the types, then Extra by
// name, map keys sorted, no HTML escaping, and text that is not valid is
// refused, so that equal records give equal bytes. Decoding is bounded (see
// [MaxDocument]), refuses what [Image.Validate] and its like refuse, and
// keeps unknown fields of a record in its Extra. Unknown fields deeper inside
// (of one region, say) are not kept; whoever must keep them copies the raw
// bytes.

// AppendImage appends one line of images.jsonl, without its newline. It says
// all that is in the record, in a form of its own (docs/format.md).
func AppendImage(dst []byte, img *Image) ([]byte, error) {
	out, sure := appendImage(dst, img)
	if !sure {
		if err := img.Validate(); err != nil {
			return dst, err
		}
	}
	out, err := appendExtra(out, img, img.Extra)
	if err != nil {
		return dst, err
	}
	if line := out[len(dst):]; len(line) > plainLine || len(img.Extra) > 0 {
		if err := checkDocument(line, imageBounds); err != nil {
			return dst, fmt.Errorf("image %s: %w", img.ID, err)
		}
	}
	return out, nil
}

// DecodeImage reads one line of images.jsonl into img, which is overwritten.
// Its texts share memory: whoever keeps one of them for long clones it, but
// for the id.
func DecodeImage(line []byte, img *Image) error {
	*img = Image{}
	if checked, ok := scanImage(line, img); checked {
		return nil
	} else if ok {
		return img.Validate()
	}
	return decodeImage(line, img)
}

// decodeImage is [DecodeImage] for a line in any form.
func decodeImage(line []byte, img *Image) error {
	*img = Image{}
	if err := checkDocument(line, imageBounds); err != nil {
		return fmt.Errorf("image record: %w", err)
	}
	var in imageLine
	extra, err := decodeRecord(line, &in)
	if err != nil {
		return fmt.Errorf("image record: %w", err)
	}
	if *img, err = in.image(); err != nil {
		return fmt.Errorf("image record %s: %w", label(img.ID), err)
	}
	img.Extra = extra
	return img.Validate()
}

// EncodeProject gives the content of project.json.
func EncodeProject(p *Project) ([]byte, error) {
	if err := p.Validate(); err != nil {
		return nil, err
	}
	return encodeDocument(p, p.Extra, documentBounds)
}

// DecodeProject reads the content of project.json.
func DecodeProject(data []byte) (Project, error) {
	var p Project
	if err := checkDocument(data, documentBounds); err != nil {
		return p, fmt.Errorf("project: %w", err)
	}
	extra, err := decodeRecord(data, &p)
	if err != nil {
		return p, fmt.Errorf("project: %w", err)
	}
	p.Extra = extra
	return p, p.Validate()
}

// EncodeTags gives the content of tags.json.
func EncodeTags(tags []Tag) ([]byte, error) {
	return encodeList(tags, (*Tag).Validate, func(t *Tag) Extra { return t.Extra })
}

// DecodeTags reads the content of tags.json.
func DecodeTags(data []byte) ([]Tag, error) {
	return decodeList("tags", data, (*Tag).Validate, func(t *Tag, e Extra) { t.Extra = e })
}

// EncodeIterations gives the content of iterations.json.
func EncodeIterations(iterations []Iteration) ([]byte, error) {
	return encodeList(iterations, (*Iteration).Validate, func(i *Iteration) Extra { return i.Extra })
}

// DecodeIterations reads the content of iterations.json.
func DecodeIterations(data []byte) ([]Iteration, error) {
	return decodeList("iterations", data, (*Iteration).Validate, func(i *Iteration, e Extra) { i.Extra = e })
}

// EncodeManifest gives the content of manifest.json.
func EncodeManifest(m *Manifest) ([]byte, error) {
	if err := m.Validate(); err != nil {
		return nil, err
	}
	c := *m
	if c.Projects == nil {
		c.Projects = []ProjectEntry{}
	}
	if c.Members == nil {
		c.Members = []Member{}
	}
	return encodeDocument(&c, c.Extra, manifestBounds)
}

// checkRequires refuses what takes a feature that is not known, and what does
// not say so in the known way.
func checkRequires(version string, text json.RawMessage) error {
	if text == nil {
		return nil
	}
	var required []Requirement
	if err := json.Unmarshal(text, &required); err != nil {
		return CheckRequirements(version, []Requirement{{}})
	}
	return CheckRequirements(version, required)
}

// DecodeManifest reads the content of manifest.json. The version is looked at
// first, so that an archive of a newer format gives a [*VersionError]
// whatever else has changed; what is no manifest of this format gives
// [ErrNotManifest].
func DecodeManifest(data []byte) (*Manifest, error) {
	if err := checkDocument(data, manifestBounds); err != nil {
		return nil, fmt.Errorf("manifest: %w", err)
	}
	m := new(Manifest)
	if decodeStrict(data, m) == nil && m.Format == FormatName && CheckVersion(m.FormatVersion) == nil {
		return m, m.Validate() // nearly every one
	}
	*m = Manifest{}
	var head struct{ Format, FormatVersion, Requires json.RawMessage }
	if err := json.Unmarshal(data, &head); err != nil {
		return nil, fmt.Errorf("manifest: %w", Brief(err))
	}
	var format, version string
	if json.Unmarshal(head.Format, &format) != nil || format != FormatName {
		return nil, ErrNotManifest
	}
	if err := json.Unmarshal(head.FormatVersion, &version); err != nil {
		return nil, fmt.Errorf("manifest: formatVersion is not text: %w", Brief(err))
	}
	if err := CheckVersion(version); err != nil {
		return nil, err
	}
	if err := checkRequires(version, head.Requires); err != nil {
		return nil, err
	}
	extra, err := decodeRecord(data, m)
	if err != nil {
		return nil, fmt.Errorf("manifest: %w", err)
	}
	m.Extra = extra
	return m, m.Validate()
}

// ErrNotManifest means that a JSON document is no manifest of an archive.
var ErrNotManifest = errors.New("not the manifest of a cvarchive archive")

// MarshalJSON implements [json.Marshaler]; it adds Extra.
func (s ProjectSettings) MarshalJSON() ([]byte, error) {
	type plain ProjectSettings
	return appendRecord(nil, plain(s), s.Extra)
}

// UnmarshalJSON implements [json.Unmarshaler]; it keeps unknown fields in
// Extra.
func (s *ProjectSettings) UnmarshalJSON(data []byte) error {
	type plain ProjectSettings
	extra, err := decodeRecord(data, (*plain)(s))
	s.Extra = extra
	return err
}

// encodeDocument gives a record as indented JSON with a final newline, for
// people who open an archive in an editor.
func encodeDocument(record any, extra Extra, limit bounds) ([]byte, error) {
	compact, err := appendRecord(nil, record, extra)
	if err != nil {
		return nil, err
	}
	return indent(compact, limit)
}

// indent also refuses what would be refused when it is read.
func indent(compact []byte, limit bounds) ([]byte, error) {
	var b bytes.Buffer
	if err := json.Indent(&b, compact, "", "  "); err != nil {
		return nil, err
	}
	b.WriteByte('\n')
	return b.Bytes(), checkDocument(b.Bytes(), limit)
}

func encodeList[T any](list []T, validate func(*T) error, extra func(*T) Extra) ([]byte, error) {
	out := []byte{'['}
	for i := range list {
		if err := validate(&list[i]); err != nil {
			return nil, err
		}
		if i > 0 {
			out = append(out, ',')
		}
		var err error
		if out, err = appendRecord(out, &list[i], extra(&list[i])); err != nil {
			return nil, err
		}
	}
	return indent(append(out, ']'), documentBounds)
}

func decodeList[T any](what string, data []byte, validate func(*T) error, keep func(*T, Extra)) ([]T, error) {
	if err := checkDocument(data, documentBounds); err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	var raw []json.RawMessage
	if err := json.Unmarshal(data, &raw); err != nil {
		return nil, fmt.Errorf("%s: %w", what, Brief(err))
	}
	list := make([]T, len(raw))
	for i, r := range raw {
		extra, err := decodeRecord(r, &list[i])
		if err != nil {
			return nil, fmt.Errorf("%s: entry %d: %w", what, i, err)
		}
		keep(&list[i], extra)
		if err := validate(&list[i]); err != nil {
			return nil, fmt.Errorf("%s: entry %d: %w", what, i, err)
		}
	}
	return list, nil
}

// appendRecord appends the compact JSON of a record and of its extra fields.
func appendRecord(dst []byte, record any, extra Extra) ([]byte, error) {
	b := bytes.NewBuffer(dst)
	enc := json.NewEncoder(b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(record); err != nil {
		return dst, err
	}
	b.Truncate(b.Len() - 1) // the newline
	return appendExtra(b.Bytes(), record, extra)
}

// appendExtra adds the extra fields of a record, by name, to its JSON at the
// end of dst. One that has the name of a known field is refused: it would be
// read back as that.
func appendExtra(dst []byte, record any, extra Extra) ([]byte, error) {
	if len(extra) == 0 {
		return dst, nil
	}
	b := bytes.NewBuffer(dst)
	enc := json.NewEncoder(b)
	enc.SetEscapeHTML(false)
	known := fieldNames(reflect.TypeOf(record))
	b.Truncate(b.Len() - 1) // the closing brace
	first := b.Bytes()[b.Len()-1] == '{'
	for _, name := range slices.Sorted(maps.Keys(extra)) {
		if isKnown(known, name) {
			return dst, fmt.Errorf("extra field %s has the name of a known field", quote(name))
		}
		if !first {
			b.WriteByte(',')
		}
		first = false
		if err := enc.Encode(name); err != nil {
			return dst, err
		}
		b.Truncate(b.Len() - 1)
		b.WriteByte(':')
		if err := json.Compact(b, extra[name]); err != nil {
			return dst, fmt.Errorf("extra field %s: %w", quote(name), Brief(err))
		}
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// decodeRecord fills record, a pointer to a zero struct, and returns the
// fields that it does not have. Nearly all records have none, so that is
// tried first.
func decodeRecord(data []byte, record any) (Extra, error) {
	if decodeStrict(data, record) == nil {
		return nil, nil
	}
	reflect.ValueOf(record).Elem().SetZero()
	if err := json.Unmarshal(data, record); err != nil {
		return nil, Brief(err)
	}
	var extra Extra
	if err := json.Unmarshal(data, &extra); err != nil {
		return nil, Brief(err)
	}
	known := fieldNames(reflect.TypeOf(record))
	for name, raw := range extra {
		if isKnown(known, name) {
			delete(extra, name)
			continue
		}
		var b bytes.Buffer
		if err := json.Compact(&b, raw); err != nil {
			return nil, err
		}
		extra[name] = b.Bytes()
	}
	if len(extra) == 0 {
		return nil, nil
	}
	return extra, nil
}

func decodeStrict(data []byte, record any) error {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(record); err != nil {
		return err
	}
	if rest := bytes.TrimLeft(data[dec.InputOffset():], " \t\r\n"); len(rest) > 0 {
		return errors.New("data after the record")
	}
	return nil
}

// isKnown compares as encoding/json does when it looks for a field.
func isKnown(known []string, name string) bool {
	return slices.ContainsFunc(known, func(k string) bool { return strings.EqualFold(k, name) })
}

// fieldNames lists the JSON names of a struct's fields, those of embedded
// structs included.
func fieldNames(t reflect.Type) []string {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	var names []string
	for f := range t.Fields() {
		if f.Anonymous {
			names = append(names, fieldNames(f.Type)...)
			continue
		}
		if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); name != "-" {
			names = append(names, name)
		}
	}
	return names
}
