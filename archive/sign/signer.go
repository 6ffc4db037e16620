package sign

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"github.com/hiddeco/sshsig"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
)

// maxKeyFile bounds the file of a key, in bytes.
const maxKeyFile = 64 << 10

// agentTimeout is how long an agent may take: it may ask a person.
const agentTimeout = 2 * time.Minute

// Source says where the key to sign with is.
type Source struct {
	// File holds a private key, or a public one whose private half an agent
	// has.
	File string
	// Agent is the socket of an ssh-agent, $SSH_AUTH_SOCK; empty: none.
	Agent string
	// Passphrase asks a person for the passphrase of the key; nil: nobody
	// is there.
	Passphrase func(ctx context.Context, file string) ([]byte, error)
}

// KeyError says why a key cannot be used, and what to do.
type KeyError struct {
	File   string
	Reason string
	Err    error // cause; may be nil
}

// Error names the file.
func (e *KeyError) Error() string { return fmt.Sprintf("the key %s %s", e.File, e.Reason) }

// Unwrap returns the cause.
func (e *KeyError) Unwrap() error { return e.Err }

// Signer signs. It is safe for concurrent use.
type Signer struct {
	key    Key
	signer ssh.Signer // nil: the agent has the private half
	agent  string
	file   string
}

// Open finds the key and makes sure that it can be used, as far as that shows
// without signing. Errors are [*KeyError].
func Open(ctx context.Context, src Source) (*Signer, error) {
	text, err := readKey(src.File)
	if err != nil {
		return nil, &KeyError{File: src.File, Reason: "cannot be read: " + err.Error(), Err: err}
	}
	s := &Signer{agent: src.Agent, file: src.File}
	if public, _, _, _, err := ssh.ParseAuthorizedKey(text); err == nil {
		s.key = Key{public}
		if err := s.checkType(); err != nil {
			return nil, err
		}
		return s, s.inAgent(ctx)
	}
	s.signer, err = ssh.ParsePrivateKey(text)
	if locked, ok := errors.AsType[*ssh.PassphraseMissingError](err); ok {
		return s, s.unlock(ctx, src, text, locked.PublicKey)
	}
	if err != nil {
		return nil, &KeyError{File: src.File, Reason: "is neither a private nor a public SSH key; make one with ssh-keygen -t ed25519", Err: err}
	}
	s.key = Key{s.signer.PublicKey()}
	return s, s.checkType()
}

func readKey(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		if pe, ok := errors.AsType[*os.PathError](err); ok {
			err = pe.Err
		}
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxKeyFile+1))
	if err == nil && len(text) > maxKeyFile {
		err = fmt.Errorf("it has more than %d KiB", maxKeyFile>>10)
	}
	return text, err
}

// unlock takes a key with a passphrase from the agent if that has it, and asks
// for the passphrase otherwise.
func (s *Signer) unlock(ctx context.Context, src Source, text []byte, public ssh.PublicKey) error {
	var inAgent error
	if public != nil {
		s.key = Key{public}
		if err := s.checkType(); err != nil {
			return err
		}
		if inAgent = s.inAgent(ctx); inAgent == nil {
			return nil
		}
	}
	if src.Passphrase == nil {
		return &KeyError{File: s.file, Err: inAgent,
			Reason: "has a passphrase, and there is no terminal to ask for it: add it to an ssh-agent with ssh-add, and set SSH_AUTH_SOCK"}
	}
	phrase, err := src.Passphrase(ctx, s.file)
	if err != nil {
		return &KeyError{File: s.file, Reason: "has a passphrase, which could not be asked for: " + err.Error(), Err: err}
	}
	s.signer, err = ssh.ParsePrivateKeyWithPassphrase(text, phrase)
	clear(phrase)
	if err != nil {
		return &KeyError{File: s.file, Reason: "has another passphrase", Err: err}
	}
	s.key = Key{s.signer.PublicKey()}
	return s.checkType()
}

// checkType refuses keys that are not Ed25519. Those sign the same content the
// same way each time, and are what everybody has.
func (s *Signer) checkType() error {
	switch s.key.Type() {
	case ssh.KeyAlgoED25519, ssh.KeyAlgoSKED25519:
		return nil
	}
	return &KeyError{File: s.file, Reason: fmt.Sprintf("is of the type %s, and archives are signed with Ed25519; make one with ssh-keygen -t ed25519", s.key.Type())}
}

// Key returns the public half.
func (s *Signer) Key() Key { return s.key }

// File returns the path of the key.
func (s *Signer) File() string { return s.file }

// InAgent reports whether an agent holds the private half.
func (s *Signer) InAgent() bool { return s.signer == nil }

// String describes the key by its fingerprint.
func (s *Signer) String() string { return s.key.Fingerprint() }

// Sign reads content to its end and returns the armored signature, which is
// tried before it is returned.
func (s *Signer) Sign(ctx context.Context, content io.Reader) ([]byte, error) {
	r := &watched{r: content}
	sig, err := sshsig.Sign(r, onDemand{ctx, s}, sshsig.HashSHA512, Namespace)
	if r.err != nil {
		return nil, &ReadError{r.err}
	}
	if err != nil {
		return nil, err
	}
	return sshsig.Armor(sig), nil
}

// onDemand is an [ssh.Signer] that turns to the agent when all content has
// been read, however long that took.
type onDemand struct {
	ctx context.Context // of the one call to Sign; the interface has no room for it
	*Signer
}

// PublicKey implements [ssh.Signer].
func (o onDemand) PublicKey() ssh.PublicKey { return o.key.public }

// Sign implements [ssh.Signer].
func (o onDemand) Sign(random io.Reader, data []byte) (sig *ssh.Signature, err error) {
	err = o.with(o.ctx, func(signer ssh.Signer) (err error) {
		if sig, err = signer.Sign(random, data); err == nil {
			err = o.key.public.Verify(data, sig)
		}
		return err
	})
	return sig, err
}

// with gives the signer to do: our own, or one of the agent.
func (s *Signer) with(ctx context.Context, do func(ssh.Signer) error) error {
	if s.signer != nil {
		return do(s.signer)
	}
	if s.agent == "" {
		return &KeyError{File: s.file, Reason: "is a public key, and no ssh-agent is known that has its private half: start one, add the key with ssh-add, and set SSH_AUTH_SOCK"}
	}
	conn, err := (&net.Dialer{Timeout: agentTimeout}).DialContext(ctx, "unix", s.agent)
	if err != nil {
		return &KeyError{File: s.file, Reason: "is to be used through the ssh-agent at SSH_AUTH_SOCK, which does not answer; start it and add the key with ssh-add", Err: err}
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	if err := conn.SetDeadline(time.Now().Add(agentTimeout)); err != nil {
		return &KeyError{File: s.file, Reason: "cannot be used through the ssh-agent: " + err.Error(), Err: err}
	}
	signers, err := agent.NewClient(conn).Signers()
	if err != nil {
		return s.agentError(ctx, err)
	}
	for _, signer := range signers {
		if s.key.equal(signer.PublicKey()) {
			if err := do(signer); err != nil {
				return s.agentError(ctx, err)
			}
			return nil
		}
	}
	return &KeyError{File: s.file, Reason: "is not among the keys of the ssh-agent; add it with ssh-add"}
}

func (s *Signer) agentError(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return &KeyError{File: s.file, Reason: fmt.Sprintf("cannot be used: the ssh-agent says %v; see whether ssh-add -l shows the key and nothing waits to be confirmed", err), Err: err}
}

// inAgent makes sure that the agent has the private half.
func (s *Signer) inAgent(ctx context.Context) error {
	return s.with(ctx, func(ssh.Signer) error { return nil })
}
