package manifest

// The two ways in which a line is read, for comparison.
var (
	ScanImage   = scanImage
	DecodeAsAny = decodeImage
)

// Arithmetic on timestamps.
var (
	Ticks       = Timestamp.ticks
	AppendStamp = appendStamp
)
