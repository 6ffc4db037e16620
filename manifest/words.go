package manifest

// Eight bytes of text are looked at together, as the bytes of a number, since a
// record has some ten ids and twelve fractions.

const (
	each    = 0x0101010101010101 // times a byte: that byte eight times
	eachTop = 0x80 * each
)

// four are four bytes of text as a number, the first one lowest.
func four(s string) uint64 {
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24
}

// eight are eight bytes of text as a number, the first one lowest.
func eight(s string) uint64 {
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 | // one load
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}

// splitID is what a UUID's text has between its dashes; ok is false where there
// are no such dashes.
func splitID(s string) (a, b, c, d uint64, ok bool) {
	if len(s) != 36 || s[8] != '-' || s[13] != '-' || s[18] != '-' || s[23] != '-' {
		return 0, 0, 0, 0, false
	}
	return eight(s), four(s[9:]) | four(s[14:])<<32, four(s[19:]) | four(s[24:])<<32, eight(s[28:]), true
}

// hexDigits sets the top bit of each byte that is a decimal digit in digits,
// or one of a to f in letters, and of no other. Top bits that are set in
// digits, which is not ASCII, are neither. letters are digits as they are, or
// in lower case.
func hexDigits(digits, letters uint64) uint64 {
	plain := ^digits & eachTop
	digits &^= eachTop // so that no sum reaches the next byte
	letters &^= eachTop
	decimal := (digits + (0x80-'0')*each) &^ (digits + (0x80-'9'-1)*each)
	letter := (letters + (0x80-'a')*each) &^ (letters + (0x80-'f'-1)*each)
	return (decimal | letter) & plain
}

// notDecimal sets the top bit of each byte that is no decimal digit, and of
// none that is one and comes before them all.
func notDecimal(text uint64) uint64 {
	text ^= '0' * each
	return ((text + (0x80-10)*each) | text) & eachTop
}

// notPlain sets the top bit of a byte if there is one that a JSON string cannot
// have as it is, or that is not ASCII.
func notPlain(text uint64) uint64 {
	quotes, slashes := text^'"'*each, text^'\\'*each
	return ((text - ' '*each) | (quotes - each) | (slashes - each) | text) & eachTop
}

// hexText is the text of four bytes in hexadecimal digits.
func hexText(value uint32) uint64 {
	v := uint64(value)
	v = (v | v<<16) & 0x0000ffff0000ffff
	v = (v | v<<8) & 0x00ff00ff00ff00ff
	v = v>>4&0x000f000f000f000f | v<<8&0x0f000f000f000f00 // one digit a byte
	letter := (v + (0x10-10)*each) >> 4 & each
	return v + '0'*each + letter*('a'-'9'-1)
}
