package vault

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	"cvarchive/manifest"
)

const (
	archivePrefix = "archives/"
	archiveSuffix = ".tar.zst"
	sealedSuffix  = ".age"        // after every name of an encrypted vault
	lossySuffix   = ".incomplete" // before archiveSuffix
	objectPrefix  = "objects/sha256/"
	hiddenPrefix  = "objects/hmac/" // of an encrypted vault
	timeLayout    = "20060102T150405Z"
)

var (
	sourcePattern = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,62}$`)
	idPattern     = regexp.MustCompile(`^[0-9a-f]{8}$`)
	extPattern    = regexp.MustCompile(`^[a-z0-9]{1,16}$`)
)

// CheckSource reports why a name cannot be the source of archives.
func CheckSource(source string) error {
	if !sourcePattern.MatchString(source) {
		return fmt.Errorf("%q cannot name a source: use lower-case letters, digits, dots, hyphens and underscores, at most 63, beginning with a letter or digit", source)
	}
	if strings.HasSuffix(source, ".") {
		return fmt.Errorf("%q cannot name a source: it ends in a dot", source)
	}
	return nil
}

// Archive is one archive file of a vault.
type Archive struct {
	Name    string    // "<source>/<time>-<id>", what lists show and Resolve takes
	Source  string    // name of the resource that was captured
	Created time.Time // UTC, whole seconds
	ID      string    // 8 hexadecimal digits
	Size    int64     // bytes, as it is stored
	Path    string    // name in the store

	// Incomplete says that the capture lost more than it was allowed to.
	// Such an archive is never the [Latest]; its name names it all the
	// same.
	Incomplete bool

	Signed bool // there is a signature beside it; see [Vault.Signature]
}

// newArchive names an archive; its size is not known yet.
func newArchive(source string, created time.Time, id string, incomplete bool) (Archive, error) {
	if err := CheckSource(source); err != nil {
		return Archive{}, err
	}
	if !idPattern.MatchString(id) {
		return Archive{}, fmt.Errorf("%q cannot be the id of an archive: it is not 8 lower-case hexadecimal digits", id)
	}
	created = created.UTC().Truncate(time.Second)
	if year := created.Year(); year < 1000 || year > 9999 {
		return Archive{}, fmt.Errorf("the year %d cannot be part of an archive's name", year)
	}
	name := source + "/" + created.Format(timeLayout) + "-" + id
	a := Archive{Name: name, Source: source, Created: created, ID: id, Incomplete: incomplete}
	a.Path = a.plainPath()
	return a, nil
}

// plainPath is where a vault that is not encrypted keeps the archive.
func (a Archive) plainPath() string {
	suffix := archiveSuffix
	if a.Incomplete {
		suffix = lossySuffix + archiveSuffix
	}
	return archivePrefix + a.Name + suffix
}

// newArchive names an archive of this vault.
func (v *Vault) newArchive(source string, created time.Time, id string, incomplete bool) (Archive, error) {
	a, err := newArchive(source, created, id, incomplete)
	return v.own(a), err
}

// own is an archive of another vault as this one keeps it.
func (v *Vault) own(a Archive) Archive {
	if strings.HasPrefix(a.Path, prunedPrefix) {
		return a
	}
	a.Path = a.plainPath()
	if v.Encrypted() {
		a.Path += sealedSuffix
	}
	return a
}

// parseArchive reads a name of this vault's store back; ok is false when it is
// not that of an archive.
func (v *Vault) parseArchive(info Info) (a Archive, ok bool) {
	if !v.Encrypted() {
		return parseArchive(info)
	}
	name, ok := strings.CutSuffix(info.Name, sealedSuffix)
	if !ok {
		return Archive{}, false
	}
	a, ok = parseArchive(Info{Name: name, Size: info.Size})
	a.Path = info.Name
	return a, ok
}

// parseArchive reads a store's name back; ok is false when it is not that of
// an archive.
func parseArchive(info Info) (a Archive, ok bool) {
	rest, ok := strings.CutPrefix(info.Name, archivePrefix)
	if !ok {
		return Archive{}, false
	}
	rest, ok = strings.CutSuffix(rest, archiveSuffix)
	if !ok {
		return Archive{}, false
	}
	rest, incomplete := strings.CutSuffix(rest, lossySuffix)
	source, file, _ := strings.Cut(rest, "/")
	stamp, id, _ := strings.Cut(file, "-")
	created, err := time.Parse(timeLayout, stamp)
	if err != nil {
		return Archive{}, false
	}
	a, err = newArchive(source, created, id, incomplete)
	// Only one spelling of a name is an archive.
	if err != nil || a.Path != info.Name {
		return Archive{}, false
	}
	a.Size = info.Size
	return a, true
}

// ObjectName returns where the vault keeps an object. The object must be
// valid, as [CheckObject] says.
func (v *Vault) ObjectName(o manifest.Object) string {
	if v.Encrypted() {
		return hiddenName(v.crypt.hide(o))
	}
	return PlainObjectName(o)
}

// PlainObjectName returns where a vault that is not encrypted, and a bundle,
// keep an object.
func PlainObjectName(o manifest.Object) string {
	digest := o.SHA256.String()
	return objectPrefix + digest[:2] + "/" + digest + "." + o.Ext
}

func hiddenName(d manifest.Digest) string {
	name := d.String()
	return hiddenPrefix + name[:2] + "/" + name + sealedSuffix
}

// CheckObject reports why an object cannot be in a vault. Objects come from
// archives, which are not trusted.
func CheckObject(o manifest.Object) error {
	switch {
	case o.SHA256.IsZero():
		return &ObjectError{Object: o, Reason: "has no digest"}
	case o.Size < 0:
		return &ObjectError{Object: o, Reason: fmt.Sprintf("cannot have the size %d", o.Size)}
	case !extPattern.MatchString(o.Ext):
		return &ObjectError{Object: o, Reason: fmt.Sprintf("cannot have the extension %q", o.Ext)}
	}
	return nil
}
