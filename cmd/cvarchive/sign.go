package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/urfave/cli/v2"

	"cvarchive/archive/sign"
	"cvarchive/archive/vault"
	"cvarchive/cmd/internal/ui"
)

func (a *app) signCommand() *cli.Command {
	return &cli.Command{
		Name:      "sign",
		Usage:     "sign archives that are there already",
		ArgsUsage: "ARCHIVE... | --all",
		Description: examples(`Signs archives with an SSH key, as "backup" does when sign_with is in the config or
--sign-with is given: the signature is stored beside the archive, under its name and .sig.
"cvarchive verify --allowed-signers FILE" checks it, and so does, without this program,

  ssh-keygen -Y verify -f ALLOWED_SIGNERS -I NAME -n cvarchive -s FILE.sig <FILE

A signature says that who holds the key vouches for the archive as it is now: verify it
before. An archive that has a signature keeps it, unless --replace is given.

`+archiveArg,
			"cvarchive sign latest --sign-with ~/.ssh/id_ed25519",
			"cvarchive sign --all",
			"cvarchive sign ./20280901T020000Z-1f6b4c2a.tar.zst --sign-with auditor.pub"),
		Flags: withCommon(
			&cli.BoolFlag{Name: "all", Usage: "sign every archive in the vault that is not signed"},
			&cli.BoolFlag{Name: "replace", Usage: "replace signatures that are there"},
			signWithFlag(), jsonFlag()),
		Action: a.action(a.sign, -1, "run the same command again to go on; what is signed stays signed"),
	}
}

// signing is the shape of "sign --json".
type signing struct {
	Key      string          `json:"key"` // fingerprint
	KeyType  string          `json:"keyType"`
	Archives []signedArchive `json:"archives"`
}

// signedArchive is what became of one archive.
type signedArchive struct {
	Archive string       `json:"archive"`
	Status  signedStatus `json:"status"`
}

type signedStatus string

const (
	statusSigned   signedStatus = "signed"
	statusKept     signedStatus = "kept"     // it had a signature
	statusReplaced signedStatus = "replaced" // it had another signature
)

func (a *app) sign(c *cli.Context) error {
	todo, err := a.verifyTargets(c)
	if err != nil {
		return err
	}
	key, err := a.signer(c)
	if err != nil {
		return err
	}
	if key == nil {
		return usagef("no key to sign with is known; give --sign-with FILE, or sign_with in the config")
	}
	result := &signing{Key: key.Key().Fingerprint(), KeyType: key.Key().Type(), Archives: []signedArchive{}}
	for _, t := range todo.targets {
		name, status := t.path, statusSigned
		if t.path == "" {
			name = t.entry.Name
			status, err = signStored(c.Context, todo.vault, t.entry, key, c.Bool("replace"))
		} else {
			status, err = todo.signFile(c.Context, t.path, key, c.Bool("replace"))
		}
		if err != nil {
			return fmt.Errorf("sign %s: %w", name, err)
		}
		result.Archives = append(result.Archives, signedArchive{name, status})
	}
	if c.Bool("json") {
		return a.out.JSON(result)
	}
	for _, s := range result.Archives {
		a.out.Printf("%s: %s\n", ui.Clean(s.Archive), map[signedStatus]string{
			statusSigned: "signed", statusKept: "has a signature, which stays; --replace replaces it", statusReplaced: "signed, in place of the signature that it had",
		}[s.Status])
	}
	a.out.Printf("with the key %s (%s)\n", result.Key, result.KeyType)
	return nil
}

// signStored signs an archive of the vault.
func signStored(ctx context.Context, v *vault.Vault, entry vault.Archive, key *sign.Signer, replace bool) (signedStatus, error) {
	if entry.Signed && !replace {
		return statusKept, nil
	}
	content, err := v.OpenSigned(ctx, entry)
	if err != nil {
		return "", err
	}
	defer content.Close()
	sig, err := key.Sign(ctx, content)
	if err != nil {
		return "", err
	}
	if entry.Signed {
		return statusReplaced, v.ReplaceSignature(ctx, entry, sig)
	}
	return statusSigned, v.PutSignature(ctx, entry, sig)
}

// signFile signs a lone file.
func (todo *verifyTargets) signFile(ctx context.Context, path string, key *sign.Signer, replace bool) (signedStatus, error) {
	o, err := todo.lone(path)
	if err != nil {
		return "", err
	}
	defer o.close()
	if o.bundle != nil {
		return "", errors.New("it is a bundle, which carries the signature of its archive; sign that in the vault, and bundle it again")
	}
	old, err := besideFile(path)
	if err != nil {
		return "", err
	}
	if old != nil && !replace {
		return statusKept, nil
	}
	f, err := os.Open(path)
	if err != nil {
		return "", cause(err)
	}
	defer f.Close()
	sig, err := key.Sign(ctx, f)
	if err != nil {
		return "", err
	}
	out := &newFile{path: path + sign.Suffix}
	defer out.Abandon()
	if _, err := out.Write(sig); err != nil {
		return "", err
	}
	if old != nil {
		if err := os.Remove(out.path); err != nil {
			return "", fmt.Errorf("replace %s: %w", out.path, cause(err))
		}
		return statusReplaced, out.Commit()
	}
	return statusSigned, out.Commit()
}
