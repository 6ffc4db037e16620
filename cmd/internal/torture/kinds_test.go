package torture

import (
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
)

// kind is one kind of fault.
type kind struct {
	name  string
	where func(*http.Request) bool
	do    func(rng *rand.Rand) strike
}

func always(s strike) func(*rand.Rand) strike { return func(*rand.Rand) strike { return s } }

const unavailable = `{"code":"ErrorUnknown","message":"Something went wrong."}`

// serviceKinds go wrong between the program and the service.
var serviceKinds = []kind{
	{"call 500", isCall, always(answer(500, unavailable))},
	{"call 503", isCall, always(answer(503, unavailable))},
	{"call 503 Retry-After", isCall, always(answer(503, unavailable, "Retry-After", "1"))},
	{"call 429", isCall, always(answer(429, `{"error":{"code":"429","message":"Requests have exceeded the rate limit. Please retry after 1 second."}}`))},
	{"call 409", isCall, always(answer(409, `{"code":"Conflict","message":"Something else is being done."}`))},
	{"call reset before", isCall, always(resetBefore)},
	{"call reset after", isCall, always(resetAfter)},
	{"call truncated", isCall, always(truncated)},
	{"call slow", isCall, always(slow)},
	{"call wrong content", isCall, func(rng *rand.Rand) strike {
		return pick(rng, changed(shortened), changed(emptied), answer(200, loginPage, "Content-Type", "text/html"))
	}},
	{"image 500", isImage, always(answer(500, "<Error><Code>InternalError</Code></Error>"))},
	{"image 503", isImage, always(answer(503, busy))},
	{"image 503 Retry-After", isImage, always(answer(503, busy, "Retry-After", "1"))},
	{"image 404", isImage, always(answer(404, "<Error><Code>BlobNotFound</Code></Error>", "x-ms-error-code", "BlobNotFound"))},
	{"image 409", isImage, always(answer(409, "<Error><Code>BlobArchived</Code></Error>", "x-ms-error-code", "BlobArchived"))},
	{"image reset", isImage, always(resetBefore)},
	{"image truncated", isImage, always(truncated)},
	{"image slow", isImage, always(slow)},
	{"image bit flipped", isImage, always(changed(flipped))},
	{"image shortened", isImage, always(changed(shortened))},
	{"image emptied", isImage, always(changed(emptied))},
	{"image wrong content", isImage, always(answer(200, loginPage, "Content-Type", "text/html"))},
}

const (
	loginPage = "<html><body>Please sign in to the network.</body></html>"
	busy      = "<Error><Code>ServerBusy</Code></Error>"
)

// storeKinds go wrong between the program and Blob Storage.
var storeKinds = []kind{
	{"store 500", isAny, always(answer(500, "", "x-ms-error-code", "InternalError"))},
	{"store 503", isAny, always(answer(503, "", "x-ms-error-code", "ServerBusy"))},
	{"store 503 Retry-After", isAny, always(answer(503, "", "x-ms-error-code", "ServerBusy", "Retry-After", "1"))},
	{"store 409 before", isWrite, always(answer(409, "", "x-ms-error-code", "BlobAlreadyExists"))},
	{"store 409 after", isWrite, always(refusedAfter(409, "", "x-ms-error-code", "BlobAlreadyExists"))},
	{"store 500 after", isWrite, always(refusedAfter(500, "", "x-ms-error-code", "OperationTimedOut"))},
	{"store reset before", isAny, always(resetBefore)},
	{"store reset after", isWrite, always(resetAfter)},
	{"store truncated", isRead, always(truncated)},
	{"store slow", isRead, always(slow)},
	{"store wrong content", isRead, always(changed(flipped))},
	{"store partial write", isWrite, always(halfWritten)},
}

// Kinds that are not faults of a request.
const (
	kindExpired   = "links expired"
	kindFull      = "no space left"
	kindChange    = "changes during backup"
	kindKill      = "kill -9"
	kindPartial   = "partial writes left by kills"
	kindInterrupt = "SIGINT"
)

// of returns how many requests a round will probably make in which a fault of
// this kind can strike.
func (k kind) of(r requests) int {
	switch {
	case strings.HasPrefix(k.name, "call "):
		return r.calls
	case strings.HasPrefix(k.name, "image "):
		return r.images
	case slices.Contains([]string{"store truncated", "store slow", "store wrong content"}, k.name):
		return r.reads
	}
	return r.writes
}

// deck deals all its kinds before any of them again.
type deck struct {
	kinds []kind
	left  []kind
}

func (d *deck) deal(rng *rand.Rand) kind {
	if len(d.left) == 0 {
		d.left = append(d.left, d.kinds...)
		rng.Shuffle(len(d.left), func(i, j int) { d.left[i], d.left[j] = d.left[j], d.left[i] })
	}
	k := d.left[0]
	d.left = d.left[1:]
	return k
}
