package simulator

import (
	"bytes"
	"encoding/base64"
	"encoding/xml"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// content is the bytes of one blob, ready to be sent.
type content struct {
	ref      blobRef
	data     []byte
	modified time.Time
}

func (b *content) serve(w http.ResponseWriter, req *http.Request) {
	h := w.Header()
	h.Set("Content-Type", b.ref.Type)
	h.Set("Etag", `"0x`+strings.ToUpper(b.ref.Hash[:16])+`"`)
	md5Header := "Content-Md5"
	if req.Header.Get("Range") != "" {
		md5Header = "X-Ms-Blob-Content-Md5" // Content-MD5 would be that of the range
	}
	h.Set(md5Header, base64.StdEncoding.EncodeToString(b.ref.MD5))
	h.Set("X-Ms-Blob-Type", "BlockBlob")
	if b.modified.Unix() <= 0 || conditional(req) {
		http.ServeContent(w, req, "", b.modified, bytes.NewReader(b.data))
		return
	}
	b.serveWhole(w, req)
}

// conditional reports whether a request is for a part, or depends on what
// the client has.
func conditional(req *http.Request) bool {
	for name := range req.Header {
		if name == "Range" || strings.HasPrefix(name, "If-") {
			return true
		}
	}
	return false
}

// serveWhole is [http.ServeContent] for requests without conditions; that
// would copy all bytes once more.
func (b *content) serveWhole(w http.ResponseWriter, req *http.Request) {
	h := w.Header()
	h.Set("Last-Modified", b.modified.UTC().Format(http.TimeFormat))
	h.Set("Accept-Ranges", "bytes")
	h.Set("Content-Length", strconv.Itoa(len(b.data)))
	w.WriteHeader(http.StatusOK)
	if req.Method != http.MethodHead {
		_, _ = w.Write(b.data) // a client that went away needs no answer
	}
}

// found is where the bytes of a blob are: stored, or to be made of stored
// ones.
type found struct {
	source        blobRef
	modified      time.Time
	made          string // empty: the source itself
	width, height int
}

// find looks for a blob by container and name. The caller holds the lock.
func (s *Service) findBlob(r *Resource, path string, now time.Time) (found, bool) {
	container, name, _ := strings.Cut(path, "/")
	kind, id, _ := strings.Cut(container, "-")
	for _, p := range r.projects {
		if !isBare(id, p.ID) {
			continue
		}
		switch kind {
		case "i":
			return p.findPicture(name)
		case "m":
			return p.findModel(name, now)
		}
	}
	return found{}, false
}

func (p *project) findPicture(name string) (found, bool) {
	kind, id, _ := strings.Cut(name, "-")
	im := p.anyImage(normalID(id))
	if im == nil {
		return found{}, false
	}
	f := found{source: im.Original, modified: im.Created}
	switch kind {
	case "o":
		return f, im.Resized
	case "i":
		if im.Resized {
			f.made, f.width, f.height = fmt.Sprintf("resized %dx%d", im.Width, im.Height), im.Width, im.Height
		}
		return f, true
	case "t":
		long := max(im.Width, im.Height)
		f.width, f.height = max(1, im.Width*thumbnailSide/long), max(1, im.Height*thumbnailSide/long)
		f.made = "thumbnail"
		return f, true
	}
	return found{}, false
}

// anyImage finds an image in the workspace or in any iteration.
func (p *project) anyImage(id string) *image {
	if im := p.Workspace.get(id); im != nil {
		return im
	}
	for _, it := range p.Iterations {
		if im := it.Images.get(id); im != nil {
			return im
		}
	}
	return nil
}

func (p *project) findModel(name string, now time.Time) (found, bool) {
	for _, it := range p.Iterations {
		for _, e := range it.Exports {
			if e.Name == name && !now.Before(e.ReadyAt) {
				return found{source: e.Blob, modified: e.ReadyAt}, true
			}
		}
	}
	return found{}, false
}

// open reads or makes the bytes that were found.
func (s *Service) open(f found) (*content, error) {
	if f.made == "" {
		data, err := s.blobs.get(f.source)
		return &content{ref: f.source, data: data, modified: f.modified}, err
	}
	ref, data, err := s.blobs.made(f.made, f.source, func(from []byte) ([]byte, error) {
		return scale(from, f.width, f.height)
	})
	return &content{ref: ref, data: data, modified: f.modified}, err
}

// serveBlob answers a GET or HEAD of a link as Azure Storage would.
func (s *Service) serveBlob(w http.ResponseWriter, req *http.Request, r *Resource, path string) {
	counter := &countingWriter{ResponseWriter: w}
	defer func() { r.countBlob(counter.n) }()
	w, done := r.meet(BlobOperation, counter)
	if done {
		return
	}
	w.Header().Set("X-Ms-Version", sasVersion)
	if req.Method != http.MethodGet && req.Method != http.MethodHead {
		storageError(w, http.StatusForbidden, "AuthorizationPermissionMismatch", "This request is not authorized to perform this operation using this permission.", "")
		return
	}
	now := s.Now()
	if code, detail := s.checkLink(r, path, req.URL.RawQuery, now); code != "" {
		storageError(w, http.StatusForbidden, code, "Server failed to authenticate the request. Make sure the value of Authorization header is formed correctly including the signature.", detail)
		return
	}
	if strings.HasPrefix(path, exportContainer) {
		storageError(w, http.StatusForbidden, "AuthorizationFailure", "The export is read by ImportProject only.", "")
		return
	}
	s.mu.Lock()
	f, ok := s.findBlob(r, path, now)
	s.mu.Unlock()
	if !ok {
		storageError(w, http.StatusNotFound, "BlobNotFound", "The specified blob does not exist.", "")
		return
	}
	b, err := s.open(f)
	if err != nil {
		storageError(w, http.StatusInternalServerError, "InternalError", err.Error(), "")
		return
	}
	b.serve(w, req)
}

// storageError is an error as Azure Storage words it.
func storageError(w http.ResponseWriter, status int, code, message, detail string) {
	body, err := xml.Marshal(struct {
		XMLName xml.Name `xml:"Error"`
		Code    string
		Message string
		Detail  string `xml:"AuthenticationErrorDetail,omitempty"`
	}{Code: code, Message: message, Detail: detail})
	if err != nil {
		status = http.StatusInternalServerError
	}
	w.Header().Set("Content-Type", "application/xml")
	w.Header().Set("x-ms-error-code", code)
	w.WriteHeader(status)
	_, _ = w.Write(append([]byte(xml.Header), body...))
}

// countingWriter counts the bytes of an answer's body.
type countingWriter struct {
	http.ResponseWriter
	n int64
}

func (c *countingWriter) Write(p []byte) (int, error) {
	n, err := c.ResponseWriter.Write(p)
	c.n += int64(n)
	return n, err
}

func (c *countingWriter) Unwrap() http.ResponseWriter { return c.ResponseWriter }

// getArtifact serves a blob of the project by its relative path.
func getArtifact(c *call) (int, any, error) {
	path := strings.ToLower(strings.TrimPrefix(c.query["path"], "/"))
	container, _, ok := strings.Cut(path, "/")
	_, id, _ := strings.Cut(container, "-")
	if !ok || id != bare(c.p.ID) {
		return 0, nil, refuse("BadRequestInvalidArtifactUri", "The artifact path is invalid.")
	}
	f, ok := c.s.findBlob(c.r, path, c.now)
	if !ok {
		return 0, nil, refuse("NotFound", "The artifact does not exist.")
	}
	b, err := c.s.open(f)
	if err != nil {
		return 0, nil, err
	}
	return 200, b, nil
}
