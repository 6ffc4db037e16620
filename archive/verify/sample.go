package verify

import (
	"crypto/sha256"
	"encoding/binary"
	"math"
)

// Sample chooses a share of the objects. The choice depends on the seed and
// the object only, so that the same seed reads the same objects again.
type Sample struct {
	Share float64 // above 0, up to 1
	Seed  uint64
}

// rank places an object between 0 and all others, evenly.
func (s *Sample) rank(k key) uint64 {
	sum := sha256.Sum256(binary.BigEndian.AppendUint64(k[:], s.Seed))
	return binary.BigEndian.Uint64(sum[:8])
}

// picks reports whether an object of this rank is chosen.
func (s *Sample) picks(rank uint64) bool {
	return s.Share >= 1 || float64(rank) < s.Share*math.MaxUint64
}
