package testenv

// Race is the value of the environment variable GORACE for programs that
// tests run. Where they are built with the race detector, they otherwise sleep
// for a second before they exit, in case another goroutine were still to find
// a race: most of the time of a script of short commands.
const Race = "atexit_sleep_ms=0"
