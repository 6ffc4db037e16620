package seal_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"filippo.io/age"

	"cvarchive/archive/seal"
	"cvarchive/manifest"
	"cvarchive/manifest/testenv"
)

const token = "https://irisstorage.example/x?sig=TOKENSECRET&se=2028-09-02"

// keyPair is a public key and the identity file of its private one.
type keyPair struct {
	public, name, private string
	passphrase            string
}

func ageKey(t *testing.T) keyPair {
	k, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	return keyPair{public: k.Recipient().String(), name: "key.txt", private: "# created: today\n\n" + k.String() + "\r\n"}
}

func quantumKey(t *testing.T) keyPair {
	k, err := age.GenerateHybridIdentity()
	if err != nil {
		t.Fatal(err)
	}
	return keyPair{public: k.Recipient().String(), name: "pq.txt", private: k.String()}
}

func sshKey(t *testing.T, kind, passphrase string) keyPair {
	path := filepath.Join(t.TempDir(), "id")
	out, err := exec.Command(testenv.Program(t, "ssh-keygen"), "-q", "-t", kind, "-b", "2048", "-a", "1", "-C", "auditor@example", "-N", passphrase, "-f", path).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return keyPair{public: read(t, path+".pub"), name: path, private: read(t, path), passphrase: passphrase}
}

// protectedKey is an age identity file behind a passphrase, as age -p makes it.
func protectedKey(t *testing.T) keyPair {
	k := ageKey(t)
	r, err := age.NewScryptRecipient("open sesame")
	if err != nil {
		t.Fatal(err)
	}
	r.SetWorkFactor(10)
	var b bytes.Buffer
	w, err := age.Encrypt(&b, r)
	if err == nil {
		fmt.Fprint(w, k.private)
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	k.private, k.passphrase = b.String(), "open sesame"
	return k
}

func read(t *testing.T, path string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func recipients(t *testing.T, texts ...string) seal.Recipients {
	t.Helper()
	r, err := seal.ParseRecipients(texts)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// identities parses a key pair's private half; asked counts the questions.
func identities(t *testing.T, k keyPair, passphrase string, asked *int) seal.Identities {
	t.Helper()
	ids, err := seal.ParseIdentities(k.name, []byte(k.private), func(string) ([]byte, error) {
		*asked++
		return []byte(passphrase), nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return ids
}

// TestEveryKind seals to each kind of key and opens with its private one, and
// not with another's.
func TestEveryKind(t *testing.T) {
	stranger, none := ageKey(t), 0
	for name, k := range map[string]keyPair{
		"X25519": ageKey(t), "post-quantum": quantumKey(t), "age with a passphrase": protectedKey(t),
		"SSH Ed25519": sshKey(t, "ed25519", ""), "SSH RSA": sshKey(t, "rsa", ""), "SSH with a passphrase": sshKey(t, "ed25519", "open sesame"),
	} {
		t.Run(name, func(t *testing.T) {
			sealed, err := recipients(t, k.public).SealText(manifest.NewSecret(token))
			if err != nil {
				t.Fatal(err)
			}
			asked := 0
			ids := identities(t, k, k.passphrase, &asked)
			for range 2 {
				got, err := ids.OpenText(sealed)
				if err != nil || got.Reveal() != token {
					t.Fatalf("opened %q, %v", got.Reveal(), err)
				}
			}
			if want := min(len(k.passphrase), 1); asked != want {
				t.Errorf("asked %d times, want %d", asked, want)
			}
			if _, err := identities(t, stranger, "", &none).OpenText(sealed); !errors.Is(err, seal.ErrNoMatch) {
				t.Errorf("a stranger: %v", err)
			}
			if _, err := (seal.Identities{}).OpenText(sealed); !errors.Is(err, seal.ErrNoMatch) {
				t.Errorf("nobody: %v", err)
			}
			if k.passphrase != "" {
				if _, err := identities(t, k, "wrong", &none).OpenText(sealed); err == nil || errors.Is(err, seal.ErrNoMatch) || strings.Contains(err.Error(), "wrong") {
					t.Errorf("a wrong passphrase: %v", err)
				}
			}
			if _, err := ids.OpenText(strings.Replace(sealed, "\n", "\nAAAA", 3)); err == nil {
				t.Error("a changed text was opened")
			}
			if _, err := ids.OpenText(sealed[:len(sealed)/2]); err == nil {
				t.Error("half a text was opened")
			}
		})
	}
}

// TestAgeTool opens with the age command what was sealed here, to several
// recipients at once.
func TestAgeTool(t *testing.T) {
	tool := testenv.Program(t, "age")
	one, two := ageKey(t), sshKey(t, "ed25519", "")
	sealed, err := recipients(t, one.public, two.public, one.public).SealText(manifest.NewSecret(token))
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range []keyPair{one, two} {
		key := filepath.Join(t.TempDir(), "key")
		if err := os.WriteFile(key, []byte(k.private), 0o600); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(tool, "--decrypt", "-i", key)
		cmd.Stdin = strings.NewReader(sealed)
		if out, err := cmd.CombinedOutput(); err != nil || string(out) != token {
			t.Errorf("age: %q, %v", out, err)
		}
	}
}

// TestRefused gives what is no key, or not the one that is wanted: the error
// says so, and repeats none of it.
func TestRefused(t *testing.T) {
	k, pq := ageKey(t), quantumKey(t)
	private := strings.TrimSpace(k.private[strings.Index(k.private, "AGE-"):])
	for _, tt := range []struct{ text, want string }{
		{private, "private key"}, {strings.ToLower(private), "private key"},
		{"-----BEGIN OPENSSH PRIVATE KEY-----\nSECRET", "private key"},
		{k.public[:40], "malformed"}, {k.public + "\n" + k.public, "one line"},
		{"age1yubikey1qwerty", "plugin"}, {"ssh-dss AAAA", "malformed"}, {"SECRETWORD", "no public key"}, {"", "no public key"},
	} {
		_, err := seal.ParseRecipient(tt.text)
		if err == nil || !strings.Contains(err.Error(), tt.want) || tt.text != "" && strings.Contains(err.Error(), strings.Fields(tt.text)[0]) || strings.Contains(err.Error(), "SECRET") {
			t.Errorf("%q: %v, want %q", tt.text, err, tt.want)
		}
	}
	if _, err := seal.ParseRecipients([]string{k.public, pq.public}); err == nil || !strings.Contains(err.Error(), "mixed") {
		t.Errorf("mixed kinds: %v", err)
	}
	for _, tt := range []struct{ content, want string }{
		{k.public, "line 1 is a public key"}, {"# nothing\n", "no private key"}, {"\nSECRETWORD", "line 2 is no private key"},
		{private[:30], "line 1 is a malformed"}, {"AGE-PLUGIN-X-1QQ", "plugin"}, {"-----BEGIN SECRET-----\nx", "no SSH private key"},
		{strings.Repeat("#", seal.MaxIdentityFile+1), "larger than 1 MiB"},
	} {
		_, err := seal.ParseIdentities("FILE", []byte(tt.content), nil)
		if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), "FILE") || strings.Contains(err.Error(), "SECRET") {
			t.Errorf("%.20q: %v, want %q", tt.content, err, tt.want)
		}
	}
}

// TestIdentitiesStayHidden prints identities in every way there is.
func TestIdentitiesStayHidden(t *testing.T) {
	k, n := ageKey(t), 0
	ids := identities(t, k, "", &n)
	text, err := json.Marshal(map[string]any{"a": ids, "b": &ids})
	if err != nil {
		t.Fatal(err)
	}
	all := fmt.Sprintf("%v %+v %#v %s %q %d %x %s %v", ids, ids, ids, ids, ids, ids, &ids, text, ids.LogValue())
	if strings.ReplaceAll(all, "[redacted]", "") == all || strings.Contains(all, "SECRET") || strings.ContainsAny(strings.ReplaceAll(all, "[redacted]", ""), "0123456789") {
		t.Error(all)
	}
}

// TestSealedSize: the size of what is sealed follows from that of its content,
// whatever the keys, and reading at any place gives the content.
func TestSealedSize(t *testing.T) {
	one, rsa, ed, pq := ageKey(t), sshKey(t, "rsa", ""), sshKey(t, "ed25519", ""), quantumKey(t)
	for name, to := range map[string]seal.Recipients{
		"one": recipients(t, one.public), "several": recipients(t, one.public, rsa.public, ed.public, ageKey(t).public), "post-quantum": recipients(t, pq.public, quantumKey(t).public),
	} {
		for _, size := range []int{0, 1, 64<<10 - 1, 64 << 10, 64<<10 + 1, 300_000} {
			content := bytes.Repeat([]byte("sixteen bytes ok"), size/16+1)[:size]
			var b bytes.Buffer
			w, err := to.Encrypt(&b)
			if err == nil {
				_, err = w.Write(content)
				err = errors.Join(err, w.Close())
			}
			if err != nil || int64(b.Len()) != to.SealedSize(int64(size)) {
				t.Errorf("%s, %d bytes: %d sealed, want %d; %v", name, size, b.Len(), to.SealedSize(int64(size)), err)
			}
			if name != "one" {
				continue
			}
			n := 0
			plain, length, err := identities(t, one, "", &n).DecryptReaderAt(bytes.NewReader(b.Bytes()), int64(b.Len()))
			if err != nil || length != int64(size) {
				t.Fatalf("%d bytes of %d, %v", length, size, err)
			}
			got := make([]byte, size/2)
			if _, err := plain.ReadAt(got, int64(size/3)); err != nil || !bytes.Equal(got, content[size/3:][:size/2]) {
				t.Errorf("%d bytes: reading in the middle: %v", size, err)
			}
		}
	}
}

// TestKey: a key of our own reads back from its text, and from a file with
// comments, and never shows.
func TestKey(t *testing.T) {
	for _, quantum := range []bool{false, true} {
		k, err := seal.NewKey(quantum)
		if err != nil {
			t.Fatal(err)
		}
		again, err := seal.ParseKey(manifest.NewSecret("# a comment\n" + k.Text().Reveal() + "\n"))
		if err != nil || again.Text() != k.Text() || again.To.PostQuantum() != quantum {
			t.Errorf("read back: %v", err)
		}
		if shown := fmt.Sprintf("%v %+v %#v %s", k, k, k, k); strings.Contains(shown, "AGE-") || strings.Contains(shown, "age1") {
			t.Error(shown)
		}
		for _, bad := range []string{"", "SECRETWORD", k.Text().Reveal() + "\n" + k.Text().Reveal(), k.Text().Reveal()[:40]} {
			if _, err := seal.ParseKey(manifest.NewSecret(bad)); err == nil || strings.Contains(err.Error(), "SECRETWORD") {
				t.Errorf("a bad key: %v", err)
			}
		}
	}
}
