package config

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"cvarchive/archive/retain"
	"cvarchive/archive/seal"
	"cvarchive/cmd/internal/suggest"
	"cvarchive/manifest"
)

// Version is the version of the configuration that this program reads.
const Version = 1

// File is a configuration whose form has been checked. Values that come from
// the environment are looked up when a [Vault] or [Resource] is asked for.
type File struct {
	Path      string
	vault     section
	hasVault  bool
	vaults    map[string]section // others, to copy to
	vaultsAre []string           // their names, in the order of the file
	resources map[string]section
	names     []string // in the order of the file
	prices    section
	hasPrices bool
}

// Vault says where the vault is. URL may carry a SAS and is a secret for
// that reason.
type Vault struct {
	URL              manifest.Secret
	ConnectionString manifest.Secret
	Tier             string // hot, cool, cold, archive (of objects only); empty: the account's default
	ArchiveTier      string // of archives: hot, cool, cold; empty: that of Tier, unless it is archive
	ImmutableFor     retain.Period
	ImmutableLocked  bool // nobody can shorten the policies
	Identity         Identity
	CustomerKey      manifest.Secret // base64
	EncryptionScope  string
	// SealTo are who can open the export tokens of new archives; none:
	// tokens are stored in the clear.
	SealTo seal.Recipients
	// SignWith is the path of the SSH key that signs new archives; empty:
	// they are not signed.
	SignWith string
	// EncryptTo are who can read the vault, if it is to be encrypted.
	EncryptTo seal.Recipients
	// NamingKey is the naming key of an encrypted vault, or NamingKeyFile
	// the file that it is in.
	NamingKey     manifest.Secret
	NamingKeyFile string
}

// Identity says as whom to sign in with Entra ID.
type Identity struct {
	Managed  bool   // as the machine's managed identity, and nothing else
	ClientID string // of a managed identity that users assigned; empty: that of the system
}

// BlobKey returns a key that is set and that only Blob Storage has; "" when none is.
func (v Vault) BlobKey() string {
	for _, k := range []struct {
		set bool
		key string
	}{
		{v.Tier != "", keyTier},
		{!v.ConnectionString.IsZero(), keyConnectionString},
		{v.ArchiveTier != "", keyArchiveTier},
		{!v.ImmutableFor.IsZero(), keyImmutableFor},
		{v.Identity != Identity{}, keyAuth},
		{!v.CustomerKey.IsZero(), keyCustomerKey},
		{v.EncryptionScope != "", keyEncryptionScope},
	} {
		if k.set {
			return k.key
		}
	}
	return ""
}

// Prices are what rehydration costs, in any currency. They are the user's, from
// the price list of their region.
type Prices struct {
	Currency       string // such as USD
	Standard, High Price
}

// Price is that of rehydrating at one priority.
type Price struct {
	Per10kOperations float64 // reading from the archive tier
	PerGB            float64 // retrieving 2^30 bytes
}

// Resource is one Custom Vision resource.
type Resource struct {
	Name           string
	Endpoint       string
	TrainingKey    manifest.Secret // zero when Entra is set
	Entra          bool            // sign in with Entra ID
	Identity       Identity        // as whom
	CallsPerSecond float64         // 0: the service's documented limit
	Protected      bool            // never a restore target
	Tier           string          // F0, S0; empty: not said
}

// Names of the keys, by section.
const (
	keyVersion   = "version"
	keyVault     = "vault"
	keyVaults    = "vaults"
	keyResources = "resources"
	keyPrices    = "prices"

	keyURL              = "url"
	keyConnectionString = "connection_string"
	keyTier             = "tier"
	keySealTo           = "seal_to"
	keySignWith         = "sign_with"

	keyArchiveTier     = "archive_tier"
	keyImmutableFor    = "immutable_for"
	keyImmutableMode   = "immutable_mode"
	keyClientID        = "client_id"
	keyCustomerKey     = "customer_key"
	keyEncryptionScope = "encryption_scope"

	keyCurrency       = "currency"
	keyStandardPer10k = "standard_per_10k"
	keyStandardPerGB  = "standard_per_gb"
	keyHighPer10k     = "high_per_10k"
	keyHighPerGB      = "high_per_gb"
	keyEncryptTo      = "encrypt_to"
	keyNamingKey      = "naming_key"
	keyNamingKeyFile  = "naming_key_file"

	keyEndpoint       = "endpoint"
	keyTrainingKey    = "training_key"
	keyAuth           = "auth"
	keyCallsPerSecond = "calls_per_second"
	keyProtected      = "protected"
)

// Resources returns the names of the resources, in the order of the file.
func (f *File) Resources() []string { return slices.Clone(f.names) }

// HasVault reports whether the file names a vault.
func (f *File) HasVault() bool { return f.hasVault }

// Vault returns the vault, with environment variables filled in.
func (f *File) Vault(env LookupEnv) (Vault, error) {
	if !f.hasVault {
		return Vault{}, &Error{File: f.Path, Message: "no vault is configured; add one under vault: url, or give --vault"}
	}
	return readVault(f.vault, env)
}

// Vaults returns the names of the other vaults, in the order of the file.
func (f *File) Vaults() []string { return slices.Clone(f.vaultsAre) }

// NamedVault returns one of the other vaults, with environment variables
// filled in; ok is false when there is none of the name.
func (f *File) NamedVault(name string, env LookupEnv) (v Vault, ok bool, err error) {
	s, ok := f.vaults[name]
	if !ok {
		return Vault{}, false, nil
	}
	v, err = readVault(s, env)
	return v, true, err
}

// SealTo returns who can open the export tokens of new archives, whichever
// vault they go to.
func (f *File) SealTo(env LookupEnv) (seal.Recipients, error) {
	r := reader{section: f.vault, env: env}
	return r.recipients(keySealTo), r.err
}

// SignWith returns the path of the SSH key that signs new archives, whichever
// vault they go to; empty: none does.
func (f *File) SignWith(env LookupEnv) (string, error) {
	r := reader{section: f.vault, env: env}
	return r.file(keySignWith), r.err
}

func readVault(s section, env LookupEnv) (Vault, error) {
	r := reader{section: s, env: env}
	v := Vault{
		URL:              manifest.NewSecret(r.text(keyURL)),
		ConnectionString: manifest.NewSecret(r.text(keyConnectionString)),
		Tier:             r.oneOf(keyTier, "hot", "cool", "cold", "archive"),
		ArchiveTier:      r.oneOf(keyArchiveTier, "hot", "cool", "cold"),
		ImmutableFor:     r.period(keyImmutableFor),
		ImmutableLocked:  r.oneOf(keyImmutableMode, "unlocked", "locked") == "locked",
		Identity:         r.identity(authEntra, authManaged),
		CustomerKey:      manifest.NewSecret(r.text(keyCustomerKey)),
		EncryptionScope:  r.text(keyEncryptionScope),
		SealTo:           r.recipients(keySealTo),
		SignWith:         r.file(keySignWith),
		EncryptTo:        r.recipients(keyEncryptTo),
		NamingKey:        manifest.NewSecret(r.text(keyNamingKey)),
		NamingKeyFile:    r.file(keyNamingKeyFile),
	}
	return v, r.err
}

// Prices returns what the file says that rehydration costs; ok is false when it
// says nothing.
func (f *File) Prices(env LookupEnv) (p Prices, ok bool, err error) {
	if !f.hasPrices {
		return p, false, nil
	}
	r := reader{section: f.prices, env: env}
	p = Prices{
		Currency: r.text(keyCurrency),
		Standard: Price{r.price(keyStandardPer10k), r.price(keyStandardPerGB)},
		High:     Price{r.price(keyHighPer10k), r.price(keyHighPerGB)},
	}
	return p, true, r.err
}

// Resource returns the resource of the given name, with environment
// variables filled in.
func (f *File) Resource(name string, env LookupEnv) (Resource, error) {
	s, ok := f.resources[name]
	if !ok {
		return Resource{}, &Error{File: f.Path, Message: fmt.Sprintf("there is no resource %q; %s", name, f.known(name))}
	}
	r := reader{section: s, env: env}
	res := Resource{
		Name:           name,
		Endpoint:       r.text(keyEndpoint),
		TrainingKey:    manifest.NewSecret(r.text(keyTrainingKey)),
		Entra:          slices.Contains([]string{authEntra, authManaged}, r.text(keyAuth)),
		Identity:       r.identity(authEntra, authManaged, "key"),
		CallsPerSecond: r.rate(keyCallsPerSecond),
		Protected:      r.boolean(keyProtected),
		Tier:           r.oneOf(keyTier, "F0", "S0"),
	}
	return res, r.err
}

// known says which names there are, for an error about one there is not.
func (f *File) known(name string) string {
	if len(f.names) == 0 {
		return "none is configured, so add it under resources"
	}
	if hint := suggest.DidYouMean(name, f.names); hint != "" {
		return hint
	}
	return "the configuration has " + strings.Join(f.names, ", ")
}

// section is a mapping of the file: its place, and its values by key.
type section struct {
	file         string
	path         string // such as "resources.prod-weu", for messages
	line, column int
	values       map[string]value
	lists        map[string][]value // of keys that take a list
}

// value is one scalar with its place and the spelling of its whole key.
type value struct {
	text         string
	line, column int
	key          string
}

func (s section) errorf(v value, format string, args ...any) *Error {
	return &Error{File: s.file, Line: v.line, Column: v.column, Message: fmt.Sprintf(format, args...)}
}

// reader takes typed values out of a section and keeps the first error, in
// the order of the keys asked for.
type reader struct {
	section
	env LookupEnv
	err error
}

func (r *reader) text(key string) string {
	v, ok := r.values[key]
	if !ok {
		return ""
	}
	return r.expanded(v)
}

// expanded fills in the environment variables of a value.
func (r *reader) expanded(v value) string {
	if r.err != nil {
		return ""
	}
	text, err := expand(v.text, r.env)
	switch {
	case err != nil:
		r.err = r.errorf(v, "%s: %s", v.key, err)
	case text == "":
		r.err = r.errorf(v, "%s is empty; give it a value or remove the key", v.key)
	}
	return text
}

// file reads the path of a file: relative to the folder of the configuration,
// or in the user's home after "~/".
func (r *reader) file(key string) string {
	path := r.text(key)
	if path == "" || r.err != nil {
		return ""
	}
	if strings.Contains(strings.ToUpper(path), "SECRET-KEY-") || strings.Contains(path, "PRIVATE KEY") {
		v := r.values[key]
		r.err = r.errorf(v, "%s takes the path of a file, and what is given is a private key itself; put that into a file, and give its path", v.key)
		return ""
	}
	if below, ok := strings.CutPrefix(path, "~/"); ok {
		home, err := homeOf(r.env)
		if err != nil {
			v := r.values[key]
			r.err = r.errorf(v, "%s begins with ~/, and %v; write the whole path", v.key, err)
			return ""
		}
		return filepath.Join(home, below)
	}
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(filepath.Dir(r.section.file), path)
}

func homeOf(env LookupEnv) (string, error) {
	if home, ok := env("HOME"); ok && home != "" {
		return home, nil
	}
	return os.UserHomeDir()
}

func (r *reader) oneOf(key string, allowed ...string) string {
	text := r.text(key)
	if text != "" && r.err == nil && !slices.Contains(allowed, text) {
		v := r.values[key]
		shown := strconv.Quote(text)
		if len(variables(v.text)) > 0 { // perhaps the wrong one, and a secret
			shown = "what " + v.text + " holds"
		}
		r.err = r.errorf(v, "%s cannot be %s; it is one of %s", v.key, shown, strings.Join(allowed, ", "))
	}
	return text
}

// Values of auth.
const (
	authEntra   = "entra"
	authManaged = "managed-identity"
)

// identity reads as whom to sign in, where auth may be one of these.
func (r *reader) identity(allowed ...string) (i Identity) {
	i.Managed = r.oneOf(keyAuth, allowed...) == authManaged
	i.ClientID = r.text(keyClientID)
	if v := r.values[keyClientID]; i.ClientID != "" && !i.Managed && r.err == nil {
		r.err = r.errorf(v, "%s names a managed identity, which auth: managed-identity signs in as; add that or remove the key", v.key)
	}
	return i
}

func (r *reader) period(key string) (p retain.Period) {
	text := r.text(key)
	if text == "" || r.err != nil {
		return p
	}
	p, err := retain.ParsePeriod(text)
	if err != nil {
		v := r.values[key]
		r.err = r.errorf(v, "%s: %v", v.key, err)
	}
	return p
}

const maxPrice = 1e6

func (r *reader) price(key string) float64 {
	text := r.text(key)
	if text == "" || r.err != nil {
		return 0
	}
	price, err := strconv.ParseFloat(text, 64)
	if err != nil || !(price >= 0 && price <= maxPrice) {
		v := r.values[key]
		r.err = r.errorf(v, "%s must be a price of 0 or more", v.key)
		return 0
	}
	return price
}

// maxRate is far above what any resource serves.
const maxRate = 1000

func (r *reader) rate(key string) float64 {
	text := r.text(key)
	if text == "" || r.err != nil {
		return 0
	}
	rate, err := strconv.ParseFloat(text, 64)
	if err != nil || !(rate > 0 && rate <= maxRate) {
		v := r.values[key]
		r.err = r.errorf(v, "%s must be a number above 0 and at most %d", v.key, maxRate)
		return 0
	}
	return rate
}

func (r *reader) boolean(key string) bool {
	text := r.text(key)
	if text != "" && r.err == nil && text != "true" && text != "false" {
		v := r.values[key]
		r.err = r.errorf(v, "%s must be true or false", v.key)
	}
	return text == "true"
}

// Variables returns the environment variables that the whole file mentions,
// sorted, each with the keys that mention it.
func (f *File) Variables() []Variable {
	keys := map[string][]string{}
	sections := []section{f.vault}
	for _, name := range f.vaultsAre {
		sections = append(sections, f.vaults[name])
	}
	for _, name := range f.names {
		sections = append(sections, f.resources[name])
	}
	for _, s := range sections {
		all := slices.Collect(maps.Values(s.values))
		for _, list := range s.lists {
			all = append(all, list...)
		}
		slices.SortFunc(all, func(a, b value) int { return strings.Compare(a.key, b.key) })
		for _, v := range all {
			for _, name := range variables(v.text) {
				keys[name] = append(keys[name], v.key)
			}
		}
	}
	var vs []Variable
	for _, name := range slices.Sorted(maps.Keys(keys)) {
		vs = append(vs, Variable{Name: name, Keys: keys[name]})
	}
	return vs
}

// Variable is an environment variable that a configuration mentions.
type Variable struct {
	Name string
	Keys []string // such as resources.prod-weu.training_key
}

// LiteralKeys returns the keys of secrets that stand in the file itself
// rather than in the environment.
func (f *File) LiteralKeys() []string {
	var found []string
	note := func(s section, key string) {
		if v, ok := s.values[key]; ok && len(variables(v.text)) == 0 {
			found = append(found, v.key)
		}
	}
	for _, key := range []string{keyConnectionString, keyCustomerKey, keyNamingKey} {
		note(f.vault, key)
		for _, name := range f.vaultsAre {
			note(f.vaults[name], key)
		}
	}
	for _, name := range f.names {
		note(f.resources[name], keyTrainingKey)
	}
	return found
}
