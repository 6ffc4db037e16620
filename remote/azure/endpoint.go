package azure

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strings"
)

// CheckEndpoint parses the address of a service as a user wrote it. It
// accepts https, and plain http for loopback hosts only (127.0.0.0/8, ::1,
// localhost), since everything that is sent carries a credential. Errors name
// the address without its query.
func CheckEndpoint(raw string) (*url.URL, error) {
	raw = strings.TrimSpace(raw)
	if raw == "" {
		return nil, errors.New("the address is empty; write https:// and the host name")
	}
	u, err := url.Parse(raw)
	if err != nil {
		return nil, fmt.Errorf("%s is not a URL; write https:// and the host name", RedactURL(raw))
	}
	if err := CheckURL(u); err != nil {
		return nil, err
	}
	return u, nil
}

// CheckURL is [CheckEndpoint] of an address that was parsed.
func CheckURL(u *url.URL) error {
	switch {
	case u.Scheme == "" || u.Host == "":
		return fmt.Errorf("%s is not a full URL; write https:// and the host name", redactURL(u))
	case u.User != nil:
		return fmt.Errorf("%s has a user name or password in front of the host; remove it", redactURL(u))
	case u.Scheme == "https":
		return nil
	case u.Scheme != "http":
		return fmt.Errorf("%s is not an https URL", redactURL(u))
	case !IsLoopback(u):
		return fmt.Errorf("%s would send credentials in the clear; use https (plain http is for loopback addresses only)", redactURL(u))
	}
	return nil
}

// IsLoopback reports whether a URL's host is this machine by its spelling:
// localhost or a loopback address. No name is looked up.
func IsLoopback(u *url.URL) bool {
	host := u.Hostname()
	if strings.EqualFold(host, "localhost") {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.Unmap().IsLoopback()
}
