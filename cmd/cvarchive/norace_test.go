//go:build !race

package main

// raced says that tests of many thousand images are to take fewer.
const raced = false
