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
// names say them where they are not encrypted. They are made once and never again.
var goldenDigests = map[string]string{
	"v1.0-empty.tar.zst":            "9a9908f39a2e46c7e0fbdf80fa7529688dfe40e7332c5b21eb98ae204e329d59",
	"allowed_signers":               "ea6293901a5201881f5bbf38d132076ca687a8f622eadbddb498ccbe94773948",
	"identity.txt":                  "91f794ccadaad386b67410997baba0ca7f0e4142f7123a5a0812a21e07190dd8",
	"naming.key":                    "35d2718fbadfea92799029308a550a8c16c771e75f8e0fcc5d8b28b093978b18",
	"v1.0.bundle.tar.zst":           "3e818ddbc3dc4259122732cf427a4d97b7d5bcc8d60b914aaba246bf0d0825f4",
	"v1.0.tar.zst":                  "6be2272434ffbb7f444484b13cb24c59201e4149b9f6b67ca5c2a8b860307025",
	"v1.0-lists.tar.zst":            "6f2b8b9df7975f719d3abb0d7ccbdf35e0fb21f4310db526d26bbc0d28feb7cc",
	"v1.0/cvarchive.json":           "39b199e500588e0cf84daf44d9641e57f72fe1f409894c2aedef96511b0e1ab9",
	"v1.0-encrypted/cvarchive.json": "f1a5e9201dd29a27e15ddc2c6c7131ef09c89f8a7b1cfe8b046925d41b4fed0a",
	"v1.0-encrypted/archives/west/20261124T194615Z-874079e4.tar.zst.age":                                  "13677dfc8e4e87cd8141aa67724ccce279857aaae1f4cb38b4690ba7100c2d53",
	"v1.0-encrypted/archives/west/20261124T194615Z-874079e4.tar.zst.age.sig":                              "42bfb8aa4b17899a946b0644356d4b632af92fcb4877757d532334aa35e4addc",
	"v1.0-encrypted/index/west/20261124T194615Z-874079e4-568081bb02ebded3.age":                            "67f6406fbb04d82724eadff92fda1f22ef44de73f25562bca62fc18625dcae56",
	"v1.0-encrypted/objects/hmac/04/0411797c426beaaff614fba3ba3f58bcff35b71a2d3df565b8ae0e22d9a78e9b.age": "0ce0f7360ac31c517cac91b31e0157ed386f2c7f2da2a5bf4f0f19cbbdd0600a",
	"v1.0-encrypted/objects/hmac/07/071a6321a46da045ef5d814b21334a498b1bbb840fc3b880bd96653a3717012e.age": "2a2e2e740f57e0e1ffe32d78d0761e47a12ce6499ab420bfe08cdbf6c5320dfc",
	"v1.0-encrypted/objects/hmac/07/072e67f2af72a40ec2bde82cfa74a5b7a64dd379524609484c4a27dadda7b0ee.age": "ea453587ca5812c3a656739cf9576a4c779ed5041033033d2ca4d1ddff602d4a",
	"v1.0-encrypted/objects/hmac/1f/1fea02fa64ec236e3105ae2a985a2b75be42e26e0e7fe9d38b494a1b3d7558f4.age": "db139b264a016571974c8b5a571a53ac53b0b1a67dcbe766c9959c205e09851d",
	"v1.0-encrypted/objects/hmac/31/31db3d808fc49aaeace132a857da11650baaa3b305b0380985cd7ea27fec18d1.age": "b4c438b6fa9c215eefc0b4a30ba53d2c517b2a778196000e0aad0daebc522abd",
	"v1.0-encrypted/objects/hmac/35/35004dddad90e7cd097aa6a8f47ac956bd1442835ef6fb6e9656a59e54a0987f.age": "8c5c26ff084d31932ec813da6a8c4e3333e9e3f173207b6e9cbae274ac6324e1",
	"v1.0-encrypted/objects/hmac/37/37bc64c766e2e63ab34970b80d7130b4732950e5cfd64cc5ffc46f4527867171.age": "9038770b2144e1452e6feef241c834e45a3911b45d8cf9be72fe59c93254e0f5",
	"v1.0-encrypted/objects/hmac/3c/3c146daa627d2ba0f69324cc6c42e24b9f7d32fc932694c05b6169623552dda0.age": "cc28bd70fc816e6c7cec0492d16debd09722f7cc30016321aefa438c3051fb0f",
	"v1.0-encrypted/objects/hmac/3f/3f3a250152daae3181946cde6ff2a02d99dc8c235860dd2085e1934dbd9e66d1.age": "757f411be8bef1dbd2abef6e4d502d11b8e8c19192add1f51112aea94d88e7bc",
	"v1.0-encrypted/objects/hmac/47/475ffa73092fa92a4de7277be372f1b9dc11d4235db68251b3f8bcc87e97539c.age": "1cde481081cd44d97689000645f39746af2e575b23c64e2ba197576b75e50ee0",
	"v1.0-encrypted/objects/hmac/51/515bb6f6adc4e7b85e6fc9d4e0d68b717f192d59607c0ffe603bfc9886245881.age": "4838d11ecb137c4aa65909bec3ffcb80af3351f7b12b6653f5a5f57be20df038",
	"v1.0-encrypted/objects/hmac/5f/5f061da9cd76b47571f2f9bd17633506671cfbfa373be4fb5b868e1320b1f8f5.age": "fc6804759634d2c6d63d9b0768e172f493da3cefbc55b589713a69747fe0821a",
	"v1.0-encrypted/objects/hmac/74/740bc89fc4b113472c4b5a427e454850e7e354939f687320701d7ea48bec9d62.age": "e140f5608ce3cdc1363d6dbe5df8dd99bf312cbb62ae5117d856068fd6d5fd40",
	"v1.0-encrypted/objects/hmac/a1/a1a3d7c7d09824f131be058fce1d2310935a3f5302b2c81a4403e0484280e248.age": "923fdb9006cb73a432340151268f31127ad29fa4b0a17943316394a71ac3c23c",
	"v1.0-encrypted/objects/hmac/a6/a614ebb0ae11c417f39aff518c0e6353927a048e43aebb51e758943894ba4bcb.age": "8d3d2fa29ac777a024f9c26860579f455e52fdfd8d44f2a24d8be032b090e07f",
	"v1.0-encrypted/objects/hmac/af/af0130770e763a70c45f855bffe93e45d6bac7f52dca0abe69232609935219c8.age": "5f84da0366db66fa2801a9d2e24ec74494f46c2f145e066baf8b8ec1a6b8538f",
	"v1.0-encrypted/objects/hmac/e7/e75c4f29936379be962a268d89e89a30b4cba42722046e66decbc4b62ce397d3.age": "818094063a9068e23469b531a96b27acd9c6aa0162cb3c75585177f7f260958c",
	"v1.0-encrypted/objects/hmac/fb/fb54c38086c24e1efd5d14c46224e974c59b24911e58f05619c2fb5c1301c87e.age": "dd2a590e8f9f9850ed178b62c9fa0c7aeb0d8c7ce5b6d8bf7268408949d6544f",
	"v1.0-encrypted/objects/hmac/fc/fc6d0e8e35ebfcc15df8bf4b3c066275992d9eac1f145fe7b59628c9de57923d.age": "d4f64b09248d685289ffc8d662f7549f61e329653739b55aee844424d9775beb",
	"v1.0-encrypted/objects/hmac/ff/fffe9c07061070e14a73df430ce0c8982cf914322f7e8d9ad64378955683afee.age": "639a850288ce6b156c7e82f1be078344e0063b73716a1c6c256f8f49a960d204",
	"v1.0/archives/west/20261124T193413Z-5694ae65.tar.zst":                                                "d1f6be072ee993aed0e654289fee56bd1e8b8fac5b56897110253f0fdc54bfd5",
	"v1.0/archives/west/20261124T193416Z-dc61dea9.tar.zst":                                                "dbbd72b5026fdf6d21b1636559d8f10bbf6aaea94d2a9c60d610623bd3a6a79e",
	"v1.0/archives/west/20261124T193416Z-dc61dea9.tar.zst.sig":                                            "e43a7b9c6da8b8576924f18843c132246ae5450e5d90990c303ca3c16945acf0",
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
		"verify v1.0-lists.tar.zst",
		"diff v1.0-lists.tar.zst v1.0-lists.tar.zst",
		"verify v1.0-empty.tar.zst",
		"list --vault v1.0 --json",
		"inspect west/latest --vault v1.0 --json",
		"verify --all --read-data --state state --chain --vault v1.0",
		"verify west/latest --allowed-signers allowed_signers --vault v1.0",
		"list --vault v1.0-encrypted --identity identity.txt",
		"inspect west/latest --vault v1.0-encrypted --identity identity.txt --json",
		"verify --all --read-data --allowed-signers allowed_signers --state state --vault v1.0-encrypted --identity identity.txt",
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
	{"v1.0-lists.tar.zst", "", 2, 28, false},
	{"v1.0-empty.tar.zst", "", 0, 0, false},
	{"v1.0/archives/west/20261124T193413Z-5694ae65.tar.zst", "", 3, 20, true},
	{"v1.0/archives/west/20261124T193416Z-dc61dea9.tar.zst", "", 3, 20, true},
	{"v1.0.bundle.tar.zst", "", 3, 20, true},
	{"v1.0-encrypted/archives/west/20261124T194615Z-874079e4.tar.zst.age", "identity.txt", 3, 20, true},
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
			if len(images) == 0 {
				return
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
