// Package store is what the stores of a vault and the vault agree on: what a
// stored thing is called and how it is described. It performs no I/O, so that
// a store in the network needs nothing of the vault above it.
package store

import "time"

// Info describes a stored name.
type Info struct {
	Name     string
	Size     int64 // bytes
	Modified time.Time
}
