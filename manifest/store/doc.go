// Package store is what the stores of a vault and the vault agree on: what a
// stored thing is called and how it is described. It performs no I/O, so that
// a store in the network needs nothing of the vault above it.
package store

import (
	"errors"
	"time"
)

// Info describes a stored name.
type Info struct {
	Name     string
	Size     int64 // bytes
	Modified time.Time
	State
}

// State is what a store does to a name besides keeping it. Its zero value says
// that nothing stands against reading, changing and deleting it.
type State struct {
	// ImmutableUntil is when a policy lets go of the name; it may lie in the
	// past. A listing tells it only where the store was told to set such
	// policies.
	ImmutableUntil time.Time
	// Held says that a legal hold keeps it from being changed and deleted.
	// A listing tells it where it tells ImmutableUntil.
	Held bool
	// Offline says that it lies in the archive tier, from which nothing is
	// read; Rehydrating, that it is on its way out.
	Offline, Rehydrating bool
}

// Protected reports whether the name can be neither changed nor deleted.
func (s State) Protected(now time.Time) bool { return s.Held || s.ImmutableUntil.After(now) }

// ErrOffline means that a name lies in the archive tier, or is on its way out
// of it, and cannot be read now.
var ErrOffline = errors.New("it cannot be read before it was rehydrated")

// ErrProtected means that a policy or a hold keeps a name from being deleted
// or changed.
var ErrProtected = errors.New("something protects it")

// ErrUntouchable means that a name cannot be made to look new: it lies in the
// archive tier, or something protects it from every change.
var ErrUntouchable = errors.New("it cannot be touched where it lies")

// ErrFull means that a store has no room for a name, nor for another one.
var ErrFull = errors.New("no space is left for it")

// ErrChanged means that a name was changed after it was looked at.
var ErrChanged = errors.New("it was changed meanwhile")
