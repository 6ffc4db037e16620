package customvision

import (
	"net/http"
	"strings"

	"cvarchive/manifest"
)

// hint says what to do about an error of the service: by its code where that
// is telling, else by the status.
func (c *Client) hint(e *manifest.ServiceError) string {
	if h := hintByCode(e.Code); h != "" {
		return h
	}
	switch e.StatusCode {
	case http.StatusUnauthorized:
		if c.entra {
			return "check that this identity may use the resource, and that the endpoint is the resource's own subdomain"
		}
		return "check the training key: it must belong to this endpoint's resource"
	case http.StatusForbidden:
		return hintForbidden(e)
	case http.StatusNotFound:
		return "check the endpoint and the id: it does not exist here, or no longer"
	case http.StatusRequestTimeout:
		return "the call took too long: send fewer bytes in one call, or try again"
	case http.StatusTooManyRequests:
		return "lower calls_per_second of this resource, or stop what else uses it, then try again"
	}
	switch {
	case e.StatusCode >= 500:
		return "the service has a problem: try again later, and give its support the request id"
	case e.StatusCode >= 300 && e.StatusCode < 400:
		return "check the endpoint: a Custom Vision resource does not redirect"
	}
	return ""
}

func hintForbidden(e *manifest.ServiceError) string {
	text := strings.ToLower(e.Message)
	switch {
	case strings.Contains(text, "quota"):
		return "the resource's quota is used up: wait until it is renewed, or raise the tier"
	case strings.Contains(text, "firewall") || strings.Contains(text, "virtual network"):
		return "let this machine's address into the resource's network settings"
	case e.Operation == "ExportProject":
		return "exporting needs the role Custom Vision Contributor, or Cognitive Services Data Reader"
	}
	return "this credential may not do that: reading needs the role Custom Vision Reader, creating and importing Custom Vision Contributor"
}

// hintByCode knows the codes whose cure is not obvious.
func hintByCode(code string) string {
	switch code {
	case "ForbiddenDRModeEnabled":
		return "the project is read-only while its disaster recovery mode is on: wait until that ends"
	case "BadRequestExportWhileTraining":
		return "the project is being trained: try again when the training has ended"
	case "BadRequestInvalidImportToken":
		return "the token has expired or is not whole: rebuild the project from its content"
	case "BadRequestExceedProjectLimit":
		return "the resource holds as many projects as its tier allows: delete some, or raise the tier"
	case "BadRequestExceedTagPerProjectLimit":
		return "the project holds as many tags as the tier allows: raise the tier"
	case "BadRequestExceededQuota", "BadRequestImageExceededCount":
		return "the tier's limit is reached: raise the tier, or make room"
	case "BadRequestProjectNameNotUnique":
		return "a project of that name exists: choose another name"
	case "BadRequestTagNameNotUnique":
		return "a tag of that name exists in the project"
	case "BadRequestProjectUnknownDomain":
		return "the resource does not offer the domain: choose one that it lists"
	case "BadRequestCustomerManagedKeyRevoked":
		return "give the resource access to its customer-managed key again"
	case "BadRequestExportAlreadyInProgress":
		return "that export is under way already: read the list of exports"
	case "BadRequestTrainingAlreadyInProgress":
		return "the project is being trained already: wait until that has ended"
	case "NotFoundProject":
		return "the project does not exist in this resource, or no longer"
	}
	return ""
}
