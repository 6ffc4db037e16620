package customvision

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
)

// maxAnswer bounds the JSON of an answer, in bytes. A full page of images
// with 300 regions each stays well below.
const maxAnswer = 64 << 20

// streamed marks a call whose answer is read by the caller.
type streamed struct {
	first *outcome // of a try that was made already; nil: none was
}

// outcome is what came of a try.
type outcome struct {
	resp *http.Response
	err  error
}

// tryPolicy is one try of a call: with a fresh body, a deadline, and an
// answer that is read whole but bounded, so that a connection that breaks
// within the answer is retried too.
type tryPolicy struct{ timeout time.Duration }

// Do implements policy.Policy.
func (p *tryPolicy) Do(req *policy.Request) (*http.Response, error) {
	var body payload
	if req.OperationValue(&body) {
		setBody(req.Raw(), body)
	}
	runtime.SkipBodyDownload(req)
	var stream *streamed
	if req.OperationValue(&stream) {
		if first := stream.first; first != nil {
			stream.first = nil
			return first.resp, first.err
		}
		return req.Next()
	}
	ctx, cancel := context.WithTimeout(req.Raw().Context(), p.timeout)
	defer cancel()
	resp, err := req.WithContext(ctx).Next()
	if err != nil {
		return nil, err
	}
	data, err := readAnswer(resp)
	if err != nil {
		return nil, fmt.Errorf("read the answer: %w", err)
	}
	resp.Body = io.NopCloser(bytes.NewReader(data))
	return resp, nil
}

func setBody(raw *http.Request, body payload) {
	raw.ContentLength = body.size()
	raw.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(body.reader()), nil }
	raw.Body, _ = raw.GetBody()
}

func readAnswer(resp *http.Response) ([]byte, error) {
	defer resp.Body.Close()
	if resp.ContentLength > maxAnswer {
		return nil, &tooLargeError{}
	}
	data, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxAnswer {
		return nil, &tooLargeError{}
	}
	return data, nil
}

// tooLargeError says that an answer is larger than any answer should be.
type tooLargeError struct{}

// Error implements error.
func (*tooLargeError) Error() string { return fmt.Sprintf("it is larger than %d MiB", maxAnswer>>20) }

// NonRetriable tells azcore's retry policy that asking again cannot help.
func (*tooLargeError) NonRetriable() {}
