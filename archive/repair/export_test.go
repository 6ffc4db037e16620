package repair

// SetWindow changes how many items are worked on at once.
func (s *Items) SetWindow(n int) { s.window = n }

// InFile returns how many bytes are in the temporary file.
func (s *Items) InFile() int64 { return int64(s.blocks) * blockSize }

// All returns the items, and how many windows they are.
func (s *Items) All() (items []Item, windows int, err error) {
	items = make([]Item, s.len)
	all := s.windows()
	for _, w := range all {
		if err := s.each(w, func(number uint64, it Item) { items[number] = it }); err != nil {
			return nil, 0, err
		}
	}
	return items, len(all), nil
}
