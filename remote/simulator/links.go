package simulator

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"hash"
	"net/url"
	"strings"
	"time"
)

// sasVersion is the storage version that the service's links name.
const sasVersion = "2017-04-17"

const sasTime = "2006-01-02T15:04:05Z"

// link is the address of a blob: a SAS-like URL that expires, or behind a
// virtual network the path for GetArtifact.
func (c *call) link(container, blob string) string {
	path := container + "/" + blob
	if c.r.opt.VNET {
		return path
	}
	if c.linkEnd == "" {
		c.linkEnd = c.now.Add(c.s.opt.LinkLife).UTC().Format(sasTime)
	}
	return c.base + "/" + c.r.opt.Name + "/blob/" + path + "?" + c.s.sas(c.r, path, c.linkEnd)
}

// signedURL is base/resource/blob/path with the parameters of a SAS.
func (s *Service) signedURL(base string, r *Resource, path string, expires time.Time) string {
	return base + "/" + r.opt.Name + "/blob/" + path + "?" + s.sas(r, path, expires.UTC().Format(sasTime))
}

const (
	sasHead = "sv=" + sasVersion + "&sr=b&sig="
	sasTail = "&sp=r"
)

// sas are the parameters of a link, in the order and encoding that the real
// ones have.
func (s *Service) sas(r *Resource, path, se string) string {
	return sasHead + url.QueryEscape(s.sign(r, path, se)) + "&se=" + strings.ReplaceAll(se, ":", "%3A") + sasTail
}

// signing is what one signature needs; several are kept, since setting up
// costs more than signing.
type signing struct {
	mac  hash.Hash
	text []byte
}

func (s *Service) newSigning() any { return &signing{mac: hmac.New(sha256.New, s.signKey)} }

func (s *Service) sign(r *Resource, path, se string) string {
	g := s.signings.Get().(*signing)
	defer s.signings.Put(g)
	g.mac.Reset()
	g.text = append(append(append(append(append(g.text[:0], strings.ToLower(r.opt.Name)...), '\n'), path...), '\n'), se...)
	g.mac.Write(g.text)
	g.text = g.mac.Sum(g.text[:0])
	return base64.StdEncoding.EncodeToString(g.text)
}

// checkLink says what is wrong with a link: an error code of Azure Storage
// and its detail, or nothing.
func (s *Service) checkLink(r *Resource, path, query string, now time.Time) (code, detail string) {
	se, ok := s.asGivenOut(r, path, query)
	if !ok {
		q, _ := url.ParseQuery(query) // what can be read of it counts
		se = q.Get("se")
		ok = hmac.Equal([]byte(q.Get("sig")), []byte(s.sign(r, path, se))) && q.Get("sp") == "r" && q.Get("sr") == "b"
	}
	if !ok {
		return "AuthenticationFailed", "Signature did not match."
	}
	expires, err := time.Parse(sasTime, se)
	if err != nil || !now.Before(expires) {
		return "AuthenticationFailed", "Signature not valid in the specified time frame: Expiry [" + se + "]."
	}
	return "", ""
}

// asGivenOut reports whether the parameters of a link are letter by letter
// those that the service signed, as they nearly always are, and when they
// end.
func (s *Service) asGivenOut(r *Resource, path, query string) (se string, ok bool) {
	_, rest, _ := strings.Cut(query, "&se=")
	se = strings.ReplaceAll(strings.TrimSuffix(rest, sasTail), "%3A", ":")
	return se, hmac.Equal([]byte(query), []byte(s.sas(r, path, se)))
}
