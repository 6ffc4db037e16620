package seal

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"filippo.io/age/armor"

	"cvarchive/manifest"
)

// maxText bounds a sealed text, in bytes: export tokens are far smaller.
const maxText = 1 << 20

// SealText seals a secret into age's armored text form.
func (r Recipients) SealText(secret manifest.Secret) (string, error) {
	var b strings.Builder
	text := armor.NewWriter(&b)
	w, err := r.Encrypt(text)
	if err != nil {
		return "", err
	}
	_, err = io.WriteString(w, secret.Reveal())
	if err = errors.Join(err, w.Close(), text.Close()); err != nil {
		return "", fmt.Errorf("seal a text: %w", err)
	}
	return b.String(), nil
}

// OpenText opens what [Recipients.SealText] sealed. The error is [ErrNoMatch]
// when it was sealed to others.
func (i Identities) OpenText(sealed string) (manifest.Secret, error) {
	plain, err := i.Decrypt(armor.NewReader(strings.NewReader(sealed)))
	if _, locked := errors.AsType[*LockedError](err); locked || errors.Is(err, ErrNoMatch) {
		return manifest.Secret{}, err
	}
	var text []byte
	if err == nil {
		text, err = io.ReadAll(io.LimitReader(plain, maxText+1))
	}
	switch {
	case err != nil:
		return manifest.Secret{}, fmt.Errorf("open a sealed text: %w", err)
	case len(text) > maxText:
		return manifest.Secret{}, fmt.Errorf("open a sealed text: it is larger than %d MiB", maxText>>20)
	}
	return manifest.NewSecret(string(text)), nil
}
