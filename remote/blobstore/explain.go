package blobstore

import (
	"cmp"
	"encoding/xml"
	"errors"
	"io/fs"
	"net/http"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/bloberror"

	"cvarchive/manifest"
	"cvarchive/manifest/store"
	"cvarchive/remote/azure"
)

const maxMessage = 300 // runes of the service's words

// explain translates an error of the client library, once. The result is a
// [*manifest.ServiceError]; a missing or taken name is under it as
// [fs.ErrNotExist] or [fs.ErrExist].
func (s *Store) explain(operation string, err error) error {
	e := &manifest.ServiceError{Resource: s.String(), Operation: operation}
	re, ok := errors.AsType[*azcore.ResponseError](err)
	if !ok {
		e.Err, e.Hint = azure.Explain(err, s.where.account.Host)
		return e
	}
	e.StatusCode, e.Code = re.StatusCode, re.ErrorCode
	detail := ""
	if re.RawResponse != nil {
		e.RequestID = azure.OneLine(re.RawResponse.Header.Get("x-ms-request-id"), 64)
		e.Message, detail = readMessage(re.RawResponse)
	}
	switch {
	case e.Code == string(bloberror.BlobNotFound), e.Code == "" && e.StatusCode == http.StatusNotFound:
		e.Err = fs.ErrNotExist
	case e.Code == string(bloberror.BlobAlreadyExists):
		e.Err = fs.ErrExist
	case e.Code == string(bloberror.BlobArchived), e.Code == string(bloberror.BlobBeingRehydrated):
		e.Err = store.ErrOffline
	case e.Code == string(bloberror.BlobImmutableDueToPolicy):
		e.Err = store.ErrProtected
	}
	e.Hint = s.hint(e, detail)
	return e
}

// explainTaken is explain for an answer that is known to mean that the name
// is taken.
func (s *Store) explainTaken(operation string, err error) error {
	err = s.explain(operation, err)
	if e, ok := errors.AsType[*manifest.ServiceError](err); ok {
		e.Err, e.Hint = fs.ErrExist, "nothing was replaced"
	}
	return err
}

// readMessage takes the service's words out of an error's body. They end in
// lines with request id and time, which are known otherwise.
func readMessage(resp *http.Response) (message, detail string) {
	body, err := runtime.Payload(resp)
	if err != nil || len(body) == 0 {
		return "", ""
	}
	var answer struct {
		Message string
		Detail  string `xml:"AuthenticationErrorDetail"`
	}
	if xml.Unmarshal(body, &answer) != nil {
		return "", ""
	}
	message, _, _ = strings.Cut(answer.Message, "\n")
	clean := func(text string) string { return azure.OneLine(azure.Scrub(text), maxMessage) }
	return clean(message), clean(answer.Detail)
}

// hint says what to do about an answer: a clause without a full stop.
func (s *Store) hint(e *manifest.ServiceError, detail string) string {
	switch bloberror.Code(e.Code) {
	case bloberror.AuthenticationFailed, bloberror.InvalidAuthenticationInfo:
		return s.hintAuthentication(detail)
	case bloberror.AuthorizationPermissionMismatch, bloberror.InsufficientAccountPermissions,
		bloberror.AuthorizationResourceTypeMismatch, bloberror.AuthorizationServiceMismatch:
		return s.hintPermission(e.Operation)
	case bloberror.AuthorizationFailure, bloberror.AuthorizationSourceIPMismatch:
		if azure.IsLoopback(s.where.account) { // the emulator's word for a wrong key or SAS
			return s.hintAuthentication(detail)
		}
		return "the account's firewall or the SAS does not let this through; allow this machine's address in the account's networking settings, or check what the SAS permits"
	case bloberror.AuthorizationProtocolMismatch:
		return "the SAS or the account wants https"
	case "KeyBasedAuthenticationNotPermitted":
		return "the account does not accept keys; use Entra ID (leave the connection string out)"
	case bloberror.NoAuthenticationInformation, bloberror.ResourceNotFound, "PublicAccessNotPermitted":
		return "the container is not public, and should not be; give a connection string, a SAS in the address, or use Entra ID"
	case bloberror.ContainerNotFound:
		return "check the container's name in the vault's address, or make it with `cvarchive init`"
	case bloberror.ContainerBeingDeleted:
		return "the container was deleted just now; wait a minute, then try again"
	case bloberror.AccountIsDisabled:
		return "the storage account is disabled; look at its subscription"
	case bloberror.BlobArchived:
		return "it lies in the archive tier, from which nothing is read; `cvarchive rehydrate` with the archive's name brings it back within hours, then try again"
	case bloberror.BlobBeingRehydrated:
		return "it is on its way out of the archive tier, which takes up to 15 hours; `cvarchive rehydrate --wait` with the archive's name follows it"
	case bloberror.BlobImmutableDueToPolicy:
		return "an immutability policy or a legal hold protects it; `cvarchive hold --release` with the archive's name takes off a hold, and a policy ends by itself"
	case "BlobUsesCustomerSpecifiedEncryption":
		return "it is encrypted with a customer's key, or another one; set customer_key of the vault in the config to the key it was written with"
	case bloberror.FeatureVersionMismatch:
		return "the account does not have this feature"
	case bloberror.MD5Mismatch, bloberror.CRC64Mismatch, bloberror.InvalidMD5:
		return "the bytes were damaged on the way; try again, and suspect a proxy if it goes on"
	case bloberror.ServerBusy, bloberror.OperationTimedOut, bloberror.InternalError:
		return "the service is busy; try again later"
	case bloberror.InvalidHeaderValue, bloberror.UnsupportedHeader:
		return "if this is the Azurite emulator, start it with --skipApiVersionCheck"
	case bloberror.InvalidResourceName, bloberror.InvalidURI, bloberror.OutOfRangeInput:
		return "check the vault's address"
	case bloberror.BlobNotFound, bloberror.BlobAlreadyExists, bloberror.ContainerAlreadyExists:
		return ""
	}
	switch {
	case e.StatusCode == http.StatusForbidden, e.StatusCode == http.StatusUnauthorized:
		return s.hintAuthentication(detail)
	case azure.IsTransient(e.StatusCode), e.StatusCode == http.StatusTooManyRequests:
		return "try again later"
	}
	return ""
}

// hintAuthentication tells what to look at first when the service does not
// believe who is asking.
func (s *Store) hintAuthentication(detail string) string {
	switch {
	case strings.Contains(detail, "not within allowable"), strings.Contains(detail, "date header"):
		return "this machine's clock is wrong by more than 15 minutes; set it"
	case strings.Contains(detail, "specified time frame"), strings.Contains(detail, "Signature not valid in"):
		return "the SAS has expired or is not valid yet; make a new one, or set this machine's clock"
	}
	switch s.auth {
	case byKey:
		return "check the account key in the connection string (was it rotated?) and this machine's clock"
	case bySAS:
		return "check that the SAS is whole and has not expired, and this machine's clock"
	}
	return "check that the identity is of the account's tenant and that this machine's clock is right"
}

func (s *Store) hintPermission(operation string) string {
	if operation == "GetUserDelegationKey" {
		return "give the identity the role Storage Blob Delegator on the storage account; it takes up to 10 minutes to work"
	}
	if s.auth == byEntra && (operation == "SetBlobImmutabilityPolicy" || operation == "SetBlobLegalHold") {
		return "give the identity the role Storage Blob Data Owner on the container; it takes up to 10 minutes to work"
	}
	if s.auth == byEntra {
		return "give the identity the role Storage Blob Data Contributor on the container (Reader is enough to list, inspect, verify and restore); it takes up to 10 minutes to work"
	}
	need := map[string]string{
		"PutBlob": "create (c) or write (w)", "PutBlock": "create (c) or write (w)", "PutBlockList": "create (c) or write (w)",
		"GetBlob": "read (r)", "GetBlobProperties": "read (r)", "ListBlobs": "list (l)", "DeleteBlob": "delete (d)",
		"CopyBlobFromURL": "create (c) or write (w)", "SetBlobMetadata": "write (w)", "SetBlobTier": "write (w)", "UndeleteBlob": "write (w)",
		"SetBlobImmutabilityPolicy": "setting immutability policies (i)", "SetBlobLegalHold": "setting legal holds (i)",
		"CreateContainer": "creating containers, which only an account SAS can",
	}[operation]
	return "the SAS does not permit " + cmp.Or(need, operation) + "; make one for the container with read, add, create, write, delete and list"
}
