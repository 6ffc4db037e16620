package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"cvarchive/cmd/internal/demo"
	"cvarchive/cmd/internal/ui"
	"cvarchive/manifest"
	"cvarchive/remote/customvision"
	"cvarchive/remote/simulator"
)

// simulatorKey is the training key of every simulated resource unless --key
// says otherwise. It protects nothing and is no secret.
const simulatorKey = "simulator-key"

func (a *app) simulateCommand() *cli.Command {
	return &cli.Command{
		Name:  "simulate",
		Usage: "run the built-in Custom Vision service, for rehearsals and tests",
		Description: examples(`Runs a Custom Vision service of our own on this machine until it is interrupted:
several resources ("regions"), projects, images, trainings, exports and imports as the
Training API v3.3 has them. It prints the endpoints and a config to paste. It listens on
loopback addresses only, and its key is no secret.

With --state the account is kept in a folder from one run to the next. --sample fills the
first resource with a sample account when it is empty.`,
			"cvarchive simulate --sample",
			"cvarchive simulate --state ./simulator --region westeurope --region northeurope",
			"cvarchive simulate --listen 127.0.0.1:0 --tier F0 --calls-per-second 10"),
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "listen", Value: "127.0.0.1:7071", Usage: "listen on this loopback `ADDRESS`; port 0 chooses one"},
			&cli.StringFlag{Name: "state", Usage: "keep the account in the folder `DIR`"},
			&cli.StringSliceFlag{Name: "region", DefaultText: "westeurope, northeurope", Usage: "`NAME` of a resource; may be repeated"},
			&cli.StringFlag{Name: "key", Value: simulatorKey, Usage: "training `KEY` of every resource"},
			&cli.StringFlag{Name: "tier", Value: simulator.TierS0, Usage: "pricing `TIER` whose limits hold: S0 or F0"},
			&cli.Float64Flag{Name: "calls-per-second", DefaultText: "no limit", Usage: "answer 429 above this `RATE`"},
			&cli.BoolFlag{Name: "sample", Usage: "fill the first resource with a sample account"},
			&cli.BoolFlag{Name: "verbose", Aliases: []string{"v"}, Usage: "log each request to standard error"},
		},
		Action: a.action(a.simulate, 0, "start it again to go on"),
	}
}

func (a *app) simulate(c *cli.Context) error {
	options, err := simulatorOptions(c)
	if err != nil {
		return err
	}
	listener, err := listenLoopback(c.Context, c.String("listen"))
	if err != nil {
		return err
	}
	defer listener.Close()
	options.Now = a.now
	options.BaseURL = "http://" + listener.Addr().String()
	service, err := simulator.New(options)
	if err != nil {
		return fmt.Errorf("start the simulator: %w", err)
	}
	server := a.simulatorServer(service)
	if c.Bool("sample") {
		err = a.seed(c.Context, service, options)
	}
	if err == nil {
		done := make(chan error, 1)
		go func() { done <- server.Serve(listener) }()
		err = a.simulating(c, service, options, done)
	}
	// Requests under way get a moment; what they changed is saved.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.Context), 5*time.Second)
	defer cancel()
	if server.Shutdown(ctx) != nil {
		server.Close()
	}
	if saved := service.Close(); saved != nil {
		err = errors.Join(err, fmt.Errorf("save the simulator's account: %w", saved))
	}
	if err == nil && options.StateDir != "" {
		fmt.Fprintf(a.stderr, "saved the account in %s\n", options.StateDir)
	}
	return err
}

func (a *app) simulatorServer(service http.Handler) *http.Server {
	return &http.Server{
		Handler: a.logged(service), ReadHeaderTimeout: 10 * time.Second,
		ErrorLog: slog.NewLogLogger(a.log.Handler(), slog.LevelDebug),
	}
}

// simulating says how to use the service, and waits for the signal that ends it.
func (a *app) simulating(c *cli.Context, service *simulator.Service, o simulator.Options, failed <-chan error) error {
	a.printSimulator(o)
	save := time.NewTicker(saveInterval)
	defer save.Stop()
	for {
		select {
		case <-c.Context.Done():
			return nil // being stopped is how it ends
		case err := <-failed:
			return fmt.Errorf("serve the simulator: %w", err)
		case <-save.C:
			if err := service.Save(); err != nil {
				fmt.Fprintf(a.stderr, "warning: %s\n", ui.Sentence(err.Error()))
			}
		}
	}
}

// saveInterval is how much a machine that fails can lose.
const saveInterval = 10 * time.Second

func simulatorOptions(c *cli.Context) (simulator.Options, error) {
	o := simulator.Options{StateDir: c.String("state")}
	regions := c.StringSlice("region")
	if len(regions) == 0 {
		regions = []string{"westeurope", "northeurope"}
	}
	if rate := c.Float64("calls-per-second"); rate < 0 {
		return o, usagef("--calls-per-second cannot be negative; leave it out for no limit")
	}
	if tier := c.String("tier"); tier != simulator.TierS0 && tier != simulator.TierF0 {
		return o, usagef("--tier cannot be %q; it is S0 or F0", tier)
	}
	for _, name := range regions {
		if nameOf("http://localhost/"+name) != name {
			return o, usagef("--region cannot be %q; use lower-case letters, digits, hyphens and underscores", name)
		}
		o.Resources = append(o.Resources, simulator.ResourceOptions{
			Name: name, Key: c.String("key"), Tier: c.String("tier"), CallsPerSecond: c.Float64("calls-per-second"),
		})
	}
	return o, nil
}

// listenLoopback refuses addresses that other machines could reach.
func listenLoopback(ctx context.Context, address string) (net.Listener, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, usagef("--listen cannot be %q; write 127.0.0.1:PORT", address)
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return nil, usagef("--listen cannot be %q, for the simulator is for this machine only; write 127.0.0.1:PORT", address)
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		if oe, ok := errors.AsType[*net.OpError](err); ok {
			err = oe.Err
		}
		return nil, fmt.Errorf("listen on %s: %w; choose another port with --listen", address, err)
	}
	return l, nil
}

// seed fills the first resource unless it has projects already. It does so by
// an address of its own: who calls the service meanwhile waits, and sees the
// sample when it is complete.
func (a *app) seed(ctx context.Context, service http.Handler, o simulator.Options) error {
	listener, err := listenLoopback(ctx, "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := a.simulatorServer(service)
	defer server.Close()
	go server.Serve(listener)
	first := o.Resources[0]
	client, err := customvision.New(customvision.Options{
		Name: first.Name, Endpoint: "http://" + listener.Addr().String() + "/" + first.Name, TrainingKey: manifest.NewSecret(first.Key),
		CallsPerSecond: -1, Version: toolVersion(), Logger: a.log,
	})
	if err != nil {
		return err
	}
	projects, err := client.Projects(ctx)
	if err != nil {
		return fmt.Errorf("fill the sample account: %w", err)
	}
	if len(projects) > 0 {
		fmt.Fprintf(a.stderr, "%s has %s already, so no sample is added\n", first.Name, ui.Count(len(projects), "project"))
		return nil
	}
	seeded, err := demo.Seed(ctx, client)
	if err != nil {
		return fmt.Errorf("fill the sample account: %w", err)
	}
	fmt.Fprintf(a.stderr, "filled %s with %s and %s\n", first.Name, ui.Count(seeded.Projects, "project"), ui.Count(seeded.Images, "image"))
	return nil
}

// printSimulator says how to reach the service.
func (a *app) printSimulator(o simulator.Options) {
	var b strings.Builder
	fmt.Fprintf(&b, "# The simulator listens on %s; stop it with Ctrl-C. A config for it:\nversion: 1\nvault:\n  url: ./vault\nresources:\n", o.BaseURL)
	for _, r := range o.Resources {
		rate := r.CallsPerSecond
		if rate == 0 {
			rate = 1000
		}
		fmt.Fprintf(&b, "  %s:\n    endpoint: %s/%s\n    training_key: %s # no secret\n    calls_per_second: %g\n", r.Name, o.BaseURL, r.Name, yamlQuoted(r.Key), rate)
	}
	a.out.Printf("%s", b.String())
}

// logged writes a line a request when --verbose is given. Queries may hold
// signatures and are left out.
func (a *app) logged(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		a.log.Debug("request", "method", req.Method, "path", req.URL.Path)
		h.ServeHTTP(w, req)
	})
}
