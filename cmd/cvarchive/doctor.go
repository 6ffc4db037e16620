package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"cvarchive/archive/sign"
	"cvarchive/archive/vault"
	"cvarchive/archive/vault/storecheck"
	"cvarchive/cmd/internal/config"
	"cvarchive/cmd/internal/ui"
)

// diagnosis is the shape of "doctor --json".
type diagnosis struct {
	Healthy bool    `json:"healthy"`
	Checks  []check `json:"checks"`
}

// check is one thing that doctor looked at.
type check struct {
	// Subject is what it is about: config, environment, vault, or a
	// resource's name.
	Subject string      `json:"subject"`
	Check   string      `json:"check"`
	Status  checkStatus `json:"status"`
	Detail  string      `json:"detail,omitempty"` // what was found
	Fix     string      `json:"fix,omitempty"`    // what to do
}

type checkStatus string

const (
	checkOK     checkStatus = "ok"
	checkNote   checkStatus = "note"   // worth knowing; no failure
	checkFailed checkStatus = "failed" // something will not work
)

func (a *app) doctorCommand() *cli.Command {
	return &cli.Command{
		Name:      "doctor",
		Usage:     "check config, access, roles and clock",
		ArgsUsage: "[RESOURCE...]",
		Description: examples(`Checks, one line each, what backups and restores depend on: the config and the
environment variables in it; the vault, by writing and deleting a few small files in a
scratch folder of its own; and each resource, or only the named ones: whether it answers,
whether the key is right, whether the role may export projects, how full the resource
is, and whether the clocks agree. Nothing else is changed. Exit status 1 means that a
check failed; the line says what to do.`,
			"cvarchive doctor",
			"cvarchive doctor prod-weu --no-write",
			"cvarchive doctor --json"),
		Flags: withCommon(
			&cli.BoolFlag{Name: "no-write", Usage: "do not write to the vault"},
			endpointFlag(), jsonFlag()),
		Action: a.action(a.doctor, -1, "run it again; a scratch folder doctor-… that is left in the vault can be deleted"),
	}
}

// doctor runs the checks, each printed as it is done.
func (a *app) doctor(c *cli.Context) error {
	d := &diagnosing{app: a, c: c, text: !c.Bool("json"), result: diagnosis{Healthy: true, Checks: []check{}}}
	d.run(c.Args().Slice())
	if err := c.Context.Err(); err != nil {
		return err
	}
	if !d.text {
		if err := a.out.JSON(d.result); err != nil {
			return err
		}
	}
	if !d.result.Healthy {
		return &statusError{exitFailed}
	}
	return nil
}

// diagnosing is one run of doctor.
type diagnosing struct {
	app    *app
	c      *cli.Context
	text   bool
	result diagnosis
}

func (d *diagnosing) run(names []string) {
	f, ok := d.config()
	if ok {
		d.environment(f, names)
		d.vault(f)
	}
	d.resources(f, ok, names)
}

func (d *diagnosing) ok(subject, what, detail string) {
	d.add(check{Subject: subject, Check: what, Status: checkOK, Detail: detail})
}

func (d *diagnosing) note(subject, what, detail, fix string) {
	d.add(check{Subject: subject, Check: what, Status: checkNote, Detail: detail, Fix: fix})
}

// fail takes an error apart into what is wrong and what to do.
func (d *diagnosing) fail(subject, what string, err error) {
	detail, fix, _ := strings.Cut(ui.Sentence(err.Error()), "; ")
	d.add(check{Subject: subject, Check: what, Status: checkFailed, Detail: detail, Fix: fix})
}

func (d *diagnosing) add(ch check) {
	d.result.Checks = append(d.result.Checks, ch)
	if ch.Status == checkFailed {
		d.result.Healthy = false
	}
	if !d.text {
		return
	}
	out := d.app.out
	mark := map[checkStatus]string{checkOK: out.Paint(ui.Green, "✓"), checkNote: out.Paint(ui.Yellow, "!"), checkFailed: out.Paint(ui.Red, "✗")}[ch.Status]
	line := fmt.Sprintf("%s %s: %s", mark, ui.Clean(ch.Subject), ch.Check)
	if ch.Detail != "" {
		line += ": " + ui.Sentence(ch.Detail)
	}
	if ch.Fix != "" {
		line += "; " + ui.Sentence(ch.Fix)
	}
	out.Printf("%s\n", line)
}

func (d *diagnosing) config() (*config.File, bool) {
	f, err := d.app.config(d.c)
	switch {
	case err != nil:
		d.fail("config", "readable", err)
		return nil, false
	case f.Path == "":
		d.note("config", "present", "there is none, only flags and environment variables count", "cvarchive init writes one")
	default:
		d.ok("config", "readable", fmt.Sprintf("%s, %s", f.Path, ui.Count(len(f.Resources()), "resource")))
		d.literalSecrets(f)
	}
	return f, true
}

// literalSecrets notes keys that stand in a file that others can read.
func (d *diagnosing) literalSecrets(f *config.File) {
	info, err := os.Stat(f.Path)
	keys := f.LiteralKeys()
	if err != nil || len(keys) == 0 || runtime.GOOS == "windows" || info.Mode().Perm()&0o077 == 0 {
		return
	}
	d.note("config", "secrets", "in the file, which others may read: "+strings.Join(keys, ", "),
		"write ${NAME} and set the environment variable, or chmod 600 the file")
}

// environment checks the variables that the file mentions, as far as the
// chosen resources are concerned.
func (d *diagnosing) environment(f *config.File, names []string) {
	for _, v := range f.Variables() {
		if !concerned(v, names) {
			continue
		}
		if d.app.env(v.Name) == "" {
			d.add(check{Subject: "environment", Check: v.Name, Status: checkFailed,
				Detail: "it is not set and " + strings.Join(v.Keys, ", ") + " needs it", Fix: "set it"})
			continue
		}
		d.ok("environment", v.Name, "set")
	}
}

// concerned reports whether a variable matters to the chosen resources, or
// to the vault.
func concerned(v config.Variable, names []string) bool {
	return len(names) == 0 || slices.ContainsFunc(v.Keys, func(key string) bool {
		return strings.HasPrefix(key, "vault.") || slices.ContainsFunc(names, func(name string) bool {
			return strings.HasPrefix(key, "resources."+name+".")
		})
	})
}

func (d *diagnosing) vault(f *config.File) {
	v, err := d.app.vaultConfig(d.c, f)
	var p *place
	if err == nil {
		p, err = d.app.placeOf(d.c, v, f.Path)
	}
	if err != nil {
		d.fail("vault", "address", err)
		return
	}
	ctx, s := d.c.Context, p.store
	opened, err := p.open(ctx)
	if _, not := errors.AsType[*vault.NotVaultError](err); not && isMissing(ctx, s) {
		d.note("vault", "present", fmt.Sprintf("%s holds no vault yet", s), "cvarchive init or the first backup makes it")
	} else if err != nil {
		d.fail("vault", "present", err)
		return
	} else {
		archives, err := opened.Archives(ctx)
		if err != nil {
			d.fail("vault", "readable", err)
			return
		}
		d.ok("vault", "readable", fmt.Sprintf("%s, %s", s, ui.Count(len(archives), "archive")))
		d.encryption(opened, v)
	}
	d.signing(f)
	d.protections(ctx, s, v)
	if d.c.Bool("no-write") {
		return
	}
	d.writable(ctx, s)
}

// encryption tells what an encrypted vault takes and what it does not give.
func (d *diagnosing) encryption(v *vault.Vault, conf config.Vault) {
	if !v.Encrypted() {
		return
	}
	d.ok("vault", "encrypted", fmt.Sprintf("to %s; backup, list, prune and the check of the structure need the naming key only, which is the right one", ui.Count(len(v.Recipients()), "public key")))
	if v.CanRead() == nil {
		d.ok("vault", "identity", "it opens archives and images")
	}
	d.note("vault", "limits of encryption", "a restore uploads every image through this machine, for the service cannot fetch it from the vault, and no other tool reads images in place", "")
	if d.app.env(envNamingKey) == "" && conf.NamingKey.IsZero() && conf.EncryptTo.IsZero() && conf.NamingKeyFile == "" {
		d.note("vault", "naming key", "it is taken from the vault by the identity", "backup hosts do without the identity: cvarchive init --identity FILE writes the key for them")
	}
}

// signing checks the key that signs new archives, by signing something.
func (d *diagnosing) signing(f *config.File) {
	path, err := f.SignWith(d.app.lookupEnv)
	if path == "" && err == nil {
		return
	}
	var key *sign.Signer
	if err == nil {
		key, err = d.app.openKey(d.c.Context, path)
	}
	if err == nil {
		_, err = key.Sign(d.c.Context, strings.NewReader("doctor"))
	}
	if err != nil {
		d.fail("vault", "signing", err)
		return
	}
	where := path
	if key.InAgent() {
		where = "in the ssh-agent"
	}
	d.ok("vault", "signing", fmt.Sprintf("archives are signed with %s (%s), %s", key.Key().Fingerprint(), key.Key().Type(), where))
	if info, err := os.Stat(path); err == nil && !key.InAgent() && runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		d.note("vault", "signing", "others may read the private key "+path, "chmod 600 the file")
	}
}

// isMissing reports whether there is no marker at all, as against a wrong
// one.
func isMissing(ctx context.Context, s vault.Store) bool {
	_, err := s.Stat(ctx, vault.MarkerName)
	return errors.Is(err, fs.ErrNotExist)
}

// writable runs the contract of stores in a scratch folder.
func (d *diagnosing) writable(ctx context.Context, s vault.Store) {
	if e, ok := s.(ensurer); ok {
		if err := e.Ensure(ctx); err != nil {
			d.fail("vault", "container", err)
			return
		}
	}
	failed := 0
	for r := range storecheck.Run(ctx, s, "doctor-"+strings.ToLower(rand.Text()[:8])+"/") {
		if ctx.Err() != nil {
			return
		}
		if r.Err != nil {
			failed++
			d.fail("vault", r.Check, r.Err)
		}
	}
	if failed == 0 {
		d.ok("vault", "writable", ui.Count(len(storecheck.Checks()), "check")+" of writing, reading and deleting passed")
	}
}
