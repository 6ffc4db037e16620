package seal

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"sync"

	"filippo.io/age"
	"filippo.io/age/agessh"
	"filippo.io/age/armor"
	"golang.org/x/crypto/ssh"
)

// protectedSSH is an SSH private key behind a passphrase.
type protectedSSH struct {
	name string

	mu    sync.Mutex
	key   age.Identity
	asked bool  // for the passphrase
	err   error // why it could not be opened
}

func newProtectedSSH(name string, public ssh.PublicKey, content []byte, ask Passphrase) (*protectedSSH, error) {
	p := &protectedSSH{name: name}
	var err error
	p.key, err = agessh.NewEncryptedSSHIdentity(public, content, func() ([]byte, error) {
		p.asked = true
		pass, err := ask(name)
		p.err = err
		return pass, err
	})
	return p, err
}

// Unwrap implements [age.Identity].
func (p *protectedSSH) Unwrap(stanzas []*age.Stanza) ([]byte, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err != nil {
		return nil, p.err
	}
	before := p.asked
	fileKey, err := p.key.Unwrap(stanzas)
	switch {
	case err == nil || before || !p.asked || errors.Is(err, age.ErrIncorrectIdentity):
		return fileKey, err
	case p.err == nil:
		p.err = errors.New("the passphrase does not open it")
	}
	p.err = &LockedError{File: p.name, Err: p.err}
	return nil, p.err
}

// protectedAge is an identity file of age that was encrypted with a passphrase.
type protectedAge struct {
	name    string
	content []byte
	ask     Passphrase

	mu   sync.Mutex
	keys []age.Identity // once opened
	err  error          // why it could not be
}

// Unwrap implements [age.Identity].
func (p *protectedAge) Unwrap(stanzas []*age.Stanza) ([]byte, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.keys == nil && p.err == nil {
		var err error
		if p.keys, err = p.open(); err != nil {
			p.err = &LockedError{File: p.name, Err: err}
		}
	}
	if p.err != nil {
		return nil, p.err
	}
	for _, key := range p.keys {
		fileKey, err := key.Unwrap(stanzas)
		if !errors.Is(err, age.ErrIncorrectIdentity) {
			return fileKey, err
		}
	}
	return nil, age.ErrIncorrectIdentity
}

func (p *protectedAge) open() ([]age.Identity, error) {
	pass, err := p.ask(p.name)
	if err != nil {
		return nil, err
	}
	if len(pass) == 0 {
		return nil, errors.New("its passphrase is not empty")
	}
	key, err := age.NewScryptIdentity(string(pass))
	if err != nil {
		return nil, err
	}
	var src io.Reader = bytes.NewReader(p.content)
	if bytes.HasPrefix(p.content, []byte(armor.Header)) {
		src = armor.NewReader(src)
	}
	plain, err := age.Decrypt(src, key)
	if _, wrong := errors.AsType[*age.NoIdentityMatchError](err); wrong {
		return nil, errors.New("the passphrase does not open it")
	}
	var content []byte
	if err == nil {
		content, err = io.ReadAll(io.LimitReader(plain, MaxIdentityFile))
	}
	if err != nil {
		return nil, fmt.Errorf("it is damaged: %w", err)
	}
	return parseLines(content)
}
