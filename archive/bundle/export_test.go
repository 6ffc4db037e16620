package bundle

// InRuns has the index sorted in runs of n entries.
func (o Options) InRuns(n int) Options {
	o.sortedAtOnce = n
	return o
}
