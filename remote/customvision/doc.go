// Package customvision is a typed client of the Azure AI Custom Vision
// Training API v3.3. It speaks the records of package manifest, and so is a
// backup's source and a restore's target without knowing either.
//
// A [Client] is made by [New] for one resource (endpoint and credential) and
// is safe for concurrent use. There is one file per group of operations;
// every method names its operationId. What all of them share is one way
// through an azcore pipeline:
//
//	do (call.go)             builds the request, decodes the answer
//	└ azcore retry           408, 5xx, dropped connections; backoff (retry.go)
//	  └ throttle             calls per second; 429 pauses everybody (throttle.go)
//	    └ auth               Training-Key or Entra bearer, own host only (auth.go)
//	      └ try              a fresh body, a deadline, a bounded answer (try.go)
//	        └ package azure  log line, redirects, bounded error bodies
//
// Bytes of images and models are fetched by [Client.Download] through a
// second pipeline that has neither the credential nor the rate limit: the
// links are signed by themselves, and belong to Blob Storage. A download that
// succeeds at once does without it.
//
// # What survives
//
// Region fractions and performance figures stay the number text that came
// ([encoding/json.Number]), timestamps the text that came, enumerations plain
// strings. Null and missing fields are zero values. Fields that the client
// does not know are kept in a record's Extra, with signatures taken out.
// Links, tokens and keys exist only as [cvarchive/manifest.Secret].
//
// # What is repeated
//
// Reads, updates and deletions are repeated after a lost answer, and so are
// creations that the service itself recognises as repeats (images answer
// OKDuplicate, tags and regions on images answer "duplicated"). Everything
// else that creates (CreateProject, CreateTag, ImportProject, TrainProject,
// ExportIteration, PublishIteration) is repeated only where it provably had
// no effect: no connection came to be, the answer was 429, or it was 503 with
// a Retry-After. Otherwise the caller gets the error, and looks before it
// asks again.
//
// # Errors
//
// An answer that is not success, and the lack of an answer, are
// [*cvarchive/manifest.ServiceError] with operation, code, message, request
// id and a hint. Arguments that the service would refuse anyway (batch sizes,
// image size) are refused before anything is sent.
package customvision
