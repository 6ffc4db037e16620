package azurite

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/sas"

	"cvarchive/manifest/testenv"
)

// Version of Azurite that the tests are made for.
const Version = "3.37.0"

// startTime bounds the start; npx may have to download.
const startTime = 2 * time.Minute

// Account is the name of the only account that a server has.
const Account = "devstoreaccount1"

// Server is a running emulator.
type Server struct {
	URL              string // of the account: http://127.0.0.1:PORT/devstoreaccount1
	Key              string // of the account, random
	ConnectionString string

	client *http.Client // trusts the certificate; nil: the default one
}

// Options change how an emulator is started.
type Options struct {
	// CertFile and KeyFile (PEM) make it speak https, with bearer tokens
	// beside keys and SAS. The tokens' signatures are not checked.
	CertFile, KeyFile string
	// Client trusts the certificate.
	Client *http.Client
	// WellKnown has it listen where programs of others look for an emulator,
	// on port 10000, with the key that Azurite's documentation gives. Only one
	// such can run on a machine.
	WellKnown bool
}

// wellKnownPort and wellKnownKey are those of every emulator that was started
// without options.
const (
	wellKnownPort = "10000"
	wellKnownKey  = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
)

// Start starts an emulator that ends with the test.
func Start(t testing.TB) *Server { return StartWith(t, Options{}) }

// StartWith starts an emulator with options.
func StartWith(t testing.TB, o Options) *Server {
	t.Helper()
	s, stop, err := Launch(t.TempDir(), o)
	if errors.Is(err, ErrMissing) {
		testenv.Missing(t, err.Error())
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	return s
}

// ErrMissing means that the emulator is not installed.
var ErrMissing = errors.New("azurite is not installed (npm install -g azurite@" + Version + ")")

// Launch starts an emulator for programs that are no tests, with a folder to
// run in. Stop ends it.
func Launch(dir string, o Options) (s *Server, stop func(), err error) {
	port, key := "0", randomKey()
	if o.WellKnown {
		port, key = wellKnownPort, wellKnownKey
	}
	command, err := find()
	if err != nil {
		return nil, nil, err
	}
	args := append(command[1:], "--blobHost", "127.0.0.1", "--blobPort", port,
		"--inMemoryPersistence", "--silent", "--skipApiVersionCheck", "--disableTelemetry")
	if o.CertFile != "" {
		args = append(args, "--cert", o.CertFile, "--key", o.KeyFile, "--oauth", "basic")
	}
	cmd := exec.Command(command[0], args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "AZURITE_ACCOUNTS="+Account+":"+key)
	address, stop, err := run(cmd)
	if err != nil {
		return nil, nil, err
	}
	url := address + "/" + Account
	protocol, _, _ := strings.Cut(url, ":")
	return &Server{
		URL: url, Key: key, client: o.Client,
		ConnectionString: fmt.Sprintf("DefaultEndpointsProtocol=%s;AccountName=%s;AccountKey=%s;BlobEndpoint=%s;", protocol, Account, key, url),
	}, stop, nil
}

func randomKey() string {
	key := make([]byte, 64)
	rand.Read(key) // never fails
	return base64.StdEncoding.EncodeToString(key)
}

// find returns the command that runs the emulator.
func find() ([]string, error) {
	if path, err := exec.LookPath("azurite-blob"); err == nil {
		return []string{path}, nil
	}
	if path, err := exec.LookPath("azurite"); err == nil {
		return []string{path, "--queuePort", "0", "--tablePort", "0"}, nil
	}
	if npx, err := exec.LookPath("npx"); err == nil {
		command := []string{npx, "--yes", "--package", "azurite@" + Version, "azurite-blob"}
		if os.Getenv(testenv.NoSkip) != "" {
			return command, nil
		}
		// In its cache?
		command = append(command[:1:1], append([]string{"--offline"}, command[1:]...)...)
		if exec.Command(command[0], append(command[1:], "--version")...).Run() == nil {
			return command, nil
		}
	}
	return nil, ErrMissing
}

var listening = regexp.MustCompile(`listens on (https?://127\.0\.0\.1:\d+)`)

// run starts the command and waits until it says where it listens. Stop ends
// it, and what it started.
func run(cmd *exec.Cmd) (url string, stop func(), err error) {
	inGroup(cmd)
	out, err := cmd.StdoutPipe()
	if err != nil {
		return "", nil, fmt.Errorf("start azurite: %w", err)
	}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		return "", nil, fmt.Errorf("start azurite: %w", err)
	}
	ready := make(chan string, 1)
	var reading sync.WaitGroup
	reading.Go(func() {
		defer close(ready)
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			if m := listening.FindStringSubmatch(lines.Text()); m != nil {
				ready <- m[1]
				break
			}
		}
		_, _ = io.Copy(io.Discard, out)
	})
	stop = func() {
		killGroup(cmd)
		reading.Wait()
		_ = cmd.Wait() // it was killed
	}
	select {
	case url, ok := <-ready:
		if !ok {
			stop() // fills stderr
			return "", nil, fmt.Errorf("azurite ended before it listened: %s", stderr.String())
		}
		return url, stop, nil
	case <-time.After(startTime):
		stop()
		return "", nil, fmt.Errorf("azurite did not listen within %s", startTime)
	}
}

// ContainerURL makes a container and returns its URL, without a credential.
func (s *Server) ContainerURL(t testing.TB) string {
	t.Helper()
	url, err := s.NewContainer(context.WithoutCancel(t.Context()))
	if err != nil {
		t.Fatal(err)
	}
	return url
}

// NewContainer is [Server.ContainerURL] for programs that are no tests.
func (s *Server) NewContainer(ctx context.Context) (url string, err error) {
	c, err := s.container("test-" + strings.ToLower(rand.Text()))
	if err == nil {
		_, err = c.Create(ctx, nil)
	}
	if err != nil {
		return "", fmt.Errorf("create a container in azurite: %w", err)
	}
	return c.URL(), nil
}

// SAS returns a container's URL with a shared access signature.
func (s *Server) SAS(t testing.TB, containerURL string, p sas.ContainerPermissions, expires time.Time) string {
	t.Helper()
	c, err := s.container(containerURL[strings.LastIndex(containerURL, "/")+1:])
	if err != nil {
		t.Fatalf("connect to azurite: %v", err)
	}
	url, err := c.GetSASURL(p, expires, nil)
	if err != nil {
		t.Fatalf("sign a container's URL: %v", err)
	}
	return url
}

func (s *Server) container(name string) (*container.Client, error) {
	var o container.ClientOptions
	if s.client != nil {
		o.Transport = s.client
	}
	return container.NewClientFromConnectionString(s.ConnectionString, name, &o)
}
