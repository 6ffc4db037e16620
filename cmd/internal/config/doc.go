// Package config reads cvarchive's configuration: which vault, and which
// Custom Vision resources, under which names and with which credentials.
//
// The file is YAML, read strictly: an unknown or repeated key, a value of the
// wrong kind, a second document or an empty file is an [*Error] that names
// the file, the line and the column. Secrets stay out of the file:
//
//   - ${NAME} in a value is replaced by that environment variable. The
//     replacement happens after the YAML is understood, so that a variable's
//     content can never add keys.
//   - $$ stands for one $. Any other $ stands for itself.
//   - A variable that is not set, or is empty, is an error, but only once the
//     vault or resource that mentions it is used: a missing key of a target
//     does not stop a backup of a source.
//
// Start at [Load] and [Find]; a [File] gives its [Vault] and [Resource]
// values on demand.
package config
