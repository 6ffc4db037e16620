package manifest

import (
	"bytes"
	"iter"
	"strings"
)

// TypeOf returns the type of the projects that use a domain, [Classification]
// or [ObjectDetection], or "" when the domain is not in the list.
func TypeOf(domains []Domain, domainID string) string {
	for i := range domains {
		if strings.EqualFold(domains[i].ID, domainID) {
			return domains[i].Type
		}
	}
	return ""
}

// Project returns the entry of a project by its id, in any case, or nil.
func (m *Manifest) Project(id string) *ProjectEntry {
	for i := range m.Projects {
		if strings.EqualFold(m.Projects[i].ID, id) {
			return &m.Projects[i]
		}
	}
	return nil
}

// Member returns what the manifest says of a member by its name, or nil.
func (m *Manifest) Member(name string) *Member {
	for i := range m.Members {
		if m.Members[i].Name == name {
			return &m.Members[i]
		}
	}
	return nil
}

// ModelObjects yields the objects of exported models, in the order of the
// iterations and of the models in them.
func ModelObjects(iterations []Iteration) iter.Seq[Object] {
	return func(yield func(Object) bool) {
		for i := range iterations {
			for _, m := range iterations[i].Models {
				if m.Object != nil && !yield(*m.Object) {
					return
				}
			}
		}
	}
}

// SniffExt returns the file name extension, without a dot, that content
// calls for by its first bytes (16 are enough): jpg, png, bmp, gif, zip, or
// bin for anything else.
func SniffExt(head []byte) string {
	for _, kind := range []struct{ magic, ext string }{
		{"\xff\xd8\xff", "jpg"},
		{"\x89PNG\r\n\x1a\n", "png"},
		{"GIF87a", "gif"},
		{"GIF89a", "gif"},
		{"BM", "bmp"},
		{"PK\x03\x04", "zip"},
		{"PK\x05\x06", "zip"}, // an empty one
	} {
		if bytes.HasPrefix(head, []byte(kind.magic)) {
			return kind.ext
		}
	}
	return "bin"
}
