package verify_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"cvarchive/archive/sign"
	"cvarchive/archive/vault"
	"cvarchive/archive/vault/vaulttest"
	"cvarchive/archive/verify"
	"cvarchive/manifest"
)

// newSigner makes a key.
func newSigner(t *testing.T) *sign.Signer {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(private, "")
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := sign.Open(t.Context(), sign.Source{File: file})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func allow(t *testing.T, lines ...string) *sign.AllowedSigners {
	t.Helper()
	a, err := sign.ParseAllowedSigners("allowed", []byte(strings.Join(lines, "\n")), time.UTC)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestSignature(t *testing.T) {
	ann, bob := newSigner(t), newSigner(t)
	annLine, bobLine := "ann@example.org "+ann.Key().AuthorizedLine(), "bob@example.org "+bob.Key().AuthorizedLine()
	sign := func(t *testing.T, s *vaulttest.Memory, a vault.Archive, key *sign.Signer) []byte {
		sig, err := key.Sign(t.Context(), bytes.NewReader(s.Bytes(a.Path)))
		if err != nil {
			t.Fatal(err)
		}
		return sig
	}
	for _, tt := range []struct {
		name    string
		prepare func(t *testing.T, s *vaulttest.Memory, a vault.Archive)
		allowed []string
		signer  string // of the report
		want    string // the only problem; empty: none
	}{
		{name: "unsigned, and nobody asks"},
		{name: "unsigned", allowed: []string{annLine}, want: "signature: the archive is not signed; "},
		{name: "allowed", allowed: []string{bobLine, annLine}, signer: "ann@example.org", prepare: func(t *testing.T, s *vaulttest.Memory, a vault.Archive) {
			s.Put(a.SignaturePath(), sign(t, s, a, ann))
		}},
		{name: "signed, and nobody asks", prepare: func(t *testing.T, s *vaulttest.Memory, a vault.Archive) {
			s.Put(a.SignaturePath(), sign(t, s, a, ann))
		}},
		{name: "by another", allowed: []string{bobLine}, want: "which allowed does not list", prepare: func(t *testing.T, s *vaulttest.Memory, a vault.Archive) {
			s.Put(a.SignaturePath(), sign(t, s, a, ann))
		}},
		{name: "when the key was no more", allowed: []string{`ann valid-before="20261124Z" ` + ann.Key().AuthorizedLine()}, want: "allows before 2026-11-24", prepare: func(t *testing.T, s *vaulttest.Memory, a vault.Archive) {
			s.Put(a.SignaturePath(), sign(t, s, a, ann))
		}},
		{name: "no signature", want: "is no signature", prepare: func(t *testing.T, s *vaulttest.Memory, a vault.Archive) {
			s.Put(a.SignaturePath(), []byte("trust me"))
		}},
		{name: "of another archive", allowed: []string{annLine}, want: "not the signature of this content", prepare: func(t *testing.T, s *vaulttest.Memory, a vault.Archive) {
			s.Put(a.SignaturePath(), sign(t, s, addArchive(t, s, "0123abce", nil), ann))
		}},
		// What agrees with itself, and only the signature tells.
		{name: "rewritten", allowed: []string{annLine}, want: "not the signature of this content", prepare: func(t *testing.T, s *vaulttest.Memory, a vault.Archive) {
			s.Put(a.SignaturePath(), sign(t, s, a, ann))
			s.Put(a.Path, archiveFile(t, vaulttest.Init(t, s), a.ID, func(m *manifest.Manifest) { m.Tool.Name = "forger" }))
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, a := vaultWithArchive(t)
			if tt.prepare != nil {
				tt.prepare(t, s, a)
			}
			opt := verify.Options{}
			if tt.allowed != nil {
				opt.Signers = allow(t, tt.allowed...)
			}
			report, err := verify.Archive(t.Context(), vaulttest.Init(t, s), a, opt)
			if err != nil {
				t.Fatal(err)
			}
			check := func(where string, r *verify.Report) {
				t.Helper()
				found, signer := "", ""
				for _, p := range r.Problems {
					found += string(p.Kind) + " " + p.String() + "\n"
				}
				if r.SignedBy != nil {
					signer = r.SignedBy.Signers
				}
				switch {
				case signer != tt.signer, (found == "") != (tt.want == ""), !strings.Contains(found, tt.want), strings.Count(found, "\n") > 1:
					t.Errorf("%s: signed by %q, problems %q; want %q, %q", where, signer, found, tt.signer, tt.want)
				case tt.want == "" && (s.Bytes(a.SignaturePath()) != nil) != (r.SignedBy != nil):
					t.Errorf("%s: signed by %+v", where, r.SignedBy)
				}
			}
			check("in the vault", report)
			file := s.Bytes(a.Path)
			report, err = verify.File(t.Context(), bytes.NewReader(file), int64(len(file)), "lone", s.Bytes(a.SignaturePath()), opt)
			if err != nil {
				t.Fatal(err)
			}
			check("alone", report)
		})
	}
}
