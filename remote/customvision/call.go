package customvision

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"

	"cvarchive/manifest"
	"cvarchive/remote/azure"
)

// call is one call of the Training API.
type call struct {
	operation   string // operationId of the specification
	method      string
	path        []string // segments below the API's path
	query       query
	body        payload
	contentType string // of body; empty: JSON
	once        bool   // see the package comment: what is repeated
	stream      bool   // the answer's body is read by the caller
	offset      int64  // of a stream: where to start, in bytes
}

// query builds a query string. Values are percent-encoded once, whole; a
// space becomes %20.
type query struct{ pairs []string }

func (q *query) set(key, value string) {
	q.pairs = append(q.pairs, escape(key)+"="+escape(value))
}

// opt sets a value unless it is empty.
func (q *query) opt(key, value string) {
	if value != "" {
		q.set(key, value)
	}
}

// list sets comma-separated values unless there are none.
func (q *query) list(key string, values []string) {
	if len(values) > 0 {
		q.set(key, strings.Join(values, ","))
	}
}

func (q *query) number(key string, n int) { q.set(key, strconv.Itoa(n)) }

func (q *query) flag(key string, on bool) {
	if on {
		q.set(key, "true")
	}
}

func escape(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }

// get is a call that reads.
func get(operation string, path ...string) call {
	return call{operation: operation, method: http.MethodGet, path: path}
}

// send is a call that changes something, with a value as its JSON.
func send(method, operation string, value any, path ...string) (call, error) {
	k := call{operation: operation, method: method, path: path}
	body, err := json.Marshal(value)
	if err != nil {
		return k, fmt.Errorf("%s: encode the request: %w", operation, err)
	}
	k.body = payload{{text: body}}
	return k, nil
}

// do makes a call and decodes its JSON into out, unless that is nil.
func (c *Client) do(ctx context.Context, k call, out any) error {
	resp, err := c.roundTrip(ctx, k)
	if err != nil || resp == nil {
		return err
	}
	defer drop(resp.Body)
	if out == nil {
		return nil
	}
	data, err := io.ReadAll(resp.Body)
	if err == nil { // a list of 30 million zeros would take gigabytes
		err = manifest.CheckJSON(data)
	}
	if err == nil {
		err = decode(data, out)
	}
	if err != nil {
		return &manifest.ServiceError{
			Resource: c.name, Operation: k.operation, StatusCode: resp.StatusCode, RequestID: requestID(resp.Header),
			Message: "the answer is not the JSON that the operation gives: " + azure.OneLine(c.scrub(err.Error()), maxMessage),
			Hint:    "check the endpoint, and a proxy in between",
		}
	}
	return nil
}

// decoder is an answer that reads its JSON itself.
type decoder interface{ decode(data []byte) error }

func decode(data []byte, out any) error {
	if d, ok := out.(decoder); ok {
		return d.decode(data)
	}
	return json.Unmarshal(data, out)
}

// roundTrip makes a call; the answer is a success, or nil where a deletion
// that was sent twice found nothing the second time.
func (c *Client) roundTrip(ctx context.Context, k call) (*http.Response, error) {
	address, err := c.address(k)
	if err != nil {
		return nil, fmt.Errorf("%s on %s: %w", k.operation, c.name, err)
	}
	t := &tries{once: k.once}
	req, err := runtime.NewRequest(policy.WithRetryOptions(ctx, t.options(c.retry)), k.method, address)
	if err != nil {
		return nil, fmt.Errorf("%s on %s: the address cannot be used: %s", k.operation, c.name, azure.RedactURL(address))
	}
	k.prepare(req.Raw().Header)
	if k.stream {
		req.SetOperationValue(&streamed{})
	}
	if k.body != nil {
		req.SetOperationValue(k.body)
	}
	resp, err := c.api.Do(req)
	if err != nil {
		return nil, c.noAnswer(ctx, k, err)
	}
	if k.answered(resp) {
		return resp, nil
	}
	defer drop(resp.Body)
	if k.method == http.MethodDelete && resp.StatusCode == http.StatusNotFound && t.repeated() {
		return nil, nil // the lost answer said that it is gone
	}
	return nil, c.serviceError(k, resp)
}

func (k *call) prepare(h http.Header) {
	h.Set("Accept", "application/json")
	if k.stream {
		h.Set("Accept", "application/octet-stream, application/json;q=0.5")
		h.Set("Accept-Encoding", "identity")
	}
	if k.offset > 0 {
		h.Set("Range", fmt.Sprintf("bytes=%d-", k.offset))
	}
	if k.body != nil {
		contentType := k.contentType
		if contentType == "" {
			contentType = "application/json"
		}
		h.Set("Content-Type", contentType)
	}
}

// answered reports whether an answer is a success. Asking for the bytes
// after the last one is one too: there are none left.
func (k *call) answered(resp *http.Response) bool {
	if resp.StatusCode == http.StatusRequestedRangeNotSatisfiable && k.offset > 0 {
		_, size := contentRange(resp.Header.Get("Content-Range"))
		return size == k.offset
	}
	return resp.StatusCode >= 200 && resp.StatusCode < 300
}

// address is the call's URL. Ids come from archives and answers, so none may
// be empty or climb.
func (c *Client) address(k call) (string, error) {
	var b strings.Builder
	b.WriteString(c.base)
	for _, segment := range k.path {
		if segment == "" || segment == "." || segment == ".." {
			return "", fmt.Errorf("an id is missing or unusable (%q)", segment)
		}
		b.WriteString("/" + url.PathEscape(segment))
	}
	if len(k.query.pairs) > 0 {
		b.WriteString("?" + strings.Join(k.query.pairs, "&"))
	}
	return b.String(), nil
}
