package blobstore

import (
	"encoding/base64"
	"strings"
	"testing"

	"cvarchive/manifest"
)

func TestAddresses(t *testing.T) {
	key := base64.StdEncoding.EncodeToString([]byte("a key of an account, long enough"))
	const sig = "sv=2026-01-01&sr=c&sp=rl&se=2027-01-01&sig=c2VjcmV0c2VjcmV0%3D"
	azurite := "DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;AccountKey=" + key + ";BlobEndpoint=http://127.0.0.1:10000/devstoreaccount1;"
	cloud := "DefaultEndpointsProtocol=https;AccountName=acct;AccountKey=" + key + ";EndpointSuffix=core.windows.net"
	for name, c := range map[string]struct{ url, connection, where, target, prefix, err string }{
		"container":         {url: "https://acct.blob.core.windows.net/box?" + sig, where: "https://acct.blob.core.windows.net/box", target: "https://acct.blob.core.windows.net/box?" + sig},
		"folder":            {url: "https://acct.blob.core.windows.net/box/a b/c/?" + sig, where: "https://acct.blob.core.windows.net/box/a%20b/c", target: "https://acct.blob.core.windows.net/box?" + sig, prefix: "a b/c/"},
		"emulator":          {url: "http://127.0.0.1:10000/devstoreaccount1/box", connection: azurite, where: "http://127.0.0.1:10000/devstoreaccount1/box", target: "http://127.0.0.1:10000/devstoreaccount1/box"},
		"emulator by name":  {url: "http://localhost:10000/devstoreaccount1/box/f?" + sig, where: "http://localhost:10000/devstoreaccount1/box/f", target: "http://localhost:10000/devstoreaccount1/box?" + sig, prefix: "f/"},
		"only a name":       {url: "box", connection: azurite, where: "http://127.0.0.1:10000/devstoreaccount1/box", target: "http://127.0.0.1:10000/devstoreaccount1/box"},
		"name and folder":   {url: "box/f", connection: cloud, where: "https://acct.blob.core.windows.net/box/f", target: "https://acct.blob.core.windows.net/box", prefix: "f/"},
		"sas in connection": {url: "box", connection: "BlobEndpoint=https://acct.blob.core.windows.net/;SharedAccessSignature=?" + sig, where: "https://acct.blob.core.windows.net/box", target: "https://acct.blob.core.windows.net/box?" + sig},

		"other account":    {url: "https://other.blob.core.windows.net/box", connection: cloud, err: "make them agree"},
		"two credentials":  {url: "https://acct.blob.core.windows.net/box?" + sig, connection: cloud, err: "leave one out"},
		"no credential":    {url: "https://acct.blob.core.windows.net/box", err: "there is no credential for the vault https://acct.blob.core.windows.net/box"},
		"plain http":       {url: "http://acct.blob.core.windows.net/box?" + sig, err: "use https"},
		"no container":     {url: "https://acct.blob.core.windows.net/?" + sig, err: `"" cannot be the name of a container`},
		"no container (2)": {url: "http://127.0.0.1:10000/devstoreaccount1?" + sig, err: `"" cannot be the name of a container`},
		"bad container":    {url: "https://acct.blob.core.windows.net/My_Box?" + sig, err: `"My_Box" cannot be the name of a container`},
		"bad folder":       {url: "https://acct.blob.core.windows.net/box/a//b?" + sig, err: "cannot be a name in a vault"},
		"cut sas":          {url: "https://acct.blob.core.windows.net/box?sv=2026-01-01", err: "it lacks sig="},
		"no url":           {connection: cloud, err: `"" cannot be the name of a container`},
		"no part":          {url: "box", connection: "hello", err: "has a part without"},
		"no secret":        {url: "box", connection: "AccountName=acct", err: "neither AccountKey nor SharedAccessSignature"},
		"no account":       {url: "box", connection: "AccountKey=" + key, err: "has no AccountName"},
		"bad key":          {url: "box", connection: "AccountName=acct;AccountKey=!!not-base64!!", err: "is not base64"},
		"development":      {url: "box", connection: "UseDevelopmentStorage=true", err: "write out the connection string"},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := New(Options{URL: c.url, ConnectionString: manifest.NewSecret(c.connection)})
			if c.err != "" {
				if err == nil || !strings.Contains(err.Error(), c.err) {
					t.Fatalf("got %v, want %q", err, c.err)
				}
				for _, secret := range []string{"c2VjcmV0", key, "!!not-base64!!"} {
					if strings.Contains(err.Error(), secret) {
						t.Errorf("%v shows a secret", err)
					}
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if s.String() != c.where || s.client.URL() != c.target || s.where.prefix != c.prefix {
				t.Errorf("at %s, asks %s with prefix %q", s, s.client.URL(), s.where.prefix)
			}
		})
	}
}

func TestTiers(t *testing.T) {
	for text, want := range map[string]string{"": "", "cool": "Cool", "HOT": "Hot", "cold": "Cold", "archive": "Archive"} {
		tier, err := parseTier(text)
		if err != nil || (tier == nil) != (want == "") || tier != nil && string(*tier) != want {
			t.Errorf("%q: %v, %v", text, tier, err)
		}
	}
	for text, want := range map[string]string{"premium": `cannot be "premium"; use hot, cool, cold or archive`} {
		if _, err := parseTier(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", text, err)
		}
	}
}
