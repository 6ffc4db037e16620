package customvision

import (
	"net/http"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"

	"cvarchive/remote/azure"
)

const (
	keyHeader  = "Training-Key"
	entraScope = "https://cognitiveservices.azure.com/.default"
)

// keyPolicy shows the training key to the resource's own host only.
type keyPolicy struct{ host, key string }

// Do implements policy.Policy.
func (p *keyPolicy) Do(req *policy.Request) (*http.Response, error) {
	if req.Raw().URL.Host == p.host {
		req.Raw().Header.Set(keyHeader, p.key)
	}
	return req.Next()
}

// bearerPolicy signs with Entra ID. Plain http is let through because only a
// loopback endpoint can have it (see azure.CheckEndpoint).
func bearerPolicy(credential azcore.TokenCredential) policy.Policy {
	return runtime.NewBearerTokenPolicy(azure.Credential(credential), []string{entraScope},
		&policy.BearerTokenOptions{InsecureAllowCredentialWithHTTP: true})
}
