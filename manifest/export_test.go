package manifest

// The two ways in which a line is read, for comparison.
var (
	ScanImage   = scanImage
	DecodeAsAny = decodeImage
)

// AppendAsAny is [AppendImage] by way of encoding/json, but for regions.
func AppendAsAny(img *Image) ([]byte, error) { return appendRecord(nil, img, img.Extra) }
