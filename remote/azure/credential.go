package azure

import (
	"context"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
)

// CredentialError says that Entra ID gave no token. Its text is one line,
// without secrets.
type CredentialError struct {
	text string
	err  error
}

// Error implements error.
func (e *CredentialError) Error() string { return "no Entra ID token: " + e.text }

// Unwrap returns the cause.
func (e *CredentialError) Unwrap() error { return e.err }

// Credential wraps a token source so that its failures are [*CredentialError]
// and read as one line; nil stays nil.
func Credential(c azcore.TokenCredential) azcore.TokenCredential {
	if c == nil {
		return nil
	}
	return &credential{c}
}

type credential struct{ inner azcore.TokenCredential }

// GetToken implements azcore.TokenCredential.
func (c *credential) GetToken(ctx context.Context, o policy.TokenRequestOptions) (azcore.AccessToken, error) {
	t, err := c.inner.GetToken(ctx, o)
	if err != nil {
		return t, &CredentialError{text: OneLine(Scrub(err.Error()), maxText), err: err}
	}
	return t, nil
}
