package retain

import "cvarchive/archive/objectset"

// defaultRoom is how many mentions are remembered at once, in 70 MB.
const defaultRoom = 11_000_000

// window is how objects are mentioned, of some parts of all keys: with so many
// mentions that there is no room for all, what mentions objects is read once
// for each of several windows. A window becomes narrower when it is full, and
// the next one is as wide.
type window struct {
	room     int
	from, to int // parts
	named    objectset.Set
	waiting  objectset.Set // that were not named before
}

func newWindow(room int) *window { return &window{room: room, to: objectset.Parts} }

// covers reports whether all mentions of an object that were told are
// remembered.
func (w *window) covers(k objectset.Key) bool {
	part := k.Part()
	return w.from <= part && part < w.to
}

// moveTo forgets everything, and begins with the part of a key.
func (w *window) moveTo(k objectset.Key) {
	width := w.to - w.from
	w.from = k.Part()
	w.to = min(w.from+width, objectset.Parts)
	w.cut(0)
}

// name takes note of an object that stays.
func (w *window) name(k objectset.Key) {
	if w.covers(k) {
		w.named.Add(k)
		w.narrow()
	}
}

// wait takes note of one that stays for some time.
func (w *window) wait(k objectset.Key) {
	if w.covers(k) && !w.named.Has(k) {
		w.waiting.Add(k)
		w.narrow()
	}
}

// mentions reports whether anything has an object stay; the window covers it.
func (w *window) mentions(k objectset.Key) bool { return w.named.Has(k) || w.waiting.Has(k) }

// narrow makes room.
func (w *window) narrow() {
	for w.named.Len()+w.waiting.Len() > w.room && w.to-w.from > 1 {
		w.to = w.from + (w.to-w.from)/2
		w.cut(w.to)
	}
}

func (w *window) cut(part int) {
	w.named.Cut(part)
	w.waiting.Cut(part)
}
