package simulator

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
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
	if c.r.opt.VNET {
		return container + "/" + blob
	}
	return c.s.signedURL(c.base, c.r, container+"/"+blob, c.now.Add(c.s.opt.LinkLife))
}

// signedURL is base/resource/blob/path with the parameters of a SAS, in the
// order and encoding that the real ones have.
func (s *Service) signedURL(base string, r *Resource, path string, expires time.Time) string {
	se := expires.UTC().Format(sasTime)
	var b strings.Builder
	b.WriteString(base + "/" + r.opt.Name + "/blob/" + path)
	b.WriteString("?sv=" + sasVersion + "&sr=b&sig=" + url.QueryEscape(s.sign(r, path, se)))
	b.WriteString("&se=" + url.QueryEscape(se) + "&sp=r")
	return b.String()
}

func (s *Service) sign(r *Resource, path, se string) string {
	mac := hmac.New(sha256.New, s.signKey)
	mac.Write([]byte(strings.ToLower(r.opt.Name) + "\n" + path + "\n" + se))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// checkLink says what is wrong with a link: an error code of Azure Storage
// and its detail, or nothing.
func (s *Service) checkLink(r *Resource, path string, q url.Values, now time.Time) (code, detail string) {
	se := q.Get("se")
	if !hmac.Equal([]byte(q.Get("sig")), []byte(s.sign(r, path, se))) || q.Get("sp") != "r" || q.Get("sr") != "b" {
		return "AuthenticationFailed", "Signature did not match."
	}
	expires, err := time.Parse(sasTime, se)
	if err != nil || !now.Before(expires) {
		return "AuthenticationFailed", "Signature not valid in the specified time frame: Expiry [" + se + "]."
	}
	return "", ""
}
