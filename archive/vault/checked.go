package vault

import (
	"crypto/sha256"
	"io"

	"cvarchive/manifest"
)

// Checked verifies an object while it is read from anywhere, as
// [Vault.OpenObject] does: the reader ends in [io.EOF] only when size and
// digest are right, otherwise in an [*ObjectError].
func Checked(o manifest.Object, r io.ReadCloser) io.ReadCloser {
	return &objectReader{ReadCloser: r, object: o, left: o.Size, hash: sha256.New()}
}

// ParseArchive reads the path of an archive in a vault, as a bundle keeps it;
// ok is false when it is not one.
func ParseArchive(path string, size int64) (a Archive, ok bool) {
	return parseArchive(Info{Name: path, Size: size})
}
