package customvision

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"reflect"
	"slices"
	"strings"

	"cvarchive/manifest"
	"cvarchive/remote/azure"
)

// unmarshalKeeping decodes a JSON object into the struct that dst points to,
// and returns the fields that the struct does not name. Credentials within
// them, such as the signature of a link, are taken out.
func unmarshalKeeping(data []byte, dst any) (manifest.Extra, error) {
	if unmarshalKnown(data, dst) == nil {
		return nil, nil // as it is nearly always
	}
	reflect.ValueOf(dst).Elem().SetZero()
	if err := json.Unmarshal(data, dst); err != nil {
		return nil, err
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(data, &fields); err != nil {
		return nil, err
	}
	known := fieldNames(reflect.TypeOf(dst).Elem())
	var extra manifest.Extra
	for name, raw := range fields {
		if slices.ContainsFunc(known, func(k string) bool { return strings.EqualFold(k, name) }) {
			continue
		}
		if extra == nil {
			extra = manifest.Extra{}
		}
		extra[name] = scrubJSON(raw)
	}
	return extra, nil
}

// unmarshalKnown decodes JSON of which the value that dst points to names
// every field; where that fails, dst may hold some of it.
func unmarshalKnown(data []byte, dst any) error {
	strict := json.NewDecoder(bytes.NewReader(data))
	strict.DisallowUnknownFields()
	if err := strict.Decode(dst); err != nil {
		return err
	}
	if _, err := strict.Token(); err != io.EOF {
		return errors.New("more follows")
	}
	return nil
}

func fieldNames(t reflect.Type) []string {
	var names []string
	for f := range t.Fields() {
		if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); name != "" {
			names = append(names, name)
		}
	}
	return names
}

// scrubJSON returns a value as it came, unless a string within it holds
// something like a credential.
func scrubJSON(raw json.RawMessage) json.RawMessage {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	var v any
	if dec.Decode(&v) != nil {
		return raw
	}
	clean, changed := scrubValue(v)
	if !changed {
		return raw
	}
	out, err := json.Marshal(clean)
	if err != nil {
		return json.RawMessage("null")
	}
	return out
}

func scrubValue(v any) (clean any, changed bool) {
	switch v := v.(type) {
	case string:
		s := azure.Scrub(v)
		return s, s != v
	case []any:
		for i := range v {
			var c bool
			v[i], c = scrubValue(v[i])
			changed = changed || c
		}
	case map[string]any:
		for k := range v {
			var c bool
			v[k], c = scrubValue(v[k])
			changed = changed || c
		}
	}
	return v, changed
}
