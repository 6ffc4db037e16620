package sign

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"

	"cvarchive/manifest/testenv"
)

const content = "the bytes of an archive\n"

// newKey writes a key pair and returns the private half and the path of its
// file; the public half is beside it.
func newKey(t *testing.T) (ed25519.PrivateKey, string) {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(private, "test")
	if err != nil {
		t.Fatal(err)
	}
	key, err := ssh.NewPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "key")
	write(t, path, pem.EncodeToMemory(block))
	write(t, path+".pub", ssh.MarshalAuthorizedKey(key))
	return private, path
}

// lockedKey is [newKey] with a passphrase that takes little time to check.
func lockedKey(t *testing.T, passphrase string) (any, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "locked")
	run(t, "", testenv.Program(t, "ssh-keygen"), "-q", "-t", "ed25519", "-a", "1", "-N", passphrase, "-f", path)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	private, err := ssh.ParseRawPrivateKeyWithPassphrase(text, []byte(passphrase))
	if err != nil {
		t.Fatal(err)
	}
	return private, path
}

func write(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// newAgent serves keys on a socket, as ssh-agent does.
func newAgent(t *testing.T, keys ...any) string {
	t.Helper()
	ring := agent.NewKeyring()
	for _, key := range keys {
		if err := ring.Add(agent.AddedKey{PrivateKey: key}); err != nil {
			t.Fatal(err)
		}
	}
	dir, err := os.MkdirTemp("", "agent") // a socket's path has to be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	l, err := net.Listen("unix", filepath.Join(dir, "s"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				_ = agent.ServeAgent(ring, conn)
				conn.Close()
			}()
		}
	}()
	return l.Addr().String()
}

func passphrase(text string) func(context.Context, string) ([]byte, error) {
	return func(context.Context, string) ([]byte, error) { return []byte(text), nil }
}

// TestSign signs with every kind of key that there is, and OpenSSH checks.
func TestSign(t *testing.T) {
	keygen := testenv.Program(t, "ssh-keygen")
	plain, plainFile := newKey(t)
	locked, lockedFile := lockedKey(t, "open sesame")
	for _, tt := range []struct {
		name    string
		source  Source
		inAgent bool
	}{
		{"file", Source{File: plainFile}, false},
		{"public key, agent", Source{File: plainFile + ".pub", Agent: newAgent(t, locked, plain)}, true},
		{"passphrase asked", Source{File: lockedFile, Passphrase: passphrase("open sesame")}, false},
		{"passphrase asked, agent of others", Source{File: lockedFile, Agent: newAgent(t, plain), Passphrase: passphrase("open sesame")}, false},
		{"passphrase, agent", Source{File: lockedFile, Agent: newAgent(t, locked)}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, err := Open(t.Context(), tt.source)
			if err != nil {
				t.Fatal(err)
			}
			if s.InAgent() != tt.inAgent {
				t.Errorf("in the agent: %v, want %v", s.InAgent(), tt.inAgent)
			}
			armored, err := s.Sign(t.Context(), iotest.OneByteReader(strings.NewReader(content)))
			if err != nil {
				t.Fatal(err)
			}
			dir := t.TempDir()
			signature, allowed := filepath.Join(dir, "sig"), filepath.Join(dir, "allowed")
			write(t, signature, armored)
			write(t, allowed, []byte("backup@example.org "+s.Key().AuthorizedLine()+"\n"))
			for text, good := range map[string]bool{content: true, content + "x": false} {
				cmd := exec.CommandContext(t.Context(), keygen, "-Y", "verify", "-f", allowed, "-I", "backup@example.org", "-n", Namespace, "-s", signature)
				cmd.Stdin = strings.NewReader(text)
				if out, err := cmd.CombinedOutput(); (err == nil) != good {
					t.Errorf("ssh-keygen on %q: %v, want good: %v\n%s", text, err, good, out)
				}
				if err := mustParse(t, armored).Verify(strings.NewReader(text)); (err == nil) != good {
					t.Errorf("Verify(%q) = %v, want good: %v", text, err, good)
				}
			}
		})
	}
}

func mustParse(t *testing.T, armored []byte) *Signature {
	t.Helper()
	sig, err := Parse(armored)
	if err != nil {
		t.Fatal(err)
	}
	return sig
}

// TestOpenSSHSignature reads what ssh-keygen signs, with keys of any type.
func TestOpenSSHSignature(t *testing.T) {
	keygen := testenv.Program(t, "ssh-keygen")
	for _, kind := range []string{"ed25519", "ecdsa", "rsa"} {
		key := filepath.Join(t.TempDir(), kind)
		run(t, "", keygen, "-q", "-t", kind, "-N", "", "-f", key)
		for namespace, good := range map[string]bool{Namespace: true, "file": false} {
			sig := mustParse(t, []byte(run(t, content, keygen, "-Y", "sign", "-q", "-f", key, "-n", namespace)))
			if err := sig.Verify(strings.NewReader(content)); (err == nil) != good {
				t.Errorf("%s, namespace %s: Verify = %v, want good: %v", kind, namespace, err, good)
			}
		}
	}
}

func run(t *testing.T, stdin string, name string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Stdin = strings.NewReader(stdin)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, &stderr)
	}
	return string(out)
}

func TestOpenRefuses(t *testing.T) {
	private, file := newKey(t)
	_, locked := lockedKey(t, "open sesame")
	dir := t.TempDir()
	write(t, filepath.Join(dir, "garbage"), []byte("hello"))
	write(t, filepath.Join(dir, "long"), make([]byte, maxKeyFile+1))
	old, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(old, "")
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "ecdsa"), pem.EncodeToMemory(block))
	for _, tt := range []struct {
		name   string
		source Source
		want   string
	}{
		{"missing", Source{File: filepath.Join(dir, "none")}, "cannot be read: no such file"},
		{"a folder", Source{File: dir}, "cannot be read: "},
		{"garbage", Source{File: filepath.Join(dir, "garbage")}, "is neither a private nor a public SSH key"},
		{"long", Source{File: filepath.Join(dir, "long")}, "more than 64 KiB"},
		{"ecdsa", Source{File: filepath.Join(dir, "ecdsa")}, "is of the type ecdsa-sha2-nistp256"},
		{"locked, nobody there", Source{File: locked}, "add it to an ssh-agent with ssh-add"},
		{"locked, agent of others", Source{File: locked, Agent: newAgent(t, private)}, "add it to an ssh-agent with ssh-add"},
		{"locked, wrong", Source{File: locked, Passphrase: passphrase("x")}, "has another passphrase"},
		{"public, no agent", Source{File: file + ".pub"}, "no ssh-agent is known"},
		{"public, dead agent", Source{File: file + ".pub", Agent: filepath.Join(dir, "socket")}, "does not answer"},
		{"public, agent of others", Source{File: file + ".pub", Agent: newAgent(t)}, "not among the keys"},
	} {
		_, err := Open(t.Context(), tt.source)
		if _, ok := errors.AsType[*KeyError](err); !ok || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: error %v, want a KeyError with %q", tt.name, err, tt.want)
		}
		if err != nil && strings.Contains(err.Error(), "sesame") {
			t.Errorf("%s: the passphrase is in the error %v", tt.name, err)
		}
	}
}

// TestAgentEnds: an agent that goes while the content is read is an error.
func TestAgentEnds(t *testing.T) {
	private, file := newKey(t)
	socket := newAgent(t, private)
	s, err := Open(t.Context(), Source{File: file + ".pub", Agent: socket})
	if err != nil {
		t.Fatal(err)
	}
	os.Remove(socket)
	if _, err := s.Sign(t.Context(), strings.NewReader(content)); err == nil || !strings.Contains(err.Error(), "does not answer") {
		t.Errorf("error %v, want that the agent does not answer", err)
	}
}

func TestReadingFails(t *testing.T) {
	_, file := newKey(t)
	s, err := Open(t.Context(), Source{File: file})
	if err != nil {
		t.Fatal(err)
	}
	broken := errors.New("the disk is broken")
	if _, err := s.Sign(t.Context(), iotest.ErrReader(broken)); !errors.Is(err, broken) {
		t.Errorf("Sign: error %v, want the reader's", err)
	}
	armored, err := s.Sign(t.Context(), strings.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	err = mustParse(t, armored).Verify(iotest.ErrReader(broken))
	if _, ok := errors.AsType[*ReadError](err); !ok || !errors.Is(err, broken) {
		t.Errorf("Verify: error %v, want a ReadError", err)
	}
}

// TestAllowedSigners holds our reading of the file against OpenSSH's.
func TestAllowedSigners(t *testing.T) {
	keygen := testenv.Program(t, "ssh-keygen")
	_, file := newKey(t)
	_, other := newKey(t)
	s, err := Open(t.Context(), Source{File: file})
	if err != nil {
		t.Fatal(err)
	}
	armored, err := s.Sign(t.Context(), strings.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	o, err := Open(t.Context(), Source{File: other})
	if err != nil {
		t.Fatal(err)
	}
	key, foreign := s.Key().AuthorizedLine(), o.Key().AuthorizedLine()
	made := time.Date(2028, 9, 1, 2, 0, 0, 0, time.UTC)
	signature := filepath.Join(t.TempDir(), "sig")
	write(t, signature, armored)
	for _, tt := range []struct {
		name, file string
		want       string // principals; empty: refused
		reason     string
	}{
		{"plain", "ann@example.org " + key, "ann@example.org", ""},
		{"comments and blank lines", "# who\n\n\tann@example.org\t" + key + " ann's key\n", "ann@example.org", ""},
		{"quoted principals", `"ann@example.org,bob@example.org" ` + key, "ann@example.org,bob@example.org", ""},
		{"another key", "ann@example.org " + foreign, "", "does not list"},
		{"the second line", "bob@example.org " + foreign + "\nann@example.org " + key, "ann@example.org", ""},
		{"namespace", `ann@example.org namespaces="cvarchive" ` + key, "ann@example.org", ""},
		{"namespace pattern", `ann@example.org namespaces="file,cv*e" ` + key, "ann@example.org", ""},
		{"namespace ?", `ann@example.org namespaces="cvarchiv?" ` + key, "ann@example.org", ""},
		{"other namespace", `ann@example.org namespaces="file,git" ` + key, "", `for the namespaces "file,git"`},
		{"namespace but not this one", `ann@example.org namespaces="!cvarchive,*" ` + key, "", "namespaces"},
		{"valid", `ann@example.org valid-after="20280901Z",valid-before="20280902Z" ` + key, "ann@example.org", ""},
		{"case of options", `ann@example.org VALID-AFTER="20280901Z" ` + key, "ann@example.org", ""},
		{"not yet", `ann@example.org valid-after="202809010201Z" ` + key, "", "allows after 2028-09-01 02:01:00 UTC only"},
		{"no more", `ann@example.org valid-before="20280901015959Z" ` + key, "", "allows before"},
		{"a year is no time", `ann@example.org valid-before="2027Z" ` + key, "", ""},
		{"authority", "ann@example.org cert-authority " + key, "", "cert-authority"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			list := filepath.Join(t.TempDir(), "allowed")
			write(t, list, []byte(tt.file))
			a, err := ParseAllowedSigners("allowed", []byte(tt.file), time.UTC)
			got := ""
			if err == nil {
				got, err = a.Signer(mustParse(t, armored), made)
			}
			if got != tt.want || tt.want == "" && (err == nil || !strings.Contains(err.Error(), tt.reason)) {
				t.Errorf("signer %q, error %v; want %q, %q", got, err, tt.want, tt.reason)
			}
			cmd := exec.CommandContext(t.Context(), keygen, "-Y", "verify", "-f", list, "-I", "ann@example.org", "-n", Namespace,
				"-s", signature, "-Overify-time=20280901020000Z")
			cmd.Stdin = strings.NewReader(content)
			if out, err := cmd.CombinedOutput(); (err == nil) != (tt.want != "") {
				t.Errorf("ssh-keygen disagrees: %v\n%s", err, out)
			}
		})
	}
}

func TestAllowedSignersSyntax(t *testing.T) {
	_, file := newKey(t)
	s, err := Open(t.Context(), Source{File: file})
	if err != nil {
		t.Fatal(err)
	}
	key := s.Key().AuthorizedLine()
	for text, want := range map[string]string{
		"":                             "f:1: it names no signer",
		"# nobody\n":                   "f:1: it names no signer",
		"ann " + key + "\nbob":         "f:2: the line has no key",
		"ann ssh-ed25519 AAAA":         "f:1: the line has no key that can be read",
		"\n\n" + key:                   "f:3: the line has no key",
		`ann namespace="x" ` + key:     `f:1: the option "namespace" is not known`,
		`ann namespaces="" ` + key:     `f:1: the option namespaces cannot have the value ""`,
		`ann valid-after="now" ` + key: `f:1: the option valid-after cannot have the value "now"`,
		`ann valid-after="20280902",valid-before="20280901" ` + key: "f:1: valid-before is not later",
	} {
		_, err := ParseAllowedSigners("f", []byte(text), time.UTC)
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: error %v, want %q", text, err, want)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	_, file := newKey(t)
	s, err := Open(t.Context(), Source{File: file})
	if err != nil {
		t.Fatal(err)
	}
	armored, err := s.Sign(t.Context(), strings.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"nothing": "", "text": "hello", "cut": string(armored[:len(armored)/2]),
		"more": string(armored) + string(armored), "long": strings.Repeat("x", MaxSize+1),
		"other PEM": strings.ReplaceAll(string(armored), "SSH SIGNATURE", "CERTIFICATE"),
	} {
		if _, err := Parse([]byte(text)); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// FuzzParse: whatever a signature or a list holds, it is refused or read, and
// no content but its own is accepted.
func FuzzParse(f *testing.F) {
	f.Add([]byte("-----BEGIN SSH SIGNATURE-----\nU1NIU0lH\n-----END SSH SIGNATURE-----\n"), `ann namespaces="a*,!b" ssh-ed25519 AAAA`)
	f.Fuzz(func(t *testing.T, armored []byte, list string) {
		if s, err := Parse(armored); err == nil {
			if s.Verify(strings.NewReader("no such content")) == nil {
				t.Error("a signature of anything")
			}
		}
		_, _ = ParseAllowedSigners("f", []byte(list), time.UTC)
	})
}
