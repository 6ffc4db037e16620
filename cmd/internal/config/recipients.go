package config

import "cvarchive/archive/seal"

// recipients reads a list of public keys; each entry is one, or a variable
// that holds one.
func (r *reader) recipients(key string) seal.Recipients {
	var keys []seal.Recipient
	for _, v := range r.lists[key] {
		text := r.expanded(v)
		if r.err != nil {
			return seal.Recipients{}
		}
		one, err := seal.ParseRecipient(text)
		if err != nil {
			r.err = r.errorf(v, "%s: %s", v.key, err)
			return seal.Recipients{}
		}
		keys = append(keys, one)
	}
	all, err := seal.NewRecipients(keys...)
	if err != nil && r.err == nil {
		r.err = r.errorf(r.lists[key][0], "%s.%s: %s", r.path, key, err)
	}
	return all
}
