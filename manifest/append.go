package manifest

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"unicode/utf8"
)

// The JSON of an [Image], made without reflection and some five times as fast
// as by encoding/json. But for regions, both give the same bytes
// (FuzzImageRecord).

// appendImage appends the JSON of an image that is valid, without Extra.
func appendImage(dst []byte, img *Image) []byte {
	dst = appendField(dst, '{', "id")
	dst = appendText(dst, img.ID)
	dst = appendOptional(dst, "created", string(img.Created))
	dst = appendCount(dst, "width", img.Width)
	dst = appendCount(dst, "height", img.Height)
	for i := range img.Tags {
		dst = appendElement(dst, "tags", i)
		dst = appendImageTag(dst, &img.Tags[i])
	}
	dst = appendEnd(dst, len(img.Tags))
	for i := range img.Regions {
		dst = appendElement(dst, "regions", i)
		dst = appendRegion(dst, &img.Regions[i])
	}
	dst = appendEnd(dst, len(img.Regions))
	dst = appendTexts(dst, "metadata", img.Metadata)
	for i, id := range img.Iterations {
		dst = appendElement(dst, "iterations", i)
		dst = appendText(dst, id)
	}
	dst = appendEnd(dst, len(img.Iterations))
	dst = appendOptional(dst, "blob", img.Blob)
	if img.Object != nil {
		dst = appendObject(appendField(dst, ',', "object"), img.Object)
	}
	if img.Failure != nil {
		dst = appendFailure(appendField(dst, ',', "failure"), img.Failure)
	}
	return append(dst, '}')
}

func appendImageTag(dst []byte, t *ImageTag) []byte {
	dst = appendField(dst, '{', "tagId")
	dst = appendText(dst, t.TagID)
	dst = appendOptional(dst, "tagName", t.TagName)
	dst = appendOptional(dst, "created", string(t.Created))
	return append(dst, '}')
}

// appendRegion begins as the region's tag does in the list of tags, and has
// the numbers without names: that compresses best.
func appendRegion(dst []byte, r *Region) []byte {
	dst = appendText(appendField(dst, '{', "tagId"), r.TagID)
	dst = appendOptional(dst, "tagName", r.TagName)
	dst = appendOptional(dst, "created", string(r.Created))
	dst = appendOptional(dst, "regionId", r.ID)
	dst = append(append(appendField(dst, ',', "box"), '['), r.Left...)
	dst = append(append(dst, ','), r.Top...)
	dst = append(append(dst, ','), r.Width...)
	dst = append(append(dst, ','), r.Height...)
	return append(dst, ']', '}')
}

func appendObject(dst []byte, o *Object) []byte {
	dst = append(appendField(dst, '{', "sha256"), '"')
	dst = append(hex.AppendEncode(dst, o.SHA256[:]), '"')
	dst = strconv.AppendInt(appendField(dst, ',', "size"), o.Size, 10)
	dst = appendText(appendField(dst, ',', "ext"), o.Ext)
	return append(dst, '}')
}

func appendFailure(dst []byte, f *Failure) []byte {
	dst = appendText(appendField(dst, '{', "item"), f.Item)
	dst = appendOptional(dst, "operation", f.Operation)
	dst = appendOptional(dst, "code", f.Code)
	dst = appendText(appendField(dst, ',', "message"), f.Message)
	dst = appendOptional(dst, "requestId", f.RequestID)
	return append(dst, '}')
}

// appendTexts appends a map by name, unless it is empty.
func appendTexts(dst []byte, name string, m map[string]string) []byte {
	if len(m) == 0 {
		return dst
	}
	dst = appendField(dst, ',', name)
	sep := byte('{')
	for _, k := range slices.Sorted(maps.Keys(m)) {
		dst = append(appendText(append(dst, sep), k), ':')
		dst = appendText(dst, m[k])
		sep = ','
	}
	return append(dst, '}')
}

func appendField(dst []byte, sep byte, name string) []byte {
	dst = append(append(dst, sep, '"'), name...)
	return append(dst, '"', ':')
}

func appendOptional(dst []byte, name, v string) []byte {
	if v == "" {
		return dst
	}
	return appendText(appendField(dst, ',', name), v)
}

func appendCount(dst []byte, name string, v int) []byte {
	if v == 0 {
		return dst
	}
	return strconv.AppendInt(appendField(dst, ',', name), int64(v), 10)
}

// appendElement appends what precedes the element of an index in a list.
func appendElement(dst []byte, name string, i int) []byte {
	if i > 0 {
		return append(dst, ',')
	}
	return append(appendField(dst, ',', name), '[')
}

func appendEnd(dst []byte, n int) []byte {
	if n > 0 {
		dst = append(dst, ']')
	}
	return dst
}

// appendText appends a string. What needs an escape is left to encoding/json.
func appendText(dst []byte, s string) []byte {
	ascii := true
	for i := range len(s) {
		switch c := s[i]; {
		case c < ' ', c == '"', c == '\\':
			return appendEscaped(dst, s)
		case c >= utf8.RuneSelf:
			ascii = false
		}
	}
	if !ascii && !plainUnicode(s) {
		return appendEscaped(dst, s)
	}
	return append(append(append(dst, '"'), s...), '"')
}

// plainUnicode reports whether encoding/json leaves text as it is that has no
// other reason to be escaped.
func plainUnicode(s string) bool {
	for _, r := range s {
		if r == utf8.RuneError || r == '\u2028' || r == '\u2029' {
			return false
		}
	}
	return true
}

func appendEscaped(dst []byte, s string) []byte {
	b := bytes.NewBuffer(dst)
	enc := json.NewEncoder(b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(s)            // every string can be JSON, and a buffer takes all
	return b.Bytes()[:b.Len()-1] // without its newline
}
