package simulator

import "strings"

// filter is a condition on an image's metadata, as $filter has it:
// metadata=key1 eq 'value1' and key2 ne 'value2'. "and" binds tighter than
// "or": the outer list is joined by or, the inner ones by and.
type filter [][]comparison

type comparison struct {
	key, value string
	equal      bool
}

func (f filter) match(metadata map[string]string) bool {
	for _, all := range f {
		ok := true
		for _, c := range all {
			value, has := metadata[c.key]
			ok = ok && (has && value == c.value) == c.equal
		}
		if ok {
			return true
		}
	}
	return false
}

// parseFilter reads the text of $filter; none gives no filter.
func parseFilter(text string) (filter, error) {
	if text == "" {
		return nil, nil
	}
	bad := refuse("BadRequestInvalid", "The filter expression is invalid.")
	rest, ok := strings.CutPrefix(text, "metadata=")
	if !ok {
		return nil, bad
	}
	f := filter{nil}
	for {
		var c comparison
		var op string
		if c.key, op, rest, ok = cutWords(rest); !ok {
			return nil, bad
		}
		c.equal = op == "eq"
		if c.value, rest, ok = cutQuoted(rest); !ok || (op != "eq" && op != "ne") {
			return nil, bad
		}
		f[len(f)-1] = append(f[len(f)-1], c)
		switch word, tail, _ := strings.Cut(strings.TrimSpace(rest), " "); word {
		case "":
			return f, nil
		case "and":
			rest = tail
		case "or":
			f, rest = append(f, nil), tail
		default:
			return nil, bad
		}
	}
}

func cutWords(s string) (key, op, rest string, ok bool) {
	key, rest, ok = strings.Cut(strings.TrimSpace(s), " ")
	if !ok {
		return "", "", "", false
	}
	op, rest, ok = strings.Cut(strings.TrimSpace(rest), " ")
	return key, op, rest, ok && key != ""
}

// cutQuoted reads a value in single quotes; two of them mean one.
func cutQuoted(s string) (value, rest string, ok bool) {
	rest, ok = strings.CutPrefix(strings.TrimSpace(s), "'")
	if !ok {
		return "", "", false
	}
	for {
		part, tail, found := strings.Cut(rest, "'")
		if !found {
			return "", "", false
		}
		value += part
		if rest, ok = strings.CutPrefix(tail, "'"); !ok {
			return value, tail, true
		}
		value += "'"
	}
}
