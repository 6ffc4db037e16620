package config

import (
	"errors"
	"fmt"
	"strings"
)

// expand replaces ${NAME} by the environment and $$ by $. Errors name the
// variable and never what a value holds.
func expand(text string, env LookupEnv) (string, error) {
	var b strings.Builder
	err := scan(text, func(literal string) { b.WriteString(literal) }, func(name string) error {
		v, found := env(name)
		switch {
		case !found:
			return fmt.Errorf("the environment variable %s is not set; set it or change this line", name)
		case v == "":
			return fmt.Errorf("the environment variable %s is empty; set it or change this line", name)
		}
		b.WriteString(v)
		return nil
	})
	return b.String(), err
}

// variables returns the names that a value mentions. Malformed mentions have
// been refused by then.
func variables(text string) []string {
	var names []string
	_ = scan(text, func(string) {}, func(name string) error {
		names = append(names, name)
		return nil
	})
	return names
}

// scan walks over a value's literal stretches and variables.
func scan(text string, literal func(string), variable func(name string) error) error {
	for {
		before, after, found := strings.Cut(text, "$")
		literal(before)
		switch {
		case !found:
			return nil
		case strings.HasPrefix(after, "$"):
			literal("$")
			text = after[1:]
		case strings.HasPrefix(after, "{"):
			name, rest, closed := strings.Cut(after[1:], "}")
			if !closed {
				return errors.New("${ is not closed by }; write ${NAME}, or $${ for the characters themselves")
			}
			if !isName(name) {
				return errors.New("what stands in ${…} is not the name of an environment variable; write ${NAME}, or $${ for the characters themselves")
			}
			if err := variable(name); err != nil {
				return err
			}
			text = rest
		default:
			literal("$")
			text = after
		}
	}
}

func isName(s string) bool {
	for i, r := range s {
		letter := r == '_' || 'A' <= r && r <= 'Z' || 'a' <= r && r <= 'z'
		if !letter && (i == 0 || r < '0' || r > '9') {
			return false
		}
	}
	return s != ""
}
