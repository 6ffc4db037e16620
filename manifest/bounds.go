package manifest

import (
	"errors"
	"fmt"
	"unicode/utf8"
)

// Bounds on what is decoded, checked before anything is allocated for it. An
// archive that keeps to the service's own limits stays far below.
const (
	MaxManifest = 16 << 20  // bytes of manifest.json
	MaxDocument = 64 << 20  // bytes of project.json, tags.json, iterations.json, export.json
	MaxLine     = 16 << 20  // bytes of one line of images.jsonl, newline included
	MaxDepth    = 64        // nesting of any JSON
	MaxImages   = 2_000_000 // records of one project
	MaxName     = 4096      // bytes of the name of a project or domain
)

// bounds limit one JSON document. Elements and fields are counted since a
// few bytes of input can ask for a large struct.
type bounds struct {
	size, elements, fields int
}

var (
	manifestBounds = bounds{size: MaxManifest, elements: 100_000, fields: 500_000}
	documentBounds = bounds{size: MaxDocument, elements: 200_000, fields: 500_000}
	imageBounds    = bounds{size: MaxLine - 1, elements: 20_000, fields: 200_000}
	// A page of 256 images with 300 regions each has 800,000 fields.
	answerBounds = bounds{size: MaxDocument, elements: 200_000, fields: 2_000_000}
)

// CheckJSON refuses JSON of somebody else's, such as a service's answer, that
// would take far more memory than it has bytes. Its syntax is not judged.
func CheckJSON(data []byte) error { return checkDocument(data, answerBounds) }

// checkDocument walks over a JSON text, without judging its syntax, and
// refuses one that is too large, too deep or not UTF-8.
func checkDocument(data []byte, b bounds) error {
	if len(data) > b.size {
		return fmt.Errorf("%d bytes, more than the %d that are read", len(data), b.size)
	}
	if !utf8.Valid(data) {
		return errors.New("not valid UTF-8")
	}
	var inArray uint64 // a bit a level
	depth, elements, fields := 0, 0, 0
	for i := 0; i < len(data); i++ {
		switch data[i] {
		case '"':
			for i++; i < len(data) && data[i] != '"'; i++ {
				if data[i] == '\\' {
					i++
				}
			}
		case '[', '{':
			if depth == MaxDepth {
				return fmt.Errorf("nested deeper than %d levels", MaxDepth)
			}
			inArray = inArray<<1 | uint64((data[i]>>5)&1^1) // '[' is 0x5b, '{' 0x7b
			depth++
			fallthrough
		case ',':
			if inArray&1 == 1 {
				elements++
			} else {
				fields++
			}
		case ']', '}':
			if depth--; depth < 0 {
				return errors.New("brackets do not match")
			}
			inArray >>= 1
		}
	}
	switch {
	case elements > b.elements:
		return fmt.Errorf("more than %d list entries", b.elements)
	case fields > b.fields:
		return fmt.Errorf("more than %d fields", b.fields)
	}
	return nil
}
