package simulator

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
)

// call is one request to the Training API on its way through a handler.
type call struct {
	s       *Service
	r       *Resource
	req     *http.Request
	op      *operation
	version string
	vars    map[string]string // names of the path, ids in their normal form
	query   map[string]string // by name in lower case
	body    []byte
	base    string
	linkEnd string // of the links that it gives out, once it has
	now     time.Time
	p       *project // the project of the path, under the service's lock
}

func (c *call) preview() bool { return strings.HasSuffix(c.version, "preview") }

// serveAPI answers one call: route, authenticate, limit, carry out.
func (s *Service) serveAPI(w http.ResponseWriter, req *http.Request, r *Resource, path string) {
	w.Header().Set("apim-request-id", uuid.NewString())
	w.Header().Set("x-ms-region", r.opt.Name)
	if req.Method == http.MethodPost && !hasLength(req) {
		w.Header().Set("Content-Type", "text/html; charset=us-ascii")
		w.WriteHeader(http.StatusLengthRequired)
		_, _ = io.WriteString(w, lengthRequired)
		return
	}
	if !r.authentic(req) {
		refuseKey(w)
		return
	}
	o, version, vars := route(req.Method, path)
	if o == nil {
		writeJSON(w, http.StatusNotFound, gatewayError{Error: errorBody{Code: "404", Message: "Resource not found"}})
		return
	}
	if !r.admit(o.id, s.Now()) {
		refuseRate(w, r, o.id, version)
		return
	}
	w, done := r.meet(o.id, w)
	if done {
		return
	}
	c := &call{s: s, r: r, req: req, op: o, version: version, vars: vars, base: s.base(req)}
	c.readQuery(req.URL.Query())
	status, body, err := c.run()
	c.answer(w, status, body, err)
}

// run reads the body, which may be slow, and carries the call out under the
// service's lock; uploads lock for themselves.
func (c *call) run() (int, any, error) {
	if c.op.kind == uploading {
		return c.op.handler(c)
	}
	if err := c.readBody(); err != nil {
		return 0, nil, err
	}
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	if err := c.enter(); err != nil {
		return 0, nil, err
	}
	return c.op.handler(c)
}

// enter finds the call's project and checks that the call is allowed on it.
// The caller holds the service's lock.
func (c *call) enter() error {
	c.now = c.s.now()
	writes := c.op.kind == write || c.op.kind == uploading
	if writes && c.r.opt.ReadOnly {
		return refuse("ForbiddenUserInsufficientCapability", "The user does not have the capability to %s.", c.op.id)
	}
	if id, ok := c.vars["project"]; ok {
		if c.p = c.r.project(id); c.p == nil {
			return refuse("NotFoundProject", "The project %s does not exist.", id)
		}
		if c.p.settle(c.now, c.r.opt.ImportDropsMetadata) {
			c.s.dirty = true
		}
		if writes && c.p.DR {
			return refuse("ForbiddenDRModeEnabled", "Disaster recovery mode is enabled; the project is read-only.")
		}
	}
	if writes {
		c.s.dirty = true
	}
	return nil
}

func (c *call) answer(w http.ResponseWriter, status int, body any, err error) {
	switch e := err.(type) {
	case nil:
	case *apiError:
		writeJSON(w, e.status, errorBody{Code: e.code, Message: e.message})
		return
	default:
		writeJSON(w, http.StatusInternalServerError, errorBody{Code: "ErrorUnknown", Message: err.Error()})
		return
	}
	switch b := body.(type) {
	case nil:
		w.WriteHeader(status)
	case *content:
		b.serve(w, c.req)
	default:
		writeJSON(w, status, b)
	}
}

func (c *call) readQuery(q url.Values) {
	c.query = make(map[string]string, len(q))
	for name, values := range q {
		name = strings.ToLower(name)
		if old := c.query[name]; old != "" {
			values = append([]string{old}, values...)
		}
		c.query[name] = strings.Join(values, ",")
	}
}

func (c *call) readBody() error {
	var body bytes.Buffer
	if n := c.req.ContentLength; n > 0 {
		body.Grow(int(min(n, maxRequestBytes)) + bytes.MinRead) // or it would be moved again and again
	}
	if _, err := body.ReadFrom(io.LimitReader(c.req.Body, maxRequestBytes+1)); err != nil {
		return refuse("BadRequest", "The body could not be read.")
	}
	if body.Len() > maxRequestBytes {
		// Take the rest, so that the client is there to read the answer.
		_, _ = io.Copy(io.Discard, io.LimitReader(c.req.Body, maxRequestBytes))
		return &apiError{status: http.StatusRequestTimeout, code: "RequestTimeout", message: "The request timed out."}
	}
	c.body = body.Bytes()
	return nil
}

// decode parses the JSON body; whatever is wrong with it is refused with the
// given code and message.
func (c *call) decode(v any, code, message string) error {
	return c.decodeText(c.body, v, code, message)
}

// decodeText is decode for a body of which something has been taken.
func (c *call) decodeText(body []byte, v any, code, message string) error {
	if ct, _, err := mime.ParseMediaType(c.req.Header.Get("Content-Type")); err != nil || ct != "application/json" {
		return refuse("UnsupportedMediaType", "The content type %q is not supported here.", c.req.Header.Get("Content-Type"))
	}
	if err := json.Unmarshal(body, v); err != nil {
		return refuse(code, "%s", message)
	}
	return nil
}

// number parses an optional whole number of the query.
func (c *call) number(name string, def, low, high int) (int, error) {
	text := c.query[strings.ToLower(name)]
	if text == "" {
		return def, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < low || n > high {
		return 0, refuse("BadRequestInvalid", "%s must be between %d and %d.", name, low, high)
	}
	return n, nil
}

func (c *call) flag(name string) (bool, error) {
	switch text := c.query[strings.ToLower(name)]; strings.ToLower(text) {
	case "", "false":
		return false, nil
	case "true":
		return true, nil
	default:
		return false, refuse("BadRequestInvalid", "%s must be true or false.", name)
	}
}

// oneOf parses an optional choice of the query, without regard to case.
func (c *call) oneOf(name, code string, choices ...string) (string, error) {
	text := c.query[strings.ToLower(name)]
	if text == "" {
		return choices[0], nil
	}
	for _, ch := range choices {
		if strings.EqualFold(ch, text) {
			return ch, nil
		}
	}
	return "", refuse(code, "%s must be one of %s.", name, strings.Join(choices, ", "))
}

// ids parses a list of ids of the query, at most limit of them.
func (c *call) ids(name string, limit int) ([]string, error) {
	text := c.query[strings.ToLower(name)]
	if text == "" {
		return nil, nil
	}
	parts := strings.Split(text, ",")
	if len(parts) > limit {
		return nil, refuse("BadRequestExceededBatchSize", "%s is limited to %d ids.", name, limit)
	}
	return parseIDs(parts)
}

func parseIDs(texts []string) ([]string, error) {
	out := make([]string, len(texts))
	for i, t := range texts {
		id, err := uuid.Parse(strings.TrimSpace(t))
		if err != nil {
			return nil, refuse("BadRequestInvalidIds", "%q is not an id.", t)
		}
		out[i] = id.String()
	}
	return out, nil
}

// normalID is the form in which ids are compared; what is no id stays as it
// is and is found nowhere.
func normalID(text string) string {
	if id, err := uuid.Parse(text); err == nil {
		return id.String()
	}
	return text
}

func (r *Resource) authentic(req *http.Request) bool {
	if bearer, ok := strings.CutPrefix(req.Header.Get("Authorization"), "Bearer "); ok && r.opt.BearerToken != "" {
		return bearer == r.opt.BearerToken
	}
	return r.opt.Key != "" && req.Header.Get("Training-Key") == r.opt.Key
}

func refuseKey(w http.ResponseWriter) {
	writeJSON(w, http.StatusUnauthorized, gatewayError{Error: errorBody{Code: "401",
		Message: "Access denied due to invalid subscription key or wrong API endpoint. Make sure to provide a valid key for an active subscription and use a correct regional API endpoint for your resource."}})
}

func refuseRate(w http.ResponseWriter, r *Resource, op, version string) {
	if r.opt.RetryAfter {
		w.Header().Set("Retry-After", "1")
	}
	writeJSON(w, http.StatusTooManyRequests, gatewayError{Error: errorBody{Code: "429", Message: fmt.Sprintf(
		"Requests to the %s Operation under Custom_Vision_Training_%s have exceeded rate limit of your current Custom Vision %s pricing tier. Please retry after 1 second.",
		op, version, r.opt.Tier)}})
}
