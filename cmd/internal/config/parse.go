package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"cvarchive/cmd/internal/suggest"
)

// Parse checks the form of a configuration; name is the file's, for
// messages.
func Parse(name string, data []byte) (*File, error) {
	p := &parser{file: name}
	root := p.document(data)
	f := p.root(root)
	if p.err != nil {
		return nil, p.err
	}
	return f, nil
}

// parser keeps the first error and turns everything after it into no-ops.
type parser struct {
	file string
	err  *Error
}

func (p *parser) fail(n *yaml.Node, format string, args ...any) {
	if p.err != nil {
		return
	}
	for i, arg := range args { // a key may be as long as the file
		if text, ok := arg.(string); ok && len(text) > maxShown {
			args[i] = strings.ToValidUTF8(text[:maxShown], "") + "…"
		}
	}
	p.err = &Error{File: p.file, Line: n.Line, Column: n.Column, Message: fmt.Sprintf(format, args...)}
}

// maxShown is how much of a key or value an error repeats, in bytes.
const maxShown = 200

// document returns the one document of the file. Nodes come first, typed
// values later: decoding straight into Go types would lose the columns,
// ignore a second document, and speak of Go types to the user.
func (p *parser) document(data []byte) *yaml.Node {
	var doc, second yaml.Node
	dec := yaml.NewDecoder(bytes.NewReader(data))
	err := dec.Decode(&doc)
	if errors.Is(err, io.EOF) || err == nil && isNull(content(&doc)) {
		p.err = &Error{File: p.file, Message: "the configuration is empty; cvarchive init writes a commented one"}
		return nil
	}
	if err == nil {
		switch err = dec.Decode(&second); {
		case errors.Is(err, io.EOF):
			return content(&doc)
		case err == nil:
			p.fail(&second, "a second YAML document starts here; keep one, without --- lines")
			return nil
		}
	}
	p.err = syntaxError(p.file, err)
	return nil
}

// content returns what a document node holds.
func content(doc *yaml.Node) *yaml.Node {
	if doc.Kind == yaml.DocumentNode && len(doc.Content) == 1 {
		return doc.Content[0]
	}
	return doc
}

func isNull(n *yaml.Node) bool {
	return n.Kind == 0 || n.Kind == yaml.ScalarNode && n.Tag == "!!null"
}

// quotedPart is what the YAML library repeats of the file, such as "anchor
// 'x' referenced": it may be a key that stands there without quotes.
var quotedPart = regexp.MustCompile("'[^']*'|\"[^\"]*\"|`[^`]*`")

var yamlLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?`)

// syntaxError takes the line out of what the YAML library says; it knows no
// column.
func syntaxError(file string, err error) *Error {
	message := err.Error()
	m := yamlLine.FindStringSubmatch(message)
	e := &Error{File: file}
	if m != nil {
		e.Line, _ = strconv.Atoi(m[1])
		message = strings.TrimPrefix(message, m[0])
	}
	if strings.HasPrefix(message, "did not find expected") {
		e.Line++ // the library counts these lines from 0
	}
	message = quotedPart.ReplaceAllString(message, "here")
	if len(message) > maxShown {
		message = message[:maxShown] + "…"
	}
	e.Message = fmt.Sprintf("this is not valid YAML: %s; check the indentation, colons and quotes around there", message)
	return e
}

func (p *parser) root(n *yaml.Node) *File {
	f := &File{Path: p.file, vaults: map[string]section{}, resources: map[string]section{}}
	fields := p.mapping(n, "", []string{keyVersion, keyVault, keyVaults, keyResources, keyPrices})
	p.version(n, fields[keyVersion])
	if v := fields[keyVault]; v != nil {
		f.hasVault = true
		f.vault = p.vault(v, keyVault)
	}
	if v := fields[keyVaults]; v != nil {
		p.vaults(v, f)
	}
	if v := fields[keyResources]; v != nil {
		p.resources(v, f)
	}
	if v := fields[keyPrices]; v != nil {
		f.hasPrices = true
		f.prices = p.section(v, keyPrices, []string{keyCurrency, keyStandardPer10k, keyStandardPerGB, keyHighPer10k, keyHighPerGB})
	}
	return f
}

func (p *parser) version(root, n *yaml.Node) {
	switch {
	case p.err != nil:
	case n == nil:
		p.fail(root, "version is missing; begin the file with version: %d", Version)
	case n.Kind != yaml.ScalarNode || n.Tag != "!!int":
		p.fail(n, "version must be a number; this program reads version: %d", Version)
	case n.Value != strconv.Itoa(Version):
		p.fail(n, "this configuration has version %s and this program reads version %d; use a cvarchive that matches", n.Value, Version)
	}
}

func (p *parser) vault(n *yaml.Node, path string) section {
	s := p.section(n, path, []string{
		keyURL, keyConnectionString, keyTier, keyArchiveTier, keyImmutableFor, keyImmutableMode,
		keyAuth, keyClientID, keyCustomerKey, keyEncryptionScope, keySignWith, keyNamingKey, keyNamingKeyFile,
	}, keySealTo, keyEncryptTo)
	if _, ok := s.values[keyURL]; !ok {
		p.fail(n, "%s.url is missing; give the container's URL or a folder", path)
	}
	if key, both := s.values[keyNamingKey]; both && p.err == nil {
		if _, file := s.values[keyNamingKeyFile]; file {
			p.err = s.errorf(key, "%s has both a naming_key and a naming_key_file; keep one", path)
		}
	}
	return s
}

// vaults reads the section of other vaults, by name.
func (p *parser) vaults(n *yaml.Node, f *File) {
	for _, e := range p.entries(n, keyVaults) {
		if !resourceName.MatchString(e.key.Value) {
			p.fail(e.key, "%q cannot name a vault; use up to 63 lower-case letters, digits, dots, hyphens and underscores, beginning with a letter or digit", e.key.Value)
			return
		}
		f.vaultsAre = append(f.vaultsAre, e.key.Value)
		f.vaults[e.key.Value] = p.vault(e.value, keyVaults+"."+e.key.Value)
	}
}

// resourceName is also a folder's name in the vault.
var resourceName = regexp.MustCompile(`^[a-z0-9]([a-z0-9._-]{0,61}[a-z0-9_-])?$`)

func (p *parser) resources(n *yaml.Node, f *File) {
	for _, e := range p.entries(n, keyResources) {
		if !resourceName.MatchString(e.key.Value) {
			p.fail(e.key, "%q cannot name a resource; use up to 63 lower-case letters, digits, dots, hyphens and underscores, beginning with a letter or digit", e.key.Value)
			return
		}
		f.names = append(f.names, e.key.Value)
		f.resources[e.key.Value] = p.resource(e.value, keyResources+"."+e.key.Value)
	}
}

func (p *parser) resource(n *yaml.Node, path string) section {
	s := p.section(n, path, []string{keyEndpoint, keyTrainingKey, keyAuth, keyClientID, keyCallsPerSecond, keyProtected, keyTier})
	key, hasKey := s.values[keyTrainingKey]
	auth, hasAuth := s.values[keyAuth]
	entra := hasAuth && (auth.text == authEntra || auth.text == authManaged)
	switch _, hasEndpoint := s.values[keyEndpoint]; {
	case p.err != nil:
	case !hasEndpoint:
		p.fail(n, "%s.endpoint is missing; give the resource's URL", path)
	case !hasKey && !entra:
		p.fail(n, "%s has no credential; give training_key: ${NAME}, or auth: entra", path)
	case hasKey && entra:
		p.err = s.errorf(key, "%s has both a training_key and auth: %s; keep one", path, auth.text)
	}
	return s
}

// section reads a mapping whose values are scalars under some keys and lists
// of scalars under others.
func (p *parser) section(n *yaml.Node, path string, keys []string, lists ...string) section {
	s := section{file: p.file, path: path, values: map[string]value{}, lists: map[string][]value{}}
	for key, node := range p.mapping(n, path, slices.Concat(keys, lists)) {
		if slices.Contains(lists, key) {
			s.lists[key] = p.list(node, path+"."+key)
			continue
		}
		s.values[key] = value{text: node.Value, line: node.Line, column: node.Column, key: path + "." + key}
	}
	if n != nil {
		s.line, s.column = n.Line, n.Column
	}
	// In the order of keys, so that the same file always gives the same
	// error.
	for _, key := range keys {
		if v, ok := s.values[key]; ok {
			p.scalar(find(n, key), v)
		}
	}
	return s
}

// list reads a list of scalars.
func (p *parser) list(n *yaml.Node, key string) []value {
	switch {
	case p.err != nil:
	case n.Kind != yaml.SequenceNode || n.Anchor != "":
		p.fail(n, "%s must be a list; begin each entry with a hyphen on a line of its own, or write [a, b]", key)
	case len(n.Content) == 0:
		p.fail(n, "%s is an empty list; give it an entry or remove the key", key)
	}
	var list []value
	for i, entry := range n.Content {
		v := value{text: entry.Value, line: entry.Line, column: entry.Column, key: fmt.Sprintf("%s[%d]", key, i)}
		p.scalar(entry, v)
		list = append(list, v)
	}
	return list
}

// find returns the value of a key in a mapping known to hold it.
func find(n *yaml.Node, key string) *yaml.Node {
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return n.Content[i+1]
		}
	}
	return &yaml.Node{}
}

// wanted says what kind of value each key takes; text where it is not here.
var wanted = map[string]struct{ tags, noun string }{
	keyCallsPerSecond: {"!!int !!float", "a number"},
	keyProtected:      {"!!bool", "true or false"},
	keyStandardPer10k: {"!!int !!float", "a number"},
	keyStandardPerGB:  {"!!int !!float", "a number"},
	keyHighPer10k:     {"!!int !!float", "a number"},
	keyHighPerGB:      {"!!int !!float", "a number"},
	keyTrainingKey:    {"!!str !!int !!float", "text"}, // a key may be all digits
}

// scalar checks the kind of a value and the form of the variables in it. A
// value with a variable is text until the variable is known.
func (p *parser) scalar(n *yaml.Node, v value) {
	key := v.key[strings.LastIndexByte(v.key, '.')+1:]
	want, ok := wanted[key]
	if !ok {
		want.tags, want.noun = "!!str", "text"
	}
	switch {
	case p.err != nil:
	case n.Kind == yaml.AliasNode || n.Anchor != "":
		p.fail(n, "%s uses a YAML anchor or alias; write the value itself", v.key)
	case n.Kind != yaml.ScalarNode:
		p.fail(n, "%s must be %s, not a list or a section", v.key, want.noun)
	case isNull(n):
		p.fail(n, "%s has no value; give it one or remove the key", v.key)
	case n.Tag == "!!str" && len(variables(n.Value)) > 0:
	case !strings.Contains(" "+want.tags+" ", " "+n.Tag+" "):
		p.fail(n, "%s must be %s", v.key, want.noun)
	}
	if err := scan(n.Value, func(string) {}, func(string) error { return nil }); err != nil {
		p.fail(n, "%s: %v", v.key, err)
	}
}

// mapping returns a mapping's values by key; any key but the given ones is
// an error.
func (p *parser) mapping(n *yaml.Node, path string, keys []string) map[string]*yaml.Node {
	fields := map[string]*yaml.Node{}
	for _, e := range p.entries(n, path) {
		key := e.key.Value
		known := false
		for _, k := range keys {
			known = known || k == key
		}
		if !known {
			hint := suggest.DidYouMean(key, keys)
			if hint == "" {
				hint = "known here: " + strings.Join(keys, ", ")
			}
			p.fail(e.key, "unknown key %q%s; %s", key, in(path), hint)
			return nil
		}
		fields[key] = e.value
	}
	return fields
}

func in(path string) string {
	if path == "" {
		return ""
	}
	return " in " + path
}

type entry struct{ key, value *yaml.Node }

// entries returns a mapping's keys and values in order, each key once.
func (p *parser) entries(n *yaml.Node, path string) []entry {
	if p.err != nil || n == nil {
		return nil
	}
	if n.Kind != yaml.MappingNode {
		what := path
		if what == "" {
			what = "the configuration"
		}
		p.fail(n, "%s must be a section of keys and values", what)
		return nil
	}
	var out []entry
	lines := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		switch first, repeated := lines[key.Value]; {
		case key.Kind != yaml.ScalarNode || key.Tag == "!!merge":
			p.fail(key, "only plain keys are understood%s", in(path))
			return nil
		case repeated:
			p.fail(key, "key %q%s is repeated, first on line %d; keep one", key.Value, in(path), first)
			return nil
		}
		lines[key.Value] = key.Line
		out = append(out, entry{key, n.Content[i+1]})
	}
	return out
}
