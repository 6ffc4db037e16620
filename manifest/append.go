package manifest

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"unicode/utf8"
)

// A line of images.jsonl says what an [Image] does in fewer bytes than its
// fields would take: there are millions of lines, and their number of bytes
// is what they cost to write, hash, compress and read. docs/format.md
// specifies the form. Lists take the place of objects,
//
//	"tags":    [[id, when], …]
//	"regions": [[tag, id, when, left, top, width, height], …]
//	"object":  [sha256, size, ext]
//
// with the name of a tag at the end of a list where there is one; ids have
// no dashes; "when" is in seconds, from created of the image to that of the
// tag, and from that of the tag to that of the region; and the tag of a region
// is its index in the record's tags. Whatever is not as usual (an id in upper
// case, a timestamp of another form, the tag of no image) is text in the same
// place, so that every record comes back exactly.

// appendImage appends the line of an image that is valid, without Extra.
func appendImage(dst []byte, img *Image) []byte {
	dst = appendID(appendField(dst, '{', "id"), img.ID)
	dst = appendOptional(dst, "created", string(img.Created))
	dst = appendCount(dst, "width", img.Width)
	dst = appendCount(dst, "height", img.Height)
	for i := range img.Tags {
		dst = appendImageTag(appendElement(dst, "tags", i), &img.Tags[i], img.Created)
	}
	dst = appendEnd(dst, len(img.Tags))
	for i := range img.Regions {
		dst = appendRegion(appendElement(dst, "regions", i), &img.Regions[i], img)
	}
	dst = appendEnd(dst, len(img.Regions))
	dst = appendTexts(dst, "metadata", img.Metadata)
	for i, id := range img.Iterations {
		dst = appendID(appendElement(dst, "iterations", i), id)
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

func appendImageTag(dst []byte, t *ImageTag, created Timestamp) []byte {
	dst = appendID(append(dst, '['), t.TagID)
	dst = appendWhen(append(dst, ','), t.Created, created)
	return appendLast(dst, t.TagName)
}

func appendRegion(dst []byte, r *Region, img *Image) []byte {
	dst, base := append(dst, '['), img.Created
	if at := tagOf(r, img); at >= 0 {
		dst, base = strconv.AppendInt(dst, int64(at), 10), img.Tags[at].Created
	} else {
		dst = appendID(dst, r.TagID)
	}
	dst = appendID(append(dst, ','), r.ID)
	dst = appendWhen(append(dst, ','), r.Created, base)
	dst = append(append(dst, ','), r.Left...)
	dst = append(append(dst, ','), r.Top...)
	dst = append(append(dst, ','), r.Width...)
	dst = append(append(dst, ','), r.Height...)
	return appendLast(dst, r.TagName)
}

// tagOf is the index of a region's tag among those of the image; -1: it is
// not there.
func tagOf(r *Region, img *Image) int {
	for i := range img.Tags {
		if img.Tags[i].TagID == r.TagID {
			return i
		}
	}
	return -1
}

// appendLast ends a list with a text, if there is one.
func appendLast(dst []byte, text string) []byte {
	if text != "" {
		dst = appendText(append(dst, ','), text)
	}
	return append(dst, ']')
}

// appendID appends an id, without dashes where it has them in the usual
// places and is in lower case.
func appendID(dst []byte, id string) []byte {
	if len(id) != 36 {
		return appendText(dst, id)
	}
	dst = append(dst, '"')
	start := len(dst)
	dst = append(append(append(append(append(dst, id[:8]...), id[9:13]...), id[14:18]...), id[19:23]...), id[24:]...)
	if id[8] != '-' || id[13] != '-' || id[18] != '-' || id[23] != '-' || !lowerHex(dst[start:]) {
		return appendText(dst[:start-1], id)
	}
	return append(dst, '"')
}

// lowerHex reports whether 32 bytes are hexadecimal digits in lower case.
func lowerHex(text []byte) bool {
	a, b := binary.LittleEndian.Uint64(text), binary.LittleEndian.Uint64(text[8:])
	c, d := binary.LittleEndian.Uint64(text[16:]), binary.LittleEndian.Uint64(text[24:])
	return hexDigits(a, a)&hexDigits(b, b)&hexDigits(c, c)&hexDigits(d, d) == eachTop
}

// appendWhen appends a timestamp as the seconds from another one: 0 where
// they are the same, whatever their form.
func appendWhen(dst []byte, t, base Timestamp) []byte {
	if t == base {
		return append(dst, '0')
	}
	end, ok := t.ticks()
	start, known := base.ticks()
	if !ok || !known {
		return appendText(dst, string(t))
	}
	return appendSeconds(dst, end-start)
}

func appendObject(dst []byte, o *Object) []byte {
	dst = append(dst, '[', '"')
	dst = append(hex.AppendEncode(dst, o.SHA256[:]), '"', ',')
	dst = append(strconv.AppendInt(dst, o.Size, 10), ',')
	return append(appendText(dst, o.Ext), ']')
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
	var room [8]string // most images have fewer
	keys := slices.AppendSeq(room[:0], maps.Keys(m))
	slices.Sort(keys)
	sep := byte('{')
	for _, k := range keys {
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
