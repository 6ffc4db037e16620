package download

import (
	"crypto/md5"
	"sync"

	md5simd "github.com/minio/md5-simd"
)

const (
	// lanes is how many bodies are summed at once, as many as the widest
	// vectors hold.
	lanes = 16
	// alone is the size in bytes from which a body is worth the hand-over.
	alone = 8 << 10
)

// sums computes the MD5 of several bodies at once, each in a lane of the
// processor's vectors, if it has AVX2 or AVX-512. It is safe for concurrent
// use. Nothing runs before the first sum, and whatever does until close.
//
// MD5 cannot be computed faster by itself: each of its steps waits for the one
// before. It would take more processor time than all else that is done with
// the bytes of an image.
type sums struct {
	once   sync.Once
	server md5simd.Server
	// idle holds the hashes, which are used again and again: the server
	// would never forget one that was closed.
	idle chan md5simd.Hasher
}

func (s *sums) start() {
	s.server = md5simd.NewServer()
	s.idle = make(chan md5simd.Hasher, lanes)
	for range lanes {
		s.idle <- s.server.NewHash()
	}
}

// of returns the MD5 of some bytes. It works without sums, alone, too.
func (s *sums) of(data []byte) (sum [md5.Size]byte) {
	if s == nil || len(data) < alone {
		return md5.Sum(data)
	}
	s.once.Do(s.start)
	h := <-s.idle
	h.Reset()
	_, _ = h.Write(data) // it never fails while the hash is open
	h.Sum(sum[:0])
	s.idle <- h
	return sum
}

// close ends what was started. No sum may be in the making.
func (s *sums) close() {
	s.once.Do(func() {})
	if s.server != nil {
		s.server.Close()
	}
}
