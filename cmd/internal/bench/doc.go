// Bench measures the whole program: the calls that it makes, its speed, its
// memory and the size of what it writes, each beside the least that the same
// work can take. docs/performance.md has the figures and how to read them.
//
//	go run ./cmd/internal/bench                       everything, under ten minutes on two cores
//	go run ./cmd/internal/bench -run data             one section
//	go run ./cmd/internal/bench -bench new.txt -json new.json
//	benchstat old.txt new.txt
//
// # How it measures
//
// The program runs as a process of its own, built from this checkout, and a
// small process starts it and takes its time, processor time and peak memory
// from the kernel (mode "measure": a child's peak memory is never told as less
// than its parent's, so the parent has to be small). The service is the
// simulator in another process (mode "service"). What the program is compared
// with runs in the same way: bare loops that do the unavoidable part of the
// work and nothing else (mode "bare"), and the tools that people use instead.
// Whatever is compared takes turns within a round, and a ratio is that of one
// round; figures are medians with the least and the most.
//
// A goal that is missed is told and fails nothing: machines differ.
package main
