package dirstore

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"cvarchive/manifest/testenv"
)

// inNamespace is set for the child process that may mount.
const inNamespace = "CVARCHIVE_TEST_MOUNT_NAMESPACE"

// TestFullDisk fills a real file system of 1 MiB. The test runs again in a
// child with a mount namespace of its own, where a tmpfs can be mounted
// without anybody else noticing.
func TestFullDisk(t *testing.T) {
	if os.Getenv(inNamespace) == "" {
		rerunInNamespace(t)
		return
	}
	root := t.TempDir()
	if err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
		t.Fatalf("make mounts private: %v", err)
	}
	if err := syscall.Mount("tmpfs", root, "tmpfs", 0, "size=1m"); err != nil {
		t.Fatalf("mount a tmpfs: %v", err)
	}
	defer syscall.Unmount(root, syscall.MNT_DETACH)

	s := newStore(t, filepath.Join(root, "vault"))
	if err := s.Create(t.Context(), "a/fits", strings.NewReader("small")); err != nil {
		t.Fatal(err)
	}
	err := s.Create(t.Context(), "a/too-large", strings.NewReader(strings.Repeat("x", 2<<20)))
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("on a full disk: %v", err)
	}
	if want := "no space is left for it; free some and run again"; !strings.Contains(err.Error(), want) {
		t.Errorf("%q does not say %q", err, want)
	}
	if _, err := s.Stat(t.Context(), "a/too-large"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("after the disk was full: %v", err)
	}
	if left := tree(t, root); len(left) != 3 { // vault, vault/a, vault/a/fits
		t.Errorf("a full disk leaves %v", left)
	}
	if err := s.Create(t.Context(), "a/fits-too", strings.NewReader(strings.Repeat("x", 512<<10))); err != nil {
		t.Errorf("the space was not given back: %v", err)
	}
}

func rerunInNamespace(t *testing.T) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, "-test.run=^TestFullDisk$", "-test.v")
	cmd.Env = append(os.Environ(), inNamespace+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS}
	if os.Getuid() != 0 {
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
	}
	out, err := cmd.CombinedOutput()
	if errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EINVAL) ||
		strings.Contains(string(out), "operation not permitted") || strings.Contains(string(out), "permission denied") {
		testenv.Missing(t, "this system gives tests no mount namespace")
	}
	if err != nil || !strings.Contains(string(out), "--- PASS: TestFullDisk") {
		t.Fatalf("in the namespace: %v\n%s", err, out)
	}
}
