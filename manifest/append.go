package manifest

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/json"
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

// What is appended is checked on the way, since to look at everything once more
// takes as long. What is not seen to be valid need not be wrong:
// [Image.Validate] decides.

// appendImage appends the line of an image, without Extra, and reports whether
// the image is valid for sure.
func appendImage(dst []byte, img *Image) (_ []byte, sure bool) {
	dst, sure = appendID(append(dst, `{"id":`...), img.ID)
	if img.Created != "" {
		dst, _ = appendText(append(dst, `,"created":`...), string(img.Created))
	}
	dst = appendCount(dst, `,"width":`, img.Width)
	dst = appendCount(dst, `,"height":`, img.Height)
	sure = sure && img.Width|img.Height >= 0
	ok := true
	for i := range img.Tags {
		dst, ok = appendImageTag(appendElement(dst, `,"tags":[`, i), &img.Tags[i], img.Created)
		sure = sure && ok
	}
	dst = appendEnd(dst, len(img.Tags))
	for i := range img.Regions {
		dst, ok = appendRegion(appendElement(dst, `,"regions":[`, i), &img.Regions[i], img)
		sure = sure && ok
	}
	dst = appendEnd(dst, len(img.Regions))
	if len(img.Metadata) > 0 {
		dst, ok = appendTexts(append(dst, `,"metadata":`...), img.Metadata)
		sure = sure && ok
	}
	for i, id := range img.Iterations {
		dst, ok = appendID(appendElement(dst, `,"iterations":[`, i), id)
		sure = sure && ok
	}
	dst = appendEnd(dst, len(img.Iterations))
	dst = appendOptional(dst, `,"blob":`, img.Blob)
	if img.Object != nil {
		dst, ok = appendObject(append(dst, `,"object":`...), img.Object)
		sure = sure && ok
	}
	if img.Failure != nil {
		dst = appendFailure(append(dst, `,"failure":`...), img.Failure)
	}
	return append(dst, '}'), sure
}

func appendImageTag(dst []byte, t *ImageTag, created Timestamp) (_ []byte, sure bool) {
	dst, sure = appendID(append(dst, '['), t.TagID)
	dst = appendWhen(append(dst, ','), t.Created, created)
	dst, valid := appendLast(dst, t.TagName)
	return dst, sure && valid
}

func appendRegion(dst []byte, r *Region, img *Image) (_ []byte, sure bool) {
	dst, base := append(dst, '['), img.Created
	sure = true
	if at := tagOf(r, img); at >= 0 {
		dst, base = strconv.AppendInt(dst, int64(at), 10), img.Tags[at].Created
	} else {
		dst, sure = appendID(dst, r.TagID)
	}
	dst, valid := appendID(append(dst, ','), r.ID)
	sure = sure && valid
	dst = appendWhen(append(dst, ','), r.Created, base)
	dst = append(append(dst, ','), r.Left...)
	dst = append(append(dst, ','), r.Top...)
	dst = append(append(dst, ','), r.Width...)
	dst = append(append(dst, ','), r.Height...)
	sure = sure && plainNumber(r.Left) && plainNumber(r.Top) && plainNumber(r.Width) && plainNumber(r.Height)
	dst, valid = appendLast(dst, r.TagName)
	return dst, sure && valid
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
func appendLast(dst []byte, text string) (_ []byte, sure bool) {
	sure = true
	if text != "" {
		dst, sure = appendText(append(dst, ','), text)
	}
	return append(dst, ']'), sure
}

// appendID appends an id, without dashes where it has them in the usual
// places and is in lower case.
func appendID(dst []byte, id string) (_ []byte, sure bool) {
	a, b, c, d, ok := splitID(id)
	if !ok || hexDigits(a, a)&hexDigits(b, b)&hexDigits(c, c)&hexDigits(d, d) != eachTop {
		dst, _ = appendText(dst, id)
		return dst, false
	}
	dst = append(dst, '"')
	dst = binary.LittleEndian.AppendUint64(dst, a)
	dst = binary.LittleEndian.AppendUint64(dst, b)
	dst = binary.LittleEndian.AppendUint64(dst, c)
	dst = binary.LittleEndian.AppendUint64(dst, d)
	return append(dst, '"'), true
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
		dst, _ = appendText(dst, string(t))
		return dst
	}
	return appendSeconds(dst, end-start)
}

// plainNumber reports whether a text is a number of JSON that is not too long
// and has no exponent, so that it is finite.
func plainNumber(n json.Number) bool {
	if plainFraction(string(n)) {
		return true
	}
	length, exponent := numberLength([]byte(n))
	return length == len(n) && 0 < length && length <= maxNumber && !exponent
}

// plainFraction reports whether a text is a number below one as nearly every
// coordinate is written: with up to 16 digits after the point.
func plainFraction(n string) bool {
	switch {
	case len(n) < 8 || len(n) > 18 || n[0] != '0' || n[1] != '.':
		return false
	case len(n) < 10: // what is not after the point is shifted out
		return notDecimal(eight(n[len(n)-8:]))>>(8*(10-len(n))) == 0
	}
	return notDecimal(eight(n[2:]))|notDecimal(eight(n[len(n)-8:])) == 0
}

func appendObject(dst []byte, o *Object) (_ []byte, sure bool) {
	dst = append(dst, '[', '"')
	dst = append(appendHex(dst, &o.SHA256), '"', ',')
	dst = append(strconv.AppendInt(dst, o.Size, 10), ',')
	dst, _ = appendText(dst, o.Ext)
	return append(dst, ']'), !o.SHA256.IsZero() && o.Size >= 0 && validExt(o.Ext)
}

func appendHex(dst []byte, d *Digest) []byte {
	for i := 0; i < len(d); i += 4 {
		dst = binary.LittleEndian.AppendUint64(dst, hexText(binary.LittleEndian.Uint32(d[i:])))
	}
	return dst
}

func appendFailure(dst []byte, f *Failure) []byte {
	dst, _ = appendText(append(dst, `{"item":`...), f.Item)
	dst = appendOptional(dst, `,"operation":`, f.Operation)
	dst = appendOptional(dst, `,"code":`, f.Code)
	dst, _ = appendText(append(dst, `,"message":`...), f.Message)
	dst = appendOptional(dst, `,"requestId":`, f.RequestID)
	return append(dst, '}')
}

// appendTexts appends a map by name.
func appendTexts(dst []byte, m map[string]string) (_ []byte, sure bool) {
	type pair struct{ name, text string }
	pairs := make([]pair, 0, 8) // most images have fewer
	for name, text := range m {
		pairs = append(pairs, pair{name, text})
	}
	slices.SortFunc(pairs, func(a, b pair) int { return cmp.Compare(a.name, b.name) })
	sep, sure := byte('{'), true
	for i := range pairs {
		var name, text bool
		dst, name = appendText(append(dst, sep), pairs[i].name)
		dst, text = appendText(append(dst, ':'), pairs[i].text)
		sep, sure = ',', sure && name && text
	}
	return append(dst, '}'), sure
}

// appendOptional appends a field, given as far as its value, unless it is
// empty.
func appendOptional(dst []byte, field, v string) []byte {
	if v != "" {
		dst, _ = appendText(append(dst, field...), v)
	}
	return dst
}

func appendCount(dst []byte, field string, v int) []byte {
	if v == 0 {
		return dst
	}
	return strconv.AppendInt(append(dst, field...), int64(v), 10)
}

// appendElement appends what precedes the element of an index in a list, which
// begins with open.
func appendElement(dst []byte, open string, i int) []byte {
	if i > 0 {
		return append(dst, ',')
	}
	return append(dst, open...)
}

func appendEnd(dst []byte, n int) []byte {
	if n > 0 {
		dst = append(dst, ']')
	}
	return dst
}

// appendText appends a string, and reports whether it is valid UTF-8. What
// needs an escape is left to encoding/json.
func appendText(dst []byte, s string) (_ []byte, valid bool) {
	if !plainASCII(s) && !plainUnicode(s) {
		return appendEscaped(dst, s), utf8.ValidString(s)
	}
	return append(append(append(dst, '"'), s...), '"'), true
}

// plainASCII reports whether text is ASCII that needs no escape.
func plainASCII(s string) bool {
	for ; len(s) >= 8; s = s[8:] {
		if notPlain(eight(s)) != 0 {
			return false
		}
	}
	for i := range len(s) {
		if c := s[i]; c < ' ' || c == '"' || c == '\\' || c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// plainUnicode reports whether encoding/json leaves text as it is.
func plainUnicode(s string) bool {
	for _, r := range s {
		if r < ' ' || r == '"' || r == '\\' || r == utf8.RuneError || r == '\u2028' || r == '\u2029' {
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
