package azure

import (
	"context"
	"log/slog"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
)

// LogsRequests reports whether every try of a request is logged, by us
// or by azcore.
func LogsRequests(ctx context.Context, l *slog.Logger) bool {
	return l != nil && l.Enabled(ctx, slog.LevelDebug) || os.Getenv("AZURE_SDK_GO_LOGGING") == "all"
}

// logPolicy logs every try: what was asked, what came, how long it took.
// azcore's own log has one listener for the whole process; this one belongs
// to a client.
type logPolicy struct{ logger *slog.Logger }

// Do implements policy.Policy.
func (p *logPolicy) Do(req *policy.Request) (*http.Response, error) {
	ctx := req.Raw().Context()
	if !p.logger.Enabled(ctx, slog.LevelDebug) {
		return req.Next()
	}
	start := time.Now()
	resp, err := req.Next()
	attrs := []slog.Attr{
		slog.String("method", req.Raw().Method),
		slog.String("url", redactURL(req.Raw().URL)),
		slog.Duration("took", time.Since(start).Round(time.Millisecond)),
		headerGroup("request", req.Raw().Header),
	}
	if err != nil {
		attrs = append(attrs, slog.String("error", OneLine(Scrub(withoutURL(err).Error()), maxText)))
	} else {
		attrs = append(attrs, slog.Int("status", resp.StatusCode), headerGroup("response", resp.Header))
	}
	p.logger.LogAttrs(ctx, slog.LevelDebug, "http", attrs...)
	return resp, err
}

// headerGroup lists the headers that may be shown.
func headerGroup(name string, h http.Header) slog.Attr {
	allowed := allowedHeaders()
	var attrs []any
	for key, values := range h {
		if key = strings.ToLower(key); slices.Contains(allowed, key) {
			attrs = append(attrs, slog.String(key, OneLine(Scrub(strings.Join(values, ", ")), maxText)))
		}
	}
	slices.SortFunc(attrs, func(a, b any) int { return strings.Compare(a.(slog.Attr).Key, b.(slog.Attr).Key) })
	return slog.Group(name, attrs...)
}
