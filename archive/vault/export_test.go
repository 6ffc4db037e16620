package vault

// ParseMarker reads the file that makes a store a vault.
func ParseMarker(text []byte) error {
	_, err := parseMarker("the store", text)
	return err
}
