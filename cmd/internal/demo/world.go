package demo

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"cvarchive/cmd/internal/config"
	"cvarchive/manifest"
	"cvarchive/remote/customvision"
	"cvarchive/remote/simulator"
)

// regions are the resources of the demo's service. The account is in the
// first; the others are empty.
var regions = [...]string{source, "northeurope", "uksouth"}

const source = "westeurope"

// world is what the story plays in: a folder and a running service.
type world struct {
	dir     string
	key     string // of every region
	service *simulator.Service
	front   *door // all regions
	// sourceDoor leads to the source region alone, so that the region can
	// be switched off as the network sees it: nobody answers the door.
	sourceDoor *door
}

// door is an address at which the service can be reached.
type door struct {
	server *http.Server
	addr   string // host:port
}

func openDoor(handler http.Handler) (*door, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("start the demo's service: %w", err)
	}
	d := &door{
		server: &http.Server{Handler: handler, ReadHeaderTimeout: time.Minute, ErrorLog: log.New(discard{}, "", 0)},
		addr:   l.Addr().String(),
	}
	go d.server.Serve(l) // until close
	return d, nil
}

func (d *door) close() error { return d.server.Close() }

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }

// newWorld starts the service and writes the configuration into dir.
func newWorld(dir, key string) (w *world, err error) {
	w = &world{dir: dir, key: key}
	opt := simulator.Options{StateDir: filepath.Join(dir, stateFolder)}
	for _, region := range regions {
		opt.Resources = append(opt.Resources, simulator.ResourceOptions{Name: region, Key: w.key})
	}
	if w.service, err = simulator.New(opt); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			_ = w.close()
		}
	}()
	if w.front, err = openDoor(w.service); err != nil {
		return nil, err
	}
	if w.sourceDoor, err = openDoor(w.service); err != nil {
		return nil, err
	}
	return w, w.writeConfig(w.sourceDoor.addr)
}

// close stops the service and keeps its state.
func (w *world) close() error {
	var errs []error
	for _, d := range []*door{w.front, w.sourceDoor} {
		if d != nil {
			errs = append(errs, d.close())
		}
	}
	return errors.Join(append(errs, w.service.Close())...)
}

// client is a client of one region for the demo itself.
func (w *world) client(region string) (*customvision.Client, error) {
	return customvision.New(customvision.Options{
		Name: region, Endpoint: "http://" + w.front.addr + "/" + region,
		TrainingKey: manifest.NewSecret(w.key), CallsPerSecond: -1,
	})
}

// switchOff makes the source region unreachable, also to a service in
// another region that would import from it.
func (w *world) switchOff() error {
	w.service.Resource(source).SetDown(true)
	return w.sourceDoor.close()
}

// settle ends the disaster, so that whoever plays on finds all regions
// running and today's date. The service is served at one address from now on.
func (w *world) settle() error {
	w.service.Advance(-outage)
	w.service.Resource(source).SetDown(false)
	return w.writeConfig(w.front.addr)
}

// env is the environment of the story's commands: the demo's configuration
// and none of the user's.
func (w *world) env(name string) (string, bool) {
	switch name {
	case config.EnvFile:
		return filepath.Join(w.dir, config.FileName), true
	case "CVARCHIVE_VAULT", "CUSTOMVISION_TRAINING_KEY":
		return "", false
	}
	return os.LookupEnv(name)
}

// Names in the demo's folder, beside the configuration.
const (
	stateFolder = "service"
	vaultFolder = "vault"
)

func (w *world) writeConfig(sourceAddr string) error {
	var b strings.Builder
	fmt.Fprintf(&b, `# The configuration of the demo, in whose folder it is.
version: 1
vault:
  url: ./%s
resources:
`, vaultFolder)
	for _, region := range regions {
		addr := w.front.addr
		if region == source {
			addr = sourceAddr
		}
		fmt.Fprintf(&b, `  %[1]s:
    endpoint: http://%[2]s/%[1]s
    training_key: %[3]s    # no secret: a key of the built-in service
    calls_per_second: 1000    # the built-in service has no limit; Azure's is 10
`, region, addr, w.key)
		if region == source {
			b.WriteString("    protected: true    # never restored to\n")
		}
	}
	if err := os.WriteFile(filepath.Join(w.dir, config.FileName), []byte(b.String()), 0o600); err != nil {
		return fmt.Errorf("write the demo's configuration: %w", err)
	}
	return nil
}

// seed fills the source region.
func (w *world) seed(ctx context.Context) (Seeded, error) {
	c, err := w.client(source)
	if err != nil {
		return Seeded{}, err
	}
	return Seed(ctx, c)
}
