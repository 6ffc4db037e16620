package archive

import (
	"slices"
	"sync"
)

// cachedFrames is how many frames a [Container] keeps: members that are read at
// the same time lie side by side, many of them in one frame.
const cachedFrames = 4

// frameCache keeps the frames that were asked for last, decompressed. It is
// safe for concurrent use; a frame is decompressed once for all who want it.
type frameCache struct {
	mu     sync.Mutex
	frames []*cachedFrame // the one asked for last at the end
	packed sync.Pool      // of *[]byte, for frames as they are in the file
}

type cachedFrame struct {
	index int
	plain func() ([]byte, error)
}

// get returns a frame, which must not be changed.
func (c *frameCache) get(index int, load func() ([]byte, error)) ([]byte, error) {
	f := c.find(index, load)
	plain, err := f.plain()
	if err != nil { // another time it may work
		c.mu.Lock()
		defer c.mu.Unlock()
		c.frames = slices.DeleteFunc(c.frames, func(other *cachedFrame) bool { return other == f })
	}
	return plain, err
}

func (c *frameCache) find(index int, load func() ([]byte, error)) *cachedFrame {
	c.mu.Lock()
	defer c.mu.Unlock()
	f := &cachedFrame{index, sync.OnceValues(load)}
	if at := slices.IndexFunc(c.frames, func(f *cachedFrame) bool { return f.index == index }); at >= 0 {
		f = c.frames[at]
		c.frames = slices.Delete(c.frames, at, at+1)
	} else if len(c.frames) == cachedFrames {
		c.frames = slices.Delete(c.frames, 0, 1)
	}
	c.frames = append(c.frames, f)
	return f
}

// whole decompresses one frame.
func (c *frameCache) whole(s *source, index int) ([]byte, error) {
	buffer, _ := c.packed.Get().(*[]byte)
	if buffer == nil {
		buffer = new([]byte)
	}
	defer c.packed.Put(buffer)
	f := &s.frames[index]
	packed, err := s.read(f.offset, f.packed, *buffer)
	if err != nil {
		return nil, err
	}
	if !s.inTail(f.offset) {
		*buffer = packed
	}
	return s.decode(index, packed, make([]byte, 0, f.size))
}
