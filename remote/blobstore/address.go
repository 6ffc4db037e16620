package blobstore

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"regexp"
	"strings"

	"cvarchive/manifest/store"
	"cvarchive/remote/azure"
)

// address is where a vault is.
type address struct {
	account   *url.URL // scheme, host and, for emulators, the account's path
	container string
	prefix    string // of every name; empty or ends in a slash
	sas       string // query of the URL when it is signed
}

// container is the URL of the container, without a SAS.
func (a address) containerURL() string { return a.account.JoinPath(a.container).String() }

// String is the address for people.
func (a address) String() string {
	return strings.TrimSuffix(a.account.JoinPath(a.container, a.prefix).String(), "/")
}

var containerPattern = regexp.MustCompile(`^(\$root|[a-z0-9](-?[a-z0-9]){2,62})$`)

// parseAddress reads a URL as the user wrote it.
func parseAddress(raw string) (address, error) {
	u, err := azure.CheckEndpoint(raw)
	if err != nil {
		return address{}, fmt.Errorf("the vault's address: %w", err)
	}
	a := address{account: &url.URL{Scheme: u.Scheme, Host: u.Host}}
	path := strings.Trim(u.Path, "/")
	if pathStyle(u) {
		var name string
		name, path, _ = strings.Cut(path, "/")
		a.account.Path = "/" + name
	}
	if err := a.setPath(path); err != nil {
		return address{}, fmt.Errorf("the vault's address %s: %w", azure.RedactURL(raw), err)
	}
	query := u.Query()
	switch {
	case query.Has("sig"):
		a.sas = u.RawQuery
	case u.RawQuery != "":
		return address{}, fmt.Errorf("the vault's address %s has a query that is not a SAS (it lacks sig=); quote the URL where a shell or YAML would cut it at &", azure.RedactURL(raw))
	}
	return a, nil
}

// pathStyle reports whether the account is the first element of the path, as
// emulators have it.
func pathStyle(u *url.URL) bool {
	_, err := netip.ParseAddr(u.Hostname())
	return err == nil || azure.IsLoopback(u)
}

// setPath takes "container" or "container/folder".
func (a *address) setPath(path string) error {
	a.container, a.prefix, _ = strings.Cut(strings.Trim(path, "/"), "/")
	if !containerPattern.MatchString(a.container) {
		return fmt.Errorf("%q cannot be the name of a container; the address is https://account.blob.core.windows.net/container, and the name 3 to 63 lower-case letters, digits and single hyphens", a.container)
	}
	if a.prefix == "" {
		return nil
	}
	if err := store.CheckName(a.prefix); err != nil {
		return err
	}
	a.prefix += "/"
	return nil
}

// connection is what a connection string says. Errors never quote it.
type connection struct {
	account  *url.URL
	name     string // of the account
	key, sas string // one is set
}

const connectionHint = "copy it whole from the storage account's page \"Access keys\" or \"Shared access signature\""

// parseConnection reads a connection string.
func parseConnection(text string) (connection, error) {
	fields := map[string]string{}
	for part := range strings.SplitSeq(strings.TrimSpace(text), ";") {
		if strings.TrimSpace(part) == "" {
			continue
		}
		key, value, ok := strings.Cut(part, "=")
		if !ok {
			return connection{}, fmt.Errorf("the connection string of the vault has a part without \"=\"; %s", connectionHint)
		}
		fields[strings.ToLower(strings.TrimSpace(key))] = strings.TrimSpace(value)
	}
	if strings.EqualFold(fields["usedevelopmentstorage"], "true") {
		return connection{}, errors.New("UseDevelopmentStorage=true is not supported; write out the connection string of the emulator, with BlobEndpoint and AccountKey")
	}
	c := connection{
		name: fields["accountname"], key: fields["accountkey"],
		sas: strings.TrimPrefix(fields["sharedaccesssignature"], "?"),
	}
	if c.key == "" && c.sas == "" {
		return connection{}, fmt.Errorf("the connection string of the vault has neither AccountKey nor SharedAccessSignature; %s", connectionHint)
	}
	if c.key != "" && c.name == "" {
		return connection{}, fmt.Errorf("the connection string of the vault has no AccountName; %s", connectionHint)
	}
	endpoint := fields["blobendpoint"]
	if endpoint == "" && c.name != "" {
		suffix, protocol := fields["endpointsuffix"], fields["defaultendpointsprotocol"]
		if suffix == "" {
			suffix = "core.windows.net"
		}
		if protocol == "" {
			protocol = "https"
		}
		endpoint = protocol + "://" + c.name + ".blob." + suffix
	}
	u, err := azure.CheckEndpoint(endpoint)
	if err != nil {
		return connection{}, fmt.Errorf("the connection string of the vault: its blob endpoint: %w", err)
	}
	c.account = &url.URL{Scheme: u.Scheme, Host: u.Host, Path: strings.TrimSuffix(u.Path, "/")}
	return c, nil
}

// locate finds the container: by its URL, or by name within the account of
// the connection string.
func locate(raw string, c *connection) (address, error) {
	if c == nil {
		return parseAddress(raw)
	}
	if !strings.Contains(raw, "://") {
		a := address{account: c.account}
		if err := a.setPath(raw); err != nil {
			return address{}, fmt.Errorf("the vault's address: %w", err)
		}
		return a, nil
	}
	a, err := parseAddress(raw)
	if err != nil {
		return address{}, err
	}
	if !strings.EqualFold(a.account.Host, c.account.Host) || strings.Trim(a.account.Path, "/") != strings.Trim(c.account.Path, "/") {
		return address{}, fmt.Errorf("the vault's address is at %s and its connection string is for %s; make them agree", a.account, c.account)
	}
	if a.sas != "" {
		return address{}, errors.New("the vault has both a connection string and a SAS in its address; leave one out")
	}
	return a, nil
}
