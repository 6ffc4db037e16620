//go:build race

package main

// underRace: the race detector makes the parts of the harness that move bytes
// ten times slower, and finds nothing there that two sections do not show.
const underRace = true
