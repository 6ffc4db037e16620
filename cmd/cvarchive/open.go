package main

import (
	"net"
	"net/url"
	"path"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/urfave/cli/v2"

	"cvarchive/archive/vault"
	"cvarchive/archive/vault/dirstore"
	"cvarchive/cmd/internal/config"
	"cvarchive/manifest"
)

// Environment variables that stand in for a config, with --vault and
// --endpoint.
const (
	envVault = "CVARCHIVE_VAULT"
	envKey   = "CUSTOMVISION_TRAINING_KEY"
)

// config returns the configuration that the flags and the environment point
// at, or an empty one when there is none.
func (a *app) config(c *cli.Context) (*config.File, error) {
	if a.file != nil {
		return a.file, nil
	}
	path, err := config.Find(c.String("config"), a.lookupEnv)
	if err != nil {
		return nil, err
	}
	if path == "" {
		return &config.File{}, nil
	}
	a.log.Debug("read the configuration", "file", path)
	a.file, err = config.Load(path)
	return a.file, err
}

// vaultConfig returns where the vault is: --vault, else the environment,
// else the config.
func (a *app) vaultConfig(c *cli.Context, f *config.File) (config.Vault, error) {
	for _, address := range []string{c.String("vault"), a.env(envVault)} {
		if address == "" {
			continue
		}
		v := config.Vault{URL: manifest.NewSecret(address)}
		if f.HasVault() {
			// The same vault as in the config keeps its credential.
			if own, err := f.Vault(a.lookupEnv); err == nil && own.URL == v.URL {
				return own, nil
			}
		}
		var err error
		v.SealTo, err = f.SealTo(a.lookupEnv)
		return v, err
	}
	if !f.HasVault() && f.Path == "" {
		return config.Vault{}, usagef("no vault is known; write a config with cvarchive init, or give --vault URL or $%s", envVault)
	}
	return f.Vault(a.lookupEnv)
}

// openStore chooses the kind of store by the address. A relative folder in
// a config is relative to the config's folder, so that the same config means
// the same vault wherever it is used from.
func (a *app) openStore(v config.Vault, configPath string) (vault.Store, error) {
	address := v.URL.Reveal()
	scheme, _, isURL := strings.Cut(address, "://")
	switch {
	case isURL && (scheme == "https" || scheme == "http"):
		return a.openBlobStore(v)
	case isURL && scheme == "file":
		u, err := url.Parse(address)
		if err != nil || u.Host != "" && u.Host != "localhost" || u.Path == "" {
			return nil, usagef("the vault's address is not a usable file URL; write file:///path/to/folder")
		}
		return dirstore.New(filepath.FromSlash(u.Path))
	case isURL:
		return nil, usagef("a vault cannot be at a %s:// address; give the https URL of a container, or a folder", scheme)
	case v.BlobKey() != "":
		return nil, usagef("vault.url is a folder, and %s is for Blob Storage; remove it, or give the container's https URL", v.BlobKey())
	}
	if !filepath.IsAbs(address) && configPath != "" {
		address = filepath.Join(filepath.Dir(configPath), address)
	}
	return dirstore.New(address)
}

// resource returns the resource that a command is about: --endpoint, or the
// name, or the only one there is. what says what it is for, such as
// "source".
func (a *app) resource(c *cli.Context, name, what string) (config.Resource, error) {
	if endpoint := c.String("endpoint"); endpoint != "" {
		return a.adHocResource(endpoint, name)
	}
	f, err := a.config(c)
	if err != nil {
		return config.Resource{}, err
	}
	names := f.Resources()
	switch {
	case name != "" && len(names) == 0 && f.Path == "":
		return config.Resource{}, usagef("the %s %q cannot be looked up, for there is no config; write one with cvarchive init, or give --endpoint URL and $%s", what, name, envKey)
	case name != "":
		return f.Resource(name, a.lookupEnv)
	case len(names) == 1:
		return f.Resource(names[0], a.lookupEnv)
	case len(names) == 0:
		return config.Resource{}, usagef("no %s is known; write a config with cvarchive init, or give --endpoint URL and $%s", what, envKey)
	default:
		return config.Resource{}, usagef("there are several resources, so name the %s: %s", what, strings.Join(names, ", "))
	}
}

// adHocResource is a resource given on the command line, its key in the
// environment.
func (a *app) adHocResource(endpoint, name string) (config.Resource, error) {
	key := a.env(envKey)
	if key == "" {
		return config.Resource{}, usagef("--endpoint needs the resource's key in the environment variable %s; set it", envKey)
	}
	if name == "" {
		name = nameOf(endpoint)
	}
	return config.Resource{Name: name, Endpoint: endpoint, TrainingKey: manifest.NewSecret(key)}, nil
}

var notInName = regexp.MustCompile(`[^a-z0-9_-]+`)

// nameOf derives a resource's name from its endpoint: the last element of
// its path, as the simulator has them, else the first label of its host.
func nameOf(endpoint string) string {
	u, err := url.Parse(endpoint)
	if err != nil {
		return "resource"
	}
	name := path.Base(u.Path)
	if name == "." || name == "/" {
		name = u.Hostname()
		if net.ParseIP(name) == nil {
			name, _, _ = strings.Cut(name, ".")
		}
	}
	name = strings.Trim(notInName.ReplaceAllString(strings.ToLower(name), "-"), "-_")
	if name == "" || len(name) > 63 {
		return "resource"
	}
	return name
}

// endpointFlag goes with the commands that talk to one resource.
func endpointFlag() cli.Flag {
	return &cli.StringFlag{Name: "endpoint", Usage: "use the resource at `URL`, its key in $" + envKey + ", instead of one of the config"}
}
