package simulator

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
)

// apiError is a refusal in the service's own words: code and message.
type apiError struct {
	status  int
	code    string
	message string
}

func (e *apiError) Error() string { return e.code + ": " + e.message }

// refuse makes the error for a code of the spec; the code's first word says
// which HTTP status goes with it.
func refuse(code, format string, args ...any) error {
	status := http.StatusBadRequest
	for prefix, s := range map[string]int{
		"NotFound": http.StatusNotFound, "Forbidden": http.StatusForbidden,
		"Conflict": http.StatusConflict, "UnsupportedMediaType": http.StatusUnsupportedMediaType,
		"Error": http.StatusInternalServerError,
	} {
		if strings.HasPrefix(code, prefix) {
			status = s
		}
	}
	return &apiError{status: status, code: code, message: fmt.Sprintf(format, args...)}
}

// errorBody is the body of the service's errors, gatewayError that of the API
// gateway in front of it.
type errorBody struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

type gatewayError struct {
	Error errorBody `json:"error"`
}

// appender is an answer that writes its JSON itself.
type appender interface{ appendJSON(b []byte) []byte }

func writeJSON(w http.ResponseWriter, status int, v any) {
	var body []byte
	var err error
	if a, ok := v.(appender); ok {
		body = a.appendJSON(nil)
	} else {
		body, err = json.Marshal(v)
	}
	if err != nil {
		status, body = http.StatusInternalServerError, []byte(`{"code":"ErrorUnknown","message":"The answer could not be encoded."}`)
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(body) // a client that went away needs no answer
}

// lengthRequired is what the front end says to a POST without a length.
const lengthRequired = `<!DOCTYPE HTML PUBLIC "-//W3C//DTD HTML 4.01//EN""http://www.w3.org/TR/html4/strict.dtd">
<HTML><HEAD><TITLE>Length Required</TITLE>
<META HTTP-EQUIV="Content-Type" Content="text/html; charset=us-ascii"></HEAD>
<BODY><h2>Length Required</h2>
<hr><p>HTTP Error 411. The request must be chunked or have a content length.</p>
</BODY></HTML>
`
