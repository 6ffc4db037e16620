package main

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v2"

	"cvarchive/cmd/internal/config"
	"cvarchive/cmd/internal/ui"
	"cvarchive/manifest"
)

func (a *app) initCommand() *cli.Command {
	return &cli.Command{
		Name:      "init",
		Usage:     "write a commented config, and make the vault",
		ArgsUsage: "[FILE]",
		Description: examples(`Writes a commented configuration to FILE (cvarchive.yaml unless --config says otherwise)
and makes a vault of the folder or container that --vault names. A file that is there
already is kept: its vault is made then, or opened if it is one. Nothing is overwritten.

With encrypt_to in the config the vault is encrypted, and its naming key is written to a
file beside the config (or to naming_key_file): hosts that back up need it, and no private
key. Lost, it is written again by init --identity FILE, and so are the indexes of archives
that the vault has lost, without which such hosts cannot know what an archive names.`,
			"cvarchive init",
			"cvarchive init --vault /var/backups/customvision",
			"cvarchive init --vault https://account.blob.core.windows.net/customvision"),
		Flags: withCommon(),
		Action: a.action(func(c *cli.Context) error {
			path, err := a.newConfigPath(c)
			if err != nil {
				return err
			}
			address := c.String("vault")
			written, err := writeConfig(path, address)
			if err != nil {
				return err
			}
			if written {
				a.out.Printf("wrote %s\n", path)
			}
			f, err := config.Load(path)
			if err != nil {
				return err
			}
			if written && address == "" {
				a.out.Printf("next: fill it in, then run %s again to make the vault, and cvarchive doctor to check access\n", initLine(c))
				return nil
			}
			return a.makeVault(c, f, address)
		}, 1, ""),
	}
}

// initLine is the command that was given, as far as it says where the config is.
func initLine(c *cli.Context) string {
	if file := cmp.Or(c.Args().First(), c.String("config")); file != "" {
		return "cvarchive init " + file
	}
	return "cvarchive init"
}

// newConfigPath is where init writes: FILE, --config, or the working folder.
func (a *app) newConfigPath(c *cli.Context) (string, error) {
	file, flag := c.Args().First(), c.String("config")
	switch {
	case file != "" && flag != "" && file != flag:
		return "", usagef("the config is to be %q and --config says %q; give one of them", file, flag)
	case file != "":
		return file, nil
	case flag != "":
		return flag, nil
	case a.env(config.EnvFile) != "":
		return a.env(config.EnvFile), nil
	}
	return config.FileName, nil
}

// makeVault makes the vault of a configuration, or the one that --vault
// names.
func (a *app) makeVault(c *cli.Context, f *config.File, address string) error {
	v := config.Vault{URL: manifest.NewSecret(address)}
	if address == "" || f.HasVault() {
		var err error
		own, err := f.Vault(a.lookupEnv)
		if err != nil {
			return err
		}
		if address == "" || own.URL.Reveal() == address {
			v = own
		}
	}
	p, err := a.placeOf(c, v, f.Path)
	if err != nil {
		return err
	}
	opened, made, err := p.make(c.Context, a.out)
	if err != nil {
		return err
	}
	if made {
		a.out.Printf("made %s at %s\n", article(kindOf(opened)), p.store)
	} else {
		a.out.Printf("%s is %s already\n", p.store, article(kindOf(opened)))
	}
	if err := p.recoverKey(opened, a.out); err != nil {
		return err
	}
	if opened.CanRead() == nil {
		n, err := opened.WriteLostIndexes(c.Context)
		if n > 0 {
			a.out.Printf("wrote %s again that the vault had lost\n", ui.Count(n, "index", "indexes"))
		}
		if err != nil {
			return fmt.Errorf("write what the vault has lost: %w", err)
		}
	}
	a.out.Printf("next: cvarchive doctor checks access\n")
	return nil
}

// writeConfig writes the commented configuration unless path exists.
func writeConfig(path, vaultAddress string) (written bool, err error) {
	if _, query, found := strings.Cut(vaultAddress, "?"); found && query != "" {
		return false, usagef("the vault's address carries a SAS, which must not be written to a file; put it into an environment variable and write url: ${NAME} into the config")
	}
	text := configText(vaultAddress)
	if _, err := config.Parse(path, []byte(text)); err != nil {
		return false, fmt.Errorf("the vault's address cannot be written to a config: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return false, fmt.Errorf("write the config %s: %w", path, cause(err))
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return false, nil
	}
	if err == nil {
		_, err = f.WriteString(text)
		err = errors.Join(err, f.Close())
		if err != nil {
			os.Remove(path) // half a config is worse than none
		}
	}
	if err != nil {
		return false, fmt.Errorf("write the config %s: %w", path, cause(err))
	}
	return true, nil
}

// cause drops the path that os puts before its errors.
func cause(err error) error {
	if pe, ok := errors.AsType[*fs.PathError](err); ok {
		return pe.Err
	}
	return err
}

// configText is the commented configuration.
func configText(vaultAddress string) string {
	if vaultAddress == "" {
		vaultAddress = "./vault"
	}
	return fmt.Sprintf(configTemplate, yamlQuoted(vaultAddress))
}

// yamlQuoted quotes text for YAML.
func yamlQuoted(s string) string {
	return "'" + strings.ReplaceAll(strings.ReplaceAll(s, "'", "''"), "$", "$$") + "'"
}

const configTemplate = `# Configuration of cvarchive. Unknown keys are errors.
# ${NAME} in a value is taken from the environment; $$ is one dollar sign.
version: 1

# Where archives are kept: a folder (relative to this file, or absolute), or
# an Azure Blob container.
vault:
  url: %s
  # url: https://account.blob.core.windows.net/customvision
  #
  # A container is opened with the connection string if there is one, else
  # with a SAS in the url, else by signing in with Entra ID.
  # connection_string: ${AZURE_STORAGE_CONNECTION_STRING}
  #
  # Entra ID signs in as the environment, the machine or the Azure CLI says, or
  # only as the machine's managed identity:
  # auth: managed-identity
  # client_id: 00000000-0000-0000-0000-000000000000   # of one that users assigned
  #
  # Access tier for what is written: hot, cool or cold; with archive, images and
  # models go to the archive tier (see cvarchive rehydrate), archives never.
  # tier: cool
  # archive_tier: hot           # another one for archives
  #
  # Nobody deletes or changes archives and their images for this long. The
  # container needs version-level immutability support; doctor tells.
  # immutable_for: 30d
  # immutable_mode: locked      # not even the account's owner; else unlocked
  #
  # Encryption in the storage with a key of your own (openssl rand -base64 32):
  # lost with it. The service then cannot restore by fetching images itself. Or
  # a scope of the account.
  # customer_key: ${CVARCHIVE_CUSTOMER_KEY}
  # encryption_scope: name
  #
  # Who can open the export tokens in new archives (restore --identity FILE);
  # public keys of age-keygen or SSH. Without it they are stored in the clear.
  # seal_to:
  #   - age1…
  #
  # Who can read the vault at all, if it is to be encrypted; only for a new one.
  # Its naming key is written to a file beside this one: with it, and without
  # any private key, backups go on. Restores upload every image then.
  # encrypt_to:
  #   - age1…
  # naming_key: ${CVARCHIVE_NAMING_KEY}   # instead of a file
  # naming_key_file: naming.key           # else cvarchive-naming.key
  #
  # The Ed25519 SSH key that signs new archives, for verify --allowed-signers
  # and ssh-keygen -Y verify. A public key is used through ssh-agent.
  # sign_with: ~/.ssh/id_ed25519

# The Custom Vision resources that are backed up or restored to, under names
# of your choice. Take the endpoint and a key of the training resource from
# the Azure portal, under "Keys and Endpoint".
resources:
  prod-weu:
    endpoint: https://westeurope.api.cognitive.microsoft.com
    training_key: ${PROD_WEU_TRAINING_KEY}
    calls_per_second: 10        # the service's limit for a resource
    protected: true             # never restored to
    # tier: S0                  # F0 or S0: its limits are checked before a restore
  # dr-neu:
  #   endpoint: https://contoso-dr.cognitiveservices.azure.com
  #   auth: entra               # instead of training_key; needs the resource's own endpoint

# What it costs to bring images back from the archive tier, for the estimate of
# cvarchive rehydrate. These are examples; take yours from the price list of
# the account's region and redundancy.
# prices:
#   currency: USD
#   standard_per_10k: 5.50      # 10,000 read operations at standard priority
#   standard_per_gb: 0.022      # retrieving one GB
#   high_per_10k: 65.00         # the same at high priority
#   high_per_gb: 0.13
`
