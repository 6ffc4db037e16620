package main

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"filippo.io/age"
	"golang.org/x/crypto/ssh"
)

// planted is a folder with an account, a vault and a configuration that are
// full of secrets, and everything that the program said.
type planted struct {
	t   *testing.T
	dir string
	env map[string]string

	mu      sync.Mutex
	secrets map[string]string // by what they are
	said    map[string][]byte // by the command line
}

const (
	plantedKey   = "PLANTEDkeyf00dcafe0123456789abcd"
	plantedSAS   = "PLANTEDsas+signature/0123456789abcdefghijkl="
	plantedProxy = "PLANTEDproxypassword"
	plantedEnv   = "PLANTEDenvironment"
)

// plant prepares the folder.
func plant(t *testing.T) *planted {
	p := &planted{t: t, dir: t.TempDir(), said: map[string][]byte{}, secrets: map[string]string{
		"training key": plantedKey, "signature of the vault's SAS": plantedSAS, "the same, encoded": url.QueryEscape(plantedSAS),
		"proxy's password": plantedProxy, "variable": plantedEnv,
	}}
	service := newSimulator(t, plantedKey, "westeurope", "northeurope", "echo")
	west := httptest.NewServer(p.listen(service))
	t.Cleanup(west.Close)
	parrot := httptest.NewServer(http.HandlerFunc(repeat))
	t.Cleanup(parrot.Close)
	if err := seedSmallWithKey(west.URL+"/westeurope", plantedKey); err != nil {
		t.Fatal(err)
	}

	identity, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	p.secrets["age identity"] = identity.String()
	p.write("identity.txt", identity.String()+"\n")
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(private, "")
	if err != nil {
		t.Fatal(err)
	}
	key := pem.EncodeToMemory(block)
	p.secrets["SSH key"] = strings.Split(string(key), "\n")[3]
	p.write("ann", string(key))

	account := base64.StdEncoding.EncodeToString([]byte("PLANTEDaccountkey-0123456789abcdef"))
	p.secrets["account key"] = account
	p.env = map[string]string{
		"KEY": plantedKey, "ODD": plantedEnv, "HOME": p.dir, "XDG_CACHE_HOME": filepath.Join(p.dir, "cache"),
		"SAS_URL":    parrot.URL + "/dev/container?sv=2024-01-01&sr=c&sp=rwdl&se=2099-01-01T00:00:00Z&sig=" + url.QueryEscape(plantedSAS),
		"CONNECTION": "DefaultEndpointsProtocol=http;AccountName=dev;AccountKey=" + account + ";BlobEndpoint=" + parrot.URL + "/dev;",
	}
	text := fmt.Sprintf(`version: 1
vault:
  url: ./vault
vaults:
  away:
    url: ${SAS_URL}
  account:
    url: %[2]s/dev/container
    connection_string: ${CONNECTION}
resources:
  west:
    endpoint: %[1]s/westeurope
    training_key: ${KEY}
    calls_per_second: 1000
  north:
    endpoint: %[1]s/northeurope
    training_key: ${KEY}
    calls_per_second: 1000
  echo:
    endpoint: %[2]s/echo
    training_key: ${KEY}
    calls_per_second: 1000
`, west.URL, parrot.URL)
	p.write("cvarchive.yaml", text)
	p.write("sealed.yaml", strings.Replace(text, "url: ./vault", "url: ./vault\n  sign_with: ann\n  seal_to: ["+identity.Recipient().String()+"]", 1))
	p.write("blob.yaml", strings.Replace(text, "url: ./vault", "url: ${SAS_URL}", 1))
	naming, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	p.secrets["naming key"] = naming.String()
	p.env["NAMING"] = naming.String()
	encrypted := "url: ./encrypted\n  encrypt_to: [" + identity.Recipient().String() + "]\n  "
	p.write("encrypted.yaml", strings.Replace(text, "url: ./vault", encrypted+"naming_key: ${NAMING}", 1))
	p.write("othername.yaml", strings.Replace(text, "url: ./vault", encrypted+"naming_key: "+identity.String(), 1))
	p.write("namefile.yaml", strings.Replace(text, "url: ./vault", encrypted+"naming_key_file: ${NAMING}", 1))
	p.write("badname.yaml", strings.Replace(text, "url: ./vault", encrypted+"naming_key: x${NAMING}x", 1))
	p.write("signname.yaml", strings.Replace(text, "url: ./vault", "url: ./vault\n  sign_with: ${NAMING}", 1))
	p.write("wrongway.yaml", strings.Replace(text, "url: ./vault", "url: ./vault\n  seal_to: ["+identity.String()+"]", 1))
	p.write("literal.yaml", strings.ReplaceAll(text, "${KEY}", plantedKey))
	for i, broken := range []string{
		"tier: ${ODD}", "calls_per_second: ${ODD}", "protected: ${KEY}", "auth: ${KEY}", "endpoint: ${KEY}", "endpoint: \"http://me:" + plantedKey + "@%zz/\"",
		"training_key: [" + plantedKey + "]", "training_key: " + plantedKey + ": x", "training_key: *" + plantedKey, "training_key: \"" + plantedKey, "training_key: " + plantedKey + "${", plantedKey,
	} {
		p.write(fmt.Sprintf("broken%d.yaml", i), fmt.Sprintf("version: 1\nvault:\n  url: ./vault\nresources:\n  west:\n    endpoint: %s/westeurope\n    training_key: ${KEY}\n    %s\n", west.URL, broken))
		p.write(fmt.Sprintf("only%d.yaml", i), fmt.Sprintf("version: 1\nvault:\n  url: ./vault\nresources:\n  west:\n    %s\n", broken))
	}
	for i, address := range []string{"https://me:" + plantedKey + "@h/c", "http://h/c?sig=" + plantedSAS + "%zz", "https://h%zz/c?sig=" + plantedSAS, "sftp://me:" + plantedKey + "@h/", "https://h/?sig=" + plantedSAS} {
		p.write(fmt.Sprintf("address%d.yaml", i), strings.Replace(text, "./vault", "'"+address+"'", 1))
	}
	return p
}

func (p *planted) write(name, text string) {
	if err := os.WriteFile(filepath.Join(p.dir, name), []byte(text), 0o600); err != nil {
		p.t.Fatal(err)
	}
}

// listen notes each signature and token that passes, in both directions, and
// refuses imports by repeating them when the target is asked to.
func (p *planted) listen(inner http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		q := req.URL.Query()
		p.note("signature of an image's link", q.Get("sig"))
		if token := q.Get("token"); token != "" {
			p.note("export token", token)
			if req.Header.Get("Training-Key") != "" && strings.Contains(req.URL.Path, "northeurope") {
				repeat(w, req)
				return
			}
		}
		inner.ServeHTTP(w, req)
	})
}

// note remembers a secret, and a token's signature.
func (p *planted) note(what, secret string) {
	if secret == "" {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.secrets[fmt.Sprint(what, " ", len(p.secrets))] = secret
	p.secrets[fmt.Sprint(what, ", encoded ", len(p.secrets))] = url.QueryEscape(secret)
	if u, err := url.Parse(secret); err == nil && u.Query().Get("sig") != "" {
		p.secrets[fmt.Sprint("signature of a token ", len(p.secrets))] = u.Query().Get("sig")
	}
}

// repeat refuses everything and says all that it was told.
func repeat(w http.ResponseWriter, req *http.Request) {
	body, _ := io.ReadAll(io.LimitReader(req.Body, 1<<10))
	text := fmt.Sprintf("you said %s %s with Training-Key: %s, Authorization: %s and %s", req.Method, req.RequestURI, req.Header.Get("Training-Key"), req.Header.Get("Authorization"), body)
	w.Header().Set("X-Ms-Error-Code", "AuthenticationFailed")
	w.Header().Set("X-Ms-Request-Id", req.RequestURI)
	if strings.Contains(req.URL.Path, "/dev/") {
		w.WriteHeader(http.StatusForbidden)
		fmt.Fprintf(w, "<?xml version=\"1.0\"?><Error><Code>AuthenticationFailed</Code><Message><![CDATA[%s]]></Message><AuthenticationErrorDetail><![CDATA[%s]]></AuthenticationErrorDetail></Error>", text, text)
		return
	}
	w.WriteHeader(http.StatusBadRequest)
	fmt.Fprintf(w, `{"code":"BadRequest","message":%q}`, text)
}

// run runs a command line and wants one exit status; -1: any.
func (p *planted) run(want int, args ...string) string {
	p.t.Helper()
	var stdout, stderr shared
	ctx, cancel := context.WithTimeout(p.t.Context(), time.Minute)
	defer cancel()
	got := run(ctx, args, process{stdin: strings.NewReader(""), stdout: &stdout, stderr: &stderr, lookupEnv: func(name string) (string, bool) {
		v, ok := p.env[name]
		return v, ok
	}})
	p.heard(strings.Join(args, " "), stdout.b.Bytes(), stderr.b.Bytes())
	if want >= 0 && got != want {
		p.t.Errorf("%s: status %d, want %d\n%s%.2000s", strings.Join(args, " "), got, want, &stdout.b, &stderr.b)
	}
	return stdout.b.String()
}

// shared is what the log and the progress write to at the same time, as they
// may to a file.
type shared struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *shared) Write(data []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(data)
}

func (p *planted) heard(what string, outputs ...[]byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.said[what] = append(p.said[what], bytes.Join(outputs, []byte("\n"))...)
}

// silent checks that no output has a secret.
func (p *planted) silent() {
	p.t.Helper()
	for _, what := range slices.Sorted(maps.Keys(p.said)) {
		for name, secret := range p.secrets {
			if i := bytes.Index(p.said[what], []byte(secret)); i >= 0 {
				p.t.Errorf("%s: the %s shows:\n…%s", what, name, p.said[what][max(0, i-200):min(len(p.said[what]), i+200)])
			}
		}
	}
}

// files checks what was written: modes, and that no secret is in it, but for
// what the test itself wrote and the vaults.
func (p *planted) files() {
	err := filepath.WalkDir(p.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == p.dir {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		want := fs.FileMode(0o600)
		if d.IsDir() {
			want = 0o700
		}
		if mode := info.Mode().Perm(); runtime.GOOS != "windows" && mode != want && filepath.Base(path) != "status.prom" {
			p.t.Errorf("%s has the mode %v, want %v", path, mode, want)
		}
		name, _ := filepath.Rel(p.dir, path)
		ours := filepath.Ext(name) == ".yaml" && name != "made.yaml" || name == "identity.txt" || name == "ann"
		stored := strings.Contains(name, ".tar.zst") // tokens are in there, as promised
		if !d.IsDir() && !ours && !stored {
			data, err := os.ReadFile(path)
			p.heard("the file "+name, data)
			return err
		}
		return nil
	})
	if err != nil {
		p.t.Fatal(err)
	}
}

// TestPlantedSecrets lets every command work, and fail, among secrets, as
// loudly as it can, and looks for them in all that it says and writes.
func TestPlantedSecrets(t *testing.T) {
	p := plant(t)
	t.Chdir(p.dir)
	loud := func(want int, args ...string) {
		t.Helper()
		p.run(want, append(args, "--verbose", "--progress", "json")...)
	}

	p.run(0, "doctor", "west", "--verbose")
	p.run(1, "doctor", "echo", "--verbose")
	p.run(0, "doctor", "west", "--verbose", "--config", "sealed.yaml")
	p.run(-1, "doctor", "west", "--config", "literal.yaml", "--json")
	p.run(1, "doctor", "west", "--config", "blob.yaml", "--verbose")
	loud(2, "backup", "west", "--config", "wrongway.yaml")
	p.run(2, "init", "made.yaml", "--vault", p.env["SAS_URL"])
	p.run(0, "init", "made.yaml", "--vault", "new/vault")
	loud(0, "backup", "west", "--status-file", "status.prom")
	loud(0, "backup", "west", "--config", "sealed.yaml", "--json", "--project", "Fruit")
	loud(1, "backup", "echo")
	loud(1, "backup", "west", "--config", "blob.yaml")
	loud(0, "backup", "west", "--config", "encrypted.yaml")
	loud(0, "verify", "--all", "--config", "encrypted.yaml", "--identity", "identity.txt")
	loud(2, "verify", "--all", "--read-data", "--config", "encrypted.yaml", "--identity", "ann")
	loud(2, "inspect", "latest", "--config", "encrypted.yaml")
	for _, name := range []string{"othername.yaml", "namefile.yaml", "badname.yaml", "signname.yaml"} {
		loud(2, "backup", "west", "--config", name)
		p.run(1, "doctor", "west", "--config", name, "--verbose")
	}
	p.run(0, "list", "--json", "--verbose")
	open := strings.Fields(p.run(0, "list"))[8]
	p.run(0, "inspect", open, "--json", "--verbose")
	loud(0, "verify", "--all", "--read-data", "--state", "state")
	p.run(0, "sign", open, "--sign-with", "ann", "--verbose", "--json")
	p.run(2, "sign", open, "--sign-with", "identity.txt", "--replace")
	loud(0, "diff", open, "--live", "west")
	loud(1, "diff", open, "--live", "echo")
	loud(0, "repair", open)
	loud(1, "verify", open, "--against", "echo")

	// Restores: by token, where the service refuses with the token in its
	// answer; by token that was sealed; saved as a plan; rebuilt.
	loud(3, "restore", open, "--to", "north", "--dry-run", "--json")
	loud(3, "restore", open, "--to", "north", "--mode", "import", "--dry-run", "--out", "plan.json")
	loud(-1, "restore", "--plan", "plan.json", "--yes", "--report", "plan.html")
	loud(-1, "restore", open, "--to", "north", "--mode", "import", "--yes", "--json")
	loud(-1, "restore", "latest", "--to", "north", "--mode", "import", "--identity", "identity.txt", "--yes")
	p.env["CVARCHIVE_IDENTITY"] = p.secrets["age identity"] // put where the file's path belongs
	loud(2, "restore", "latest", "--to", "north", "--yes")
	delete(p.env, "CVARCHIVE_IDENTITY")
	loud(2, "restore", "latest", "--to", "north", "--identity", "cvarchive.yaml", "--yes")
	loud(0, "restore", open, "--to", "north", "--mode", "rebuild", "--yes", "--report", "done.md", "--on-conflict", "rename")
	loud(1, "restore", open, "--to", "echo", "--yes")
	loud(-1, "drill", open, "--to", "north", "--yes", "--project", "Fruit", "--report", "drill.json")

	loud(0, "bundle", open, "--out", "all.tar.zst")
	loud(0, "unbundle", "all.tar.zst", "--vault", "unbundled")
	loud(0, "copy", "--all", "--to", "./copied")
	loud(-1, "copy", "--all", "--to", "away")
	loud(-1, "copy", "--all", "--to", "account")
	loud(-1, "export", open, "--models", "models")
	loud(0, "prune", "--keep-last", "1", "--keep", open)
	for i := range 12 {
		p.run(-1, "doctor", "west", "--config", fmt.Sprintf("broken%d.yaml", i), "--verbose")
		p.run(-1, "backup", "west", "--config", fmt.Sprintf("only%d.yaml", i), "--verbose")
	}

	// Every command, those included that are not named above, with a vault
	// and a resource that repeat what they are told, and with addresses that
	// are none.
	for _, c := range (&app{}).commands() {
		switch c.Name {
		case "demo", "simulate", "completion", "version": // they are told no secret
			continue
		}
		p.run(-1, c.Name, "latest", "--config", "blob.yaml", "--verbose")
		p.run(-1, c.Name, "latest", "--vault", p.env["SAS_URL"], "--verbose")
		p.run(-1, c.Name, "--endpoint", "https://me:"+plantedKey+"@127.0.0.1:1/x?sig="+plantedSAS, "--verbose")
		for i := range 5 {
			p.run(-1, c.Name, "latest", "--config", fmt.Sprintf("address%d.yaml", i), "--verbose")
		}
	}
	p.files()
	p.silent()
	if n := len(p.secrets); n < 50 {
		t.Errorf("only %d secrets were seen: this test saw nothing", n)
	}
}

// TestPlantedInProcess runs the program as a process among what only a process
// meets: proxies, the log of the SDK, and a dump of all stacks.
func TestPlantedInProcess(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("there is no signal for a dump")
	}
	p := plant(t)
	cvarchive := func(env []string, args ...string) *exec.Cmd {
		cmd := exec.CommandContext(t.Context(), "cvarchive", args...)
		cmd.Dir = p.dir
		cmd.Env = append(os.Environ(), "AZURE_SDK_GO_LOGGING=all", "GOTRACEBACK=all", "GODEBUG=http2debug=2")
		for name, value := range p.env {
			cmd.Env = append(cmd.Env, name+"="+value)
		}
		cmd.Env = append(cmd.Env, env...)
		return cmd
	}
	far := "version: 1\nvault:\n  url: ./vault\nresources:\n  west:\n    endpoint: https://cvarchive.invalid\n    training_key: ${KEY}\n"
	p.write("far.yaml", far)
	p.write("farblob.yaml", strings.Replace(far, "./vault", "'https://cvarchive.invalid/container?sig="+url.QueryEscape(plantedSAS)+"'", 1))
	var g sync.WaitGroup // they wait to try again for most of the time
	doctor, list := []string{"doctor", "--config", "far.yaml", "--verbose"}, []string{"list", "--config", "farblob.yaml", "--verbose"}
	for proxy, commands := range map[string][][]string{
		"http://me:" + plantedProxy + "@127.0.0.1:1":  {doctor}, // a container is tried for long
		"http://me:" + plantedProxy + "%zz@127.0.0.1": {doctor, list},
		"ftp://me:" + plantedProxy + "@h":             {doctor, list},
		"me:" + plantedProxy + "@127.0.0.1:1":         {doctor},
	} {
		for _, args := range commands {
			g.Go(func() {
				out, err := cvarchive([]string{"HTTPS_PROXY=" + proxy, "HTTP_PROXY=" + proxy}, args...).CombinedOutput()
				if err == nil {
					t.Errorf("%s with the proxy: no error\n%s", args, out)
				}
				p.heard(strings.Join(args, " ")+" through "+strings.ReplaceAll(proxy, plantedProxy, "…"), out)
			})
		}
	}
	defer g.Wait()
	out, _ := cvarchive(nil, "backup", "west", "--verbose", "--progress", "none").CombinedOutput()
	p.heard("backup", out)
	out, _ = cvarchive(nil, "list", "--config", "blob.yaml", "--verbose").CombinedOutput()
	p.heard("list of a container", out)

	// A vault that never answers, and a dump while it is waited for.
	asked := make(chan struct{}, 100)
	silent := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
		asked <- struct{}{}
		<-req.Context().Done()
	}))
	defer silent.Close()
	address := silent.URL + "/dev/container?sig=" + url.QueryEscape(plantedSAS)
	cmd := cvarchive(nil, "backup", "west", "--vault", address)
	var dump bytes.Buffer
	cmd.Stdout, cmd.Stderr = &dump, &dump
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	<-asked
	if err := cmd.Process.Signal(syscall.SIGQUIT); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	if !bytes.Contains(dump.Bytes(), []byte("goroutine ")) {
		t.Errorf("there is no dump:\n%s", &dump)
	}
	p.heard("dump", dump.Bytes())
	g.Wait()
	p.silent()
}
