package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
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
	// home is the address that stays, at which the source region is found
	// from the start and all regions in the end. The story switches the
	// source off by closing it, so that nobody answers there; the other
	// regions are found at away meanwhile.
	home, away *door
}

// door is an address at which the service can be reached.
type door struct {
	server *http.Server
	addr   string // host:port
}

func openDoor(handler http.Handler, addr string) (*door, error) {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("start the demo's service: %w", err)
	}
	d := &door{
		server: &http.Server{Handler: handler, ReadHeaderTimeout: time.Minute, ErrorLog: log.New(io.Discard, "", 0)},
		addr:   l.Addr().String(),
	}
	go d.server.Serve(l) // until close
	return d, nil
}

func (d *door) close() error { return d.server.Close() }

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
	if w.home, err = openDoor(w.service, "127.0.0.1:0"); err != nil {
		return nil, err
	}
	if w.away, err = openDoor(w.service, "127.0.0.1:0"); err != nil {
		return nil, err
	}
	return w, w.writeConfig(w.away)
}

// close stops the service and keeps its state.
func (w *world) close() error {
	var errs []error
	for _, d := range []*door{w.home, w.away} {
		if d != nil {
			errs = append(errs, d.close())
		}
	}
	return errors.Join(append(errs, w.service.Close())...)
}

// switchOff makes the source region unreachable, also to a service in
// another region that would import from it.
func (w *world) switchOff() error {
	w.service.Resource(source).SetDown(true)
	return w.home.close()
}

// settle ends the disaster, so that whoever plays on finds all regions
// running, at one address, and today's date.
func (w *world) settle() (err error) {
	w.service.Advance(-outage)
	w.service.Resource(source).SetDown(false)
	if w.home, err = openDoor(w.service, w.home.addr); err != nil {
		return err
	}
	return w.writeConfig(w.home)
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

// writeConfig writes the configuration; others is where the regions besides
// the source are.
func (w *world) writeConfig(others *door) error {
	var b strings.Builder
	fmt.Fprintf(&b, `# The configuration of the demo, in whose folder it is.
version: 1
vault:
  url: ./%s
resources:
`, vaultFolder)
	for _, region := range regions {
		at := others
		if region == source {
			at = w.home
		}
		fmt.Fprintf(&b, `  %s:
    endpoint: http://%s/%s
    training_key: %s    # no secret: a key of the built-in service
    calls_per_second: 1000    # the built-in service has no limit; Azure's is 10
`, region, at.addr, region, w.key)
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
	c, err := customvision.New(customvision.Options{
		Name: source, Endpoint: "http://" + w.home.addr + "/" + source,
		TrainingKey: manifest.NewSecret(w.key), CallsPerSecond: -1,
	})
	if err != nil {
		return Seeded{}, err
	}
	return Seed(ctx, c)
}
