package main

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"cvarchive/manifest/testenv"
)

const goldenDir = "../../testdata/archives"

// goldenDigests are those of all golden files but the objects of vaults, whose
// names say them. They are made once and never again.
var goldenDigests = map[string]string{
	"allowed_signers":     "3a98b2eec5add7b97e0e3dbd3dc9f23d4f5ed9bf20904f2e57c9b754520496b0",
	"identity.txt":        "91f794ccadaad386b67410997baba0ca7f0e4142f7123a5a0812a21e07190dd8",
	"v1.0.bundle.tar.zst": "3e818ddbc3dc4259122732cf427a4d97b7d5bcc8d60b914aaba246bf0d0825f4",
	"v1.0.tar.zst":        "6be2272434ffbb7f444484b13cb24c59201e4149b9f6b67ca5c2a8b860307025",
	"v1.0/cvarchive.json": "39b199e500588e0cf84daf44d9641e57f72fe1f409894c2aedef96511b0e1ab9",
	"v1.0/archives/west/20261124T193413Z-5694ae65.tar.zst":     "d1f6be072ee993aed0e654289fee56bd1e8b8fac5b56897110253f0fdc54bfd5",
	"v1.0/archives/west/20261124T193416Z-dc61dea9.tar.zst":     "dbbd72b5026fdf6d21b1636559d8f10bbf6aaea94d2a9c60d610623bd3a6a79e",
	"v1.0/archives/west/20261124T193416Z-dc61dea9.tar.zst.sig": "e43a7b9c6da8b8576924f18843c132246ae5450e5d90990c303ca3c16945acf0",
}

// TestGoldenFiles: nothing of what released versions wrote is changed.
func TestGoldenFiles(t *testing.T) {
	left := map[string]bool{}
	for name := range goldenDigests {
		left[name] = true
	}
	err := filepath.WalkDir(goldenDir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || d.Name() == "README.md" {
			return err
		}
		name, err := filepath.Rel(goldenDir, path)
		if err != nil {
			return err
		}
		name = filepath.ToSlash(name)
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		sum := sha256.Sum256(data)
		want, known := goldenDigests[name]
		if !known && strings.Contains(name, "/objects/sha256/") {
			want, _, _ = strings.Cut(filepath.Base(name), ".")
		}
		if got := hex.EncodeToString(sum[:]); got != want {
			t.Errorf("%s is %s, and must be %q", name, got, want)
		}
		delete(left, name)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for name := range left {
		t.Errorf("%s is not there any more", name)
	}
}

// golden is a copy of the golden files, so that nothing writes among them.
func golden(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(goldenDir)); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestGoldenRead: this version reads what released versions wrote.
func TestGoldenRead(t *testing.T) {
	dir := golden(t)
	for _, line := range []string{
		"inspect v1.0.tar.zst --json",
		"verify v1.0.tar.zst",
		"list --vault v1.0 --json",
		"inspect west/latest --vault v1.0 --json",
		"verify --all --read-data --state state --chain --vault v1.0",
		"verify west/latest --allowed-signers allowed_signers --vault v1.0",
		"verify v1.0.bundle.tar.zst --allowed-signers allowed_signers",
		"unbundle v1.0.bundle.tar.zst --vault new",
		"verify --all --allowed-signers allowed_signers --vault new",
	} {
		var stdout, stderr bytes.Buffer
		t.Chdir(dir)
		status := run(t.Context(), strings.Fields(line), process{stdin: strings.NewReader(""), stdout: &stdout, stderr: &stderr, lookupEnv: func(string) (string, bool) { return "", false }})
		if status != exitDone || strings.Contains(line, "allowed-signers") && !strings.Contains(stdout.String(), "signed by golden@example.org") {
			t.Errorf("%s: status %d\n%s%s", line, status, &stdout, &stderr)
		}
	}
}

// goldenReadable are the golden files that docs/read_archive.py is held
// against: how many projects and images it must list, and whether the bytes are
// there.
var goldenReadable = []struct {
	file     string
	identity string
	projects int
	images   int
	bytes    bool
}{
	{"v1.0.tar.zst", "", 2, 28, false},
	{"v1.0/archives/west/20261124T193413Z-5694ae65.tar.zst", "", 3, 20, true},
	{"v1.0/archives/west/20261124T193416Z-dc61dea9.tar.zst", "", 3, 20, true},
	{"v1.0.bundle.tar.zst", "", 3, 20, true},
}

// TestPythonReader: the reader of the documentation reads every golden file,
// and stays a short one.
func TestPythonReader(t *testing.T) {
	python := testenv.Program(t, "python3")
	testenv.Program(t, "zstd")
	testenv.Program(t, "age")
	script, err := filepath.Abs("../../docs/read_archive.py")
	if err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(script); err != nil || bytes.Count(text, []byte("\n")) >= 80 {
		t.Errorf("%d lines, %v; want less than 80", bytes.Count(text, []byte("\n")), err)
	}
	dir := golden(t)
	read := func(args ...string) (string, error) {
		cmd := exec.CommandContext(t.Context(), python, append([]string{script}, args...)...)
		cmd.Dir, cmd.Env = dir, append(os.Environ(), "PYTHONUTF8=1")
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		if err != nil {
			err = fmt.Errorf("%w\n%s", err, &stderr)
		}
		return string(out), err
	}
	for _, tt := range goldenReadable {
		t.Run(tt.file, func(t *testing.T) {
			var args []string
			if tt.identity != "" {
				args = []string{"-i", tt.identity}
			}
			out, err := read(append(args, tt.file)...)
			if err != nil {
				t.Fatal(err)
			}
			projects, images := 0, [][]string{}
			for line := range strings.Lines(out) {
				if strings.HasPrefix(line, "  ") {
					images = append(images, strings.Fields(line))
				} else {
					projects++
				}
			}
			if projects != tt.projects || len(images) != tt.images {
				t.Fatalf("%d projects, %d images, want %d and %d\n%s", projects, len(images), tt.projects, tt.images, out)
			}
			image := images[len(images)-1]
			_, err = read(append(args, tt.file, strings.ToUpper(image[0]), "image")...)
			if !tt.bytes {
				if err == nil {
					t.Error("bytes that are nowhere were written")
				}
				return
			}
			data, failed := os.ReadFile(filepath.Join(dir, "image"))
			if err != nil || failed != nil {
				t.Fatal(err, failed)
			}
			if sum := sha256.Sum256(data); hex.EncodeToString(sum[:]) != strings.Split(image[1], ".")[0] {
				t.Errorf("what was written is %x, and the record says %s", sum, image[1])
			}
			if _, err := read(append(args, tt.file, "00000000-0000-4000-8000-000000000000", "none")...); err == nil {
				t.Error("an image that is not there was written")
			}
		})
	}

	// It refuses what it cannot know, and what was altered.
	for text, want := range map[string]string{
		`{"formatVersion":"1.9","members":[],"new":1}`:                                           "",
		`{"formatVersion":"2.0","members":[]}`:                                                   "this reads format 1",
		`{"formatVersion":"1.9","members":[],"requires":[{"feature":"deltas","since":"2.0.0"}]}`: "deltas",
		`{"formatVersion":"1.0","members":[{"name":"README","sha256":"00"}]}`:                    "was altered",
	} {
		if err := os.WriteFile(filepath.Join(dir, "changed"), smallArchive(t, text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := read("changed")
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}

// smallArchive is what is needed of an archive by somebody who reads it with
// plain tools.
func smallArchive(t *testing.T, manifest string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, m := range [][2]string{{"README", "hello\n"}, {"manifest.json", manifest}} {
		err := w.WriteHeader(&tar.Header{Name: m[0], Size: int64(len(m[1])), Mode: 0o644})
		if err == nil {
			_, err = w.Write([]byte(m[1]))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	e, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	return e.EncodeAll(b.Bytes(), nil)
}
