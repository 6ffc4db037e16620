package simulator

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strconv"
)

// wireFiles is the body of CreateImagesFromFiles.
type wireFiles struct {
	Images []struct {
		Name     string            `json:"name"`
		Contents wireContents      `json:"contents"`
		TagIDs   []string          `json:"tagIds"`
		Regions  []wireRegionEntry `json:"regions"`
	} `json:"images"`
	TagIDs   []string          `json:"tagIds"`
	Metadata map[string]string `json:"metadata"`
}

// wireContents are the bytes of a picture, or the number of those that were
// lifted out of the body.
type wireContents struct {
	data   []byte
	lifted bool
	number int
}

// UnmarshalJSON implements [json.Unmarshaler].
func (w *wireContents) UnmarshalJSON(text []byte) (err error) {
	var number []byte
	if number, w.lifted = bytes.CutPrefix(text, []byte(liftMark)); w.lifted {
		w.number, err = strconv.Atoi(string(number))
		return err
	}
	return json.Unmarshal(text, &w.data)
}

// decodeFiles reads the body of CreateImagesFromFiles. Nearly all of it is
// base64, over which encoding/json takes ten times as long as the decoding
// does, so it gets to see the rest alone, where that can be told apart.
// Whatever is not as usual it gets as it came.
func (c *call) decodeFiles() (wireFiles, error) {
	if rest, contents, ok := lift(c.body); ok {
		if in, err := c.decodeLifted(rest, contents); err == nil {
			return in, nil
		}
	}
	return c.decodeLifted(c.body, nil)
}

// decodeLifted reads a body and puts in what was lifted out of it.
func (c *call) decodeLifted(body []byte, contents [][]byte) (wireFiles, error) {
	var in wireFiles
	if err := c.decodeText(body, &in, "BadRequestImageBatch", noFiles); err != nil {
		return in, err
	}
	for i := range in.Images {
		switch w := &in.Images[i].Contents; {
		case !w.lifted:
		case w.number < len(contents):
			w.data = contents[w.number]
		default:
			return in, refuse("BadRequestImageBatch", "%s", noFiles)
		}
	}
	return in, nil
}

const (
	liftedKey = `"contents"`
	liftMark  = "-0E+" // begins a number that nobody writes, and no part of an id
)

// lift takes the pictures out of a body of CreateImagesFromFiles: the strings
// that follow the key contents, in the place of which the rest has numbers
// that begin with the mark. It is not ok where that might change what the
// body says.
func lift(body []byte) (rest []byte, contents [][]byte, ok bool) {
	for {
		at := bytes.Index(body, []byte(liftedKey))
		if at < 0 {
			break
		}
		after := at + len(liftedKey)
		text, tail, found := cutString(body[after:])
		if !found { // no key, or one with another value
			return nil, nil, false
		}
		data, whole := decodeBase64(text)
		if !whole || unusual(body[:after]) {
			return nil, nil, false
		}
		rest = fmt.Appendf(append(rest, body[:after]...), ":%s%d", liftMark, len(contents))
		contents, body = append(contents, data), tail
	}
	return append(rest, body...), contents, !unusual(body)
}

// unusual reports whether a part of a body has an escape sequence, so that
// its quotes may be no ends of strings, or a mark.
func unusual(part []byte) bool {
	return bytes.IndexByte(part, '\\') >= 0 || bytes.Contains(part, []byte(liftMark))
}

// cutString reads what has to follow a key: a colon and a string.
func cutString(after []byte) (text, tail []byte, ok bool) {
	const space = " \t\r\n"
	after, ok = bytes.CutPrefix(bytes.TrimLeft(after, space), []byte(":"))
	if !ok {
		return nil, nil, false
	}
	after, ok = bytes.CutPrefix(bytes.TrimLeft(after, space), []byte(`"`))
	if !ok {
		return nil, nil, false
	}
	return bytes.Cut(after, []byte(`"`))
}

// decodeBase64 decodes a text that is nothing but base64: the decoder passes
// over line breaks, which a string of JSON cannot have.
func decodeBase64(text []byte) (data []byte, ok bool) {
	data = make([]byte, base64.StdEncoding.DecodedLen(len(text)))
	n, err := base64.StdEncoding.Decode(data, text)
	padding := bytes.Count(text[max(0, len(text)-2):], []byte("="))
	return data[:n], err == nil && len(text)%4 == 0 && n == len(data)-padding
}
