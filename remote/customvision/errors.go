package customvision

import (
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"html"
	"io"
	"net/http"
	"regexp"
	"strings"

	"cvarchive/manifest"
	"cvarchive/remote/azure"
)

const (
	maxMessage = 500 // runes of the service's words
	maxCode    = 100 // runes of the service's code
)

// serviceError turns an answer that is not success into an error.
func (c *Client) serviceError(k call, resp *http.Response) *manifest.ServiceError {
	body, _ := io.ReadAll(io.LimitReader(resp.Body, azure.MaxErrorBody))
	code, message := parseError(resp.Header, body)
	if message == "" && resp.StatusCode >= 300 && resp.StatusCode < 400 {
		message = "it redirects to " + azure.RedactURL(resp.Header.Get("Location"))
	}
	e := &manifest.ServiceError{
		Resource:   c.name,
		Operation:  k.operation,
		StatusCode: resp.StatusCode,
		Code:       azure.OneLine(c.scrub(code), maxCode),
		Message:    azure.OneLine(c.scrub(message), maxMessage),
		RequestID:  requestID(resp.Header),
	}
	e.Hint = c.hint(e)
	return e
}

// noAnswer turns the lack of an answer into an error. A cancelled call is
// the caller's doing, and said with the context's own error.
func (c *Client) noAnswer(ctx context.Context, k call, err error) error {
	return lost(ctx, c.name, k.operation, c.endpoint.Host, k.once, err)
}

func lost(ctx context.Context, resource, operation, host string, once bool, err error) error {
	e := &manifest.ServiceError{Resource: resource, Operation: operation}
	if ctxErr := ctx.Err(); ctxErr != nil {
		err = ctxErr
	}
	if _, ok := errors.AsType[*tooLargeError](err); ok {
		e.Err, e.Hint = err, "check the endpoint, and a proxy in between"
		return e
	}
	e.Err, e.Hint = azure.Explain(err, host)
	if once && !azure.IsUnsent(err) && !azure.IsPermanent(err) {
		e.Hint = "it may have taken effect all the same: look before asking again"
	}
	return e
}

// requestID finds the id that Azure's support asks for.
func requestID(h http.Header) string {
	for _, name := range []string{"Apim-Request-Id", "X-Ms-Request-Id", "Request-Id"} {
		if v := h.Get(name); v != "" {
			return azure.OneLine(azure.Scrub(v), maxCode)
		}
	}
	return ""
}

// errorBody is every JSON shape that errors come in: the service's
// {code,message}, the gateway's {"error":{code,message}} and
// {statusCode,message}.
type errorBody struct {
	Code    flexible `json:"code"`
	Message flexible `json:"message"`
	Title   flexible `json:"title"`
	Error   *struct {
		Code    flexible `json:"code"`
		Message flexible `json:"message"`
	} `json:"error"`
}

// flexible is a string, or whatever else stands in its place, as text.
type flexible string

// UnmarshalJSON implements [json.Unmarshaler].
func (f *flexible) UnmarshalJSON(data []byte) error {
	var s string
	if json.Unmarshal(data, &s) != nil {
		s = string(data)
	}
	*f = flexible(s)
	return nil
}

func parseError(h http.Header, body []byte) (code, message string) {
	text := strings.TrimSpace(strings.TrimPrefix(string(body), "\ufeff"))
	switch {
	case strings.HasPrefix(text, "{"):
		code, message = parseJSONError(text)
	case strings.HasPrefix(text, "<"):
		code, message = parseMarkupError(text)
	case strings.HasPrefix(text, `"`):
		if json.Unmarshal([]byte(text), &message) != nil {
			message = text
		}
	default:
		message = text
	}
	if code == "" {
		code = h.Get("X-Ms-Error-Code") // Blob Storage
	}
	return code, message
}

func parseJSONError(text string) (code, message string) {
	var e errorBody
	if json.Unmarshal([]byte(text), &e) != nil {
		// "error" may be a string, or the JSON cut off at the bound.
		var plain struct {
			Error flexible `json:"error"`
		}
		if json.Unmarshal([]byte(text), &plain) == nil && plain.Error != "" {
			return "", string(plain.Error)
		}
		return "", text
	}
	code, message = string(e.Code), string(e.Message)
	if e.Error != nil {
		code, message = first(string(e.Error.Code), code), first(string(e.Error.Message), message)
	}
	return code, first(message, string(e.Title))
}

func first(values ...string) string {
	for _, v := range values {
		if v != "" && v != "null" {
			return v
		}
	}
	return ""
}

var (
	htmlHeading = regexp.MustCompile(`(?is)<(?:h[12]|title)[^>]*>(.*?)</(?:h[12]|title)>`)
	htmlHidden  = regexp.MustCompile(`(?is)<(script|style)[^>]*>.*?</(?:script|style)>|<!--.*?-->`)
	htmlTag     = regexp.MustCompile(`<[^>]*>`)
)

// parseMarkupError reads the XML of Blob Storage, and the headings of an
// HTML page, such as the one that comes with 411.
func parseMarkupError(text string) (code, message string) {
	var e struct {
		XMLName xml.Name `xml:"Error"`
		Code    string   `xml:"Code"`
		Message string   `xml:"Message"`
	}
	if xml.Unmarshal([]byte(text), &e) == nil {
		// Blob Storage repeats its request id and the time in the message.
		message, _, _ = strings.Cut(e.Message, "\n")
		return e.Code, message
	}
	text = htmlHidden.ReplaceAllString(text, " ")
	var headings []string
	for _, m := range htmlHeading.FindAllStringSubmatch(text, 3) {
		h := strings.TrimSpace(html.UnescapeString(htmlTag.ReplaceAllString(m[1], " ")))
		if h != "" && (len(headings) == 0 || headings[len(headings)-1] != h) {
			headings = append(headings, h)
		}
	}
	if len(headings) > 0 {
		return "", strings.Join(headings, ": ")
	}
	return "", html.UnescapeString(htmlTag.ReplaceAllString(text, " "))
}
