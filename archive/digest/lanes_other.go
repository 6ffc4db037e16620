//go:build !amd64

package digest

func blocksAVX512(*[8][lanes]uint32, *[lanes]*byte, int) {}

func hasLanes() bool { return false }
