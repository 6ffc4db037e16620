package seal

// What is sealed is a header, and then chunks with a tag each; see the age
// specification.
const (
	chunkSize = 64 << 10
	tagSize   = 16
)

// HeaderSize is how many bytes of what is sealed come before its content. They
// differ for everything that is sealed, and their number is always the same.
func (r Recipients) HeaderSize() int64 { return r.header }

// SealedSize returns how large content of a size is once it is sealed.
func (r Recipients) SealedSize(size int64) int64 {
	chunks := max(1, (size+chunkSize-1)/chunkSize)
	return r.header + size + chunks*tagSize
}
