package manifest

import "strconv"

// Arithmetic on the service's timestamps, which have seven fraction digits
// and no zone: "2019-06-19T23:02:39.8757957". What has another form is text.

const (
	stampSize      = len("2006-01-02T15:04:05.0000000")
	ticksPerSecond = 10_000_000
	ticksPerDay    = 86_400 * ticksPerSecond
	maxTicks       = 3_652_425 * ticksPerDay // what 10,000 years have
)

// ticks is the moment of a timestamp of the usual form, counted in units of
// 100 ns from the start of the year 0.
func (t Timestamp) ticks() (n int64, ok bool) {
	if len(t) != stampSize {
		return 0, false
	}
	const form = "0000-00-00T00:00:00.0000000"
	text := string(t)
	date, minute := eight(text)^eight(form), eight(text[8:])^eight(form[8:])
	second, fraction := eight(text[16:])^eight(form[16:]), eight(text[19:])^eight(form[19:])
	// Digits became their values, and what is between them 0: with this added,
	// no byte of them has its top bit.
	const digit, between = 0x80 - 10, 0x80 - 1
	over := date + digit*each + (between-digit)*(1<<32|1<<56)
	over |= minute + digit*each + (between-digit)*(1<<16|1<<40)
	over |= second + digit*each + (between-digit)*(1|1<<24)
	over |= fraction + digit*each + (between - digit)
	if (over|date|minute|second|fraction)&eachTop != 0 {
		return 0, false
	}
	y, m, d := twoDigits(date)*100+twoDigits(date>>16), twoDigits(date>>40), twoDigits(minute)
	h, min, s := twoDigits(minute>>24), twoDigits(minute>>48), twoDigits(second>>8)
	if m < 1 || m > 12 || d < 1 || h > 23 || min > 59 || s > 59 {
		return 0, false
	}
	days := daysBefore(y, m) + d - 1
	if d > 28 && days >= daysBefore(y+m/12, m%12+1) {
		return 0, false // no such day
	}
	return (((days*24+h)*60+min)*60+s)*ticksPerSecond + eightDigits(fraction), true
}

// twoDigits is the number of the two lowest bytes, the tens in the lowest.
func twoDigits(values uint64) int64 { return int64(values&0xff*10 + values>>8&0xff) }

// eightDigits is the number of eight bytes, the highest place in the lowest.
func eightDigits(values uint64) int64 {
	values = (values*10 + values>>8) & 0x00ff00ff00ff00ff
	values = (values*100 + values>>16) & 0x0000ffff0000ffff
	return int64((values*10_000 + values>>32) & 0xffffffff)
}

// daysBefore is the number of days before a month, in the Gregorian calendar
// from the start of the year 0, whose months count from 1.
func daysBefore(year, month int64) int64 {
	// Years that start in March have the leap day at their end, and months
	// of 153 days in five.
	if month -= 3; month < 0 {
		month, year = month+12, year-1
	}
	const inJanFeb = 60 // days of the year 0 before its March
	leap := floorDiv(year, 4) - floorDiv(year, 100) + floorDiv(year, 400)
	return year*365 + leap + (month*153+2)/5 + inJanFeb
}

// floorDiv divides, downwards: the year before 0 is -1.
func floorDiv(a, b int64) int64 {
	if a < 0 {
		return -((b - 1 - a) / b)
	}
	return a / b
}

// appendStamp is the inverse of [Timestamp.ticks], for what is at least 0 and
// below maxTicks.
func appendStamp(dst []byte, n int64) []byte {
	days := n / ticksPerDay
	year := days * 10_000 / 3_652_425
	for daysBefore(year+1, 1) <= days {
		year++
	}
	for daysBefore(year, 1) > days {
		year--
	}
	month := (days-daysBefore(year, 1))/31 + 1
	if month < 12 && daysBefore(year, month+1) <= days {
		month++
	}
	day := days - daysBefore(year, month) + 1
	in := n % ticksPerDay
	second := in / ticksPerSecond
	dst = appendPadded(dst, year, 4)
	dst = appendPadded(append(dst, '-'), month, 2)
	dst = appendPadded(append(dst, '-'), day, 2)
	dst = appendPadded(append(dst, 'T'), second/3600, 2)
	dst = appendPadded(append(dst, ':'), second/60%60, 2)
	dst = appendPadded(append(dst, ':'), second%60, 2)
	return appendPadded(append(dst, '.'), in%ticksPerSecond, 7)
}

func appendPadded(dst []byte, v int64, width int) []byte {
	at := len(dst)
	for range width {
		dst = append(dst, '0')
	}
	for i := at + width - 1; v > 0; i-- {
		dst[i] += byte(v % 10)
		v /= 10
	}
	return dst
}

// appendSeconds appends a number of ticks as seconds, as short as can be.
func appendSeconds(dst []byte, n int64) []byte {
	if n < 0 {
		dst, n = append(dst, '-'), -n
	}
	dst = strconv.AppendInt(dst, n/ticksPerSecond, 10)
	if n %= ticksPerSecond; n == 0 {
		return dst
	}
	dst = appendPadded(append(dst, '.'), n, 7)
	for dst[len(dst)-1] == '0' {
		dst = dst[:len(dst)-1]
	}
	return dst
}

// parseSeconds is the inverse of [appendSeconds], also for numbers of JSON
// that are longer than need be. It takes none that does not fit between two
// timestamps, or is finer than a tick.
func parseSeconds(text []byte) (n int64, ok bool) {
	negative := len(text) > 0 && text[0] == '-'
	if negative {
		text = text[1:]
	}
	whole := digits(text)
	if whole == 0 || whole > 12 || whole > 1 && text[0] == '0' {
		return 0, false
	}
	n = value10(text[:whole])
	fraction := text[whole:]
	if len(fraction) > 0 {
		fraction = fraction[1:]
		if text[whole] != '.' || len(fraction) == 0 || len(fraction) > 7 || digits(fraction) < len(fraction) {
			return 0, false
		}
	}
	n = n * ticksPerSecond
	scaled := value10(fraction)
	for range 7 - len(fraction) {
		scaled *= 10
	}
	n += scaled
	if negative {
		n = -n
	}
	return n, n > -maxTicks && n < maxTicks
}

// value10 is the value of at most 18 digits.
func value10(text []byte) (v int64) {
	for _, c := range text {
		v = v*10 + int64(c-'0')
	}
	return v
}

// after is the timestamp so many seconds after another, as an image record
// has it: none after one is that one, whatever its form. Both must otherwise
// have the usual form.
func (t Timestamp) after(dst, seconds []byte) (out []byte, ok bool) {
	n, ok := parseSeconds(seconds)
	if !ok || n == 0 {
		return append(dst, t...), ok
	}
	base, ok := t.ticks()
	if n += base; !ok || n < 0 || n >= maxTicks {
		return dst, false
	}
	return appendStamp(dst, n), true
}
