// Package storecheck tells whether a [vault.Store] keeps its contract. Each
// check is a function that returns an error, so the same suite runs in the
// tests of every store and against a user's own vault.
//
// [Run] works under a scratch prefix, a folder name of its own, and deletes
// what it created; anything else in the store is neither read nor touched.
package storecheck
