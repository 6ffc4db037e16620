package replicate

import (
	"errors"
	"io/fs"
	"sync"
)

// givenUp is how many objects in a row the stores may refuse to copy by
// themselves before they are not asked any more.
const givenUp = 8

// byStore remembers whether the stores copy by themselves. It is safe for
// concurrent use.
type byStore struct {
	mu   sync.Mutex
	off  bool
	said bool // why not, to the user
	row  int  // refusals without a success between
}

// ask reports whether it is worth asking.
func (b *byStore) ask() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return !b.off
}

func (b *byStore) worked() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.row = 0
}

// failed takes note of a refusal, and reports whether the user is to be told.
// What is not there, or lies in the archive tier, cannot be copied in any way.
func (b *byStore) failed(err error) (tell bool) {
	if errors.Is(err, fs.ErrNotExist) {
		return false
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.row++
	b.off = b.off || b.row == givenUp
	tell = !b.said
	b.said = true
	return tell
}
