package digest

import "golang.org/x/sys/cpu"

// blocksAVX512 goes on with the states of 16 messages by so many blocks of each,
// one at least. Word by word, a state is a column of the array.
//
//go:noescape
func blocksAVX512(state *[8][lanes]uint32, messages *[lanes]*byte, blocks int)

// hasLanes reports whether the processor has the vectors.
func hasLanes() bool { return cpu.X86.HasAVX512F && cpu.X86.HasAVX512BW }
