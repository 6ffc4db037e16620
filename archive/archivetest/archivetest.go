// Package archivetest makes small archives for tests of what works on whole
// vaults.
package archivetest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"testing"
	"time"

	"cvarchive/archive"
	"cvarchive/archive/vault"
	"cvarchive/manifest"
)

// Archive describes an archive: of a source, at a time, with the pictures of
// its projects by text. The first picture of a project is a model.
type Archive struct {
	Source   string
	Created  time.Time
	ID       string // 8 hexadecimal digits
	Projects [][]string
	Outcome  manifest.Outcome // of every project; "": complete
	Parent   *manifest.Parent
}

// Object is the object of a picture.
func Object(text string) manifest.Object {
	data := Data(text)
	return manifest.Object{SHA256: sha256.Sum256(data), Size: int64(len(data)), Ext: "gif"}
}

// Data are the bytes of a picture.
func Data(text string) []byte { return []byte("GIF89a " + text) }

// Write returns the bytes of an archive. Its objects are not stored.
func Write(t testing.TB, a Archive) []byte {
	t.Helper()
	data, err := Bytes(a)
	if err != nil {
		t.Fatalf("write an archive: %v", err)
	}
	return data
}

// Bytes is [Write] for goroutines that are not the test's.
func Bytes(a Archive) ([]byte, error) {
	var file bytes.Buffer
	w, err := archive.NewWriter(&file, archive.WriterOptions{FrameSize: 4 << 10})
	if err != nil {
		return nil, err
	}
	for p, pictures := range a.Projects {
		if err := addProject(w, a, p, pictures); err != nil {
			return nil, err
		}
	}
	_, err = w.Close(manifest.Manifest{
		ID: a.ID, Source: manifest.Source{Name: a.Source, Endpoint: "https://example.test", APIVersion: "v3.3"},
		Tool: manifest.Tool{Name: "cvarchive", Version: "test"}, Started: a.Created, Finished: a.Created, Parent: a.Parent,
	})
	return file.Bytes(), err
}

func addProject(w *archive.Writer, a Archive, p int, pictures []string) error {
	spool, err := w.NewSpool()
	if err != nil {
		return err
	}
	members := archive.ProjectMembers{
		Project: manifest.Project{ID: ProjectID(p), Name: fmt.Sprint("project ", p)},
		Export:  manifest.Export{State: manifest.TokenNone},
	}
	for i, text := range pictures {
		o := Object(text)
		if i == 0 {
			members.Iterations = []manifest.Iteration{{
				ID: "cccccccc-0000-4000-8000-000000000001", Name: "it", Status: "Completed",
				Models: []manifest.ModelExport{{Platform: "ONNX", Status: manifest.ExportDone, Object: &o}},
			}}
			continue
		}
		if err := spool.Append(&manifest.Image{ID: fmt.Sprintf("bbbbbbbb-%04d-4000-8000-%012d", p, i), Object: &o}); err != nil {
			return err
		}
	}
	outcome := a.Outcome
	if outcome == "" {
		outcome = manifest.Complete
	}
	return w.AddProject(manifest.ProjectEntry{ID: ProjectID(p), Name: members.Project.Name, Outcome: outcome}, members, spool)
}

// ProjectID is the id of the project of a number.
func ProjectID(p int) string { return fmt.Sprintf("aaaaaaaa-0000-4000-8000-%012d", p) }

// Commit stores an archive and its objects in a vault.
func Commit(t testing.TB, v *vault.Vault, a Archive) vault.Archive {
	t.Helper()
	for _, pictures := range a.Projects {
		for _, text := range pictures {
			Put(t, v, text)
		}
	}
	stored, err := v.CommitArchive(t.Context(), a.Source, a.Created, a.ID, bytes.NewReader(Write(t, a)))
	if err != nil {
		t.Fatalf("commit an archive: %v", err)
	}
	return stored
}

// Put stores the object of a picture.
func Put(t testing.TB, v *vault.Vault, text string) {
	t.Helper()
	if _, err := v.PutObject(t.Context(), Object(text), bytes.NewReader(Data(text))); err != nil {
		t.Fatalf("store an object: %v", err)
	}
}

// Sound returns an error unless every archive of a vault can be read and every
// object that it names is there with its bytes.
func Sound(ctx context.Context, v *vault.Vault) error {
	archives, err := v.Archives(ctx)
	if err != nil {
		return err
	}
	for _, a := range archives {
		if err := sound(ctx, v, a); err != nil {
			return fmt.Errorf("archive %s: %w", a.Name, err)
		}
	}
	return nil
}

func sound(ctx context.Context, v *vault.Vault, a vault.Archive) error {
	f, err := v.OpenArchive(ctx, a)
	if err != nil {
		return err
	}
	defer f.Close()
	r, err := archive.NewReader(f, f.Size())
	if err != nil {
		return err
	}
	for o, err := range r.Objects(ctx) {
		if err != nil {
			return err
		}
		body, err := v.OpenObject(ctx, o)
		if err != nil {
			return err
		}
		_, err = io.Copy(io.Discard, body)
		body.Close()
		if err != nil {
			return err
		}
	}
	return nil
}

// Signer signs by repeating the digest of the content, or fails with Err.
type Signer struct {
	Name string
	Err  error
}

// Sign implements [vault.Signer].
func (s Signer) Sign(_ context.Context, content io.Reader) ([]byte, error) {
	h := sha256.New()
	if _, err := io.Copy(h, content); err != nil {
		return nil, err
	}
	return fmt.Appendf(nil, "%s signs %x", s.Name, h.Sum(nil)), s.Err
}

// DigestOf is the digest of bytes.
func DigestOf(data []byte) manifest.Digest { return sha256.Sum256(data) }
