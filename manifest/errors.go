package manifest

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// ServiceError is an answer of the Custom Vision service or of Blob Storage
// that is not success, or the lack of an answer. It never carries a key or a
// SAS signature.
type ServiceError struct {
	Resource   string // configured name or host of the resource
	Operation  string // as in the service's specification, such as GetImages
	StatusCode int    // HTTP status; 0 when no answer came
	Code       string // the service's code, such as BadRequestInvalidImportToken
	Message    string // the service's words, one line
	RequestID  string
	Hint       string // what to do, a clause without a full stop
	Err        error  // cause, where no answer came
}

// Error says in one sentence what was asked of whom, what came, and what to
// do.
func (e *ServiceError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s on %s", e.Operation, e.Resource)
	switch {
	case e.StatusCode == 0 && e.Err != nil:
		fmt.Fprintf(&b, " got no answer: %v", e.Err)
	default:
		fmt.Fprintf(&b, " answered %d", e.StatusCode)
		if e.Code != "" && e.Code != strconv.Itoa(e.StatusCode) {
			fmt.Fprintf(&b, " %s", e.Code)
		}
		if e.Message != "" {
			fmt.Fprintf(&b, ": %s", strings.TrimRight(e.Message, "."))
		}
	}
	if e.RequestID != "" {
		fmt.Fprintf(&b, " (request %s)", e.RequestID)
	}
	if e.Hint != "" {
		fmt.Fprintf(&b, "; %s", e.Hint)
	}
	return b.String()
}

// Unwrap returns the cause.
func (e *ServiceError) Unwrap() error { return e.Err }

// FailureOf turns an error into the record that an archive or report keeps.
// Both texts are cut where nobody would read on: items are named with names
// of the service's.
func FailureOf(item string, err error) Failure {
	const maxItem, maxMessage = 400, 2000
	f := Failure{Item: short(item, maxItem), Message: short(err.Error(), maxMessage)}
	if se, ok := errors.AsType[*ServiceError](err); ok {
		f.Operation, f.Code, f.RequestID = se.Operation, se.Code, se.RequestID
		if se.Message != "" {
			f.Message = short(se.Message, maxMessage)
		}
	}
	return f
}

// IsNotFound reports whether the service said that the thing does not exist.
func IsNotFound(err error) bool { return hasStatus(err, 404) }

// IsForbidden reports whether the credential may not do this.
func IsForbidden(err error) bool { return hasStatus(err, 401) || hasStatus(err, 403) }

func hasStatus(err error, status int) bool {
	se, ok := errors.AsType[*ServiceError](err)
	return ok && se.StatusCode == status
}
