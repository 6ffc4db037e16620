//go:build race

package archive_test

// raced: the race detector makes everything ten times slower, so the long
// tests do less.
const raced = true
