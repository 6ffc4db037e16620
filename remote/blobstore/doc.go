// Package blobstore keeps a vault in a container of Azure Blob Storage, or in
// a folder of one.
//
// # Address and credential
//
// The address is the container's URL, with the name of a folder after it if
// the vault is to live in one:
//
//	https://account.blob.core.windows.net/container
//	https://account.blob.core.windows.net/container/folder
//	http://127.0.0.1:10000/devstoreaccount1/container       (Azurite)
//
// The credential is, in this order: a connection string (with an account key
// or a SAS), a SAS in the URL, an Entra ID credential. None of them appears in
// errors, logs or [Store.String].
//
// # Writing
//
// Every write is create-only: it carries If-None-Match: *. A body up to
// [Options.SingleShot] goes with one Put Blob, a larger one in blocks that
// become a blob with Put Block List; at most a few blocks are in memory. Each
// request carries an MD5 that the service compares, and the blob keeps the MD5
// of the whole. A reader sees the whole blob or none; blocks that never became
// a blob are dropped by the service after a week.
//
// When the answer to a write is lost, the repeated request finds the name
// taken, by itself. Each write therefore marks its blob with a random word
// (metadata cvarchive_write); one that finds the name taken looks whether the
// word is its own.
//
// # Reading
//
// A download that breaks off goes on where it stopped, under the condition
// that the blob is still the same. Listing takes pages of up to 5,000. On an
// account with a hierarchical namespace the order is that of folders, in which
// "a/b" comes before "a-b"; the vault does not mind.
//
// # Errors
//
// Every error of the service is a [*manifest.ServiceError] that names the
// operation as in the REST reference (PutBlob, GetBlob, ListBlobs), the
// service's code and request id, and says what to do. What a caller decides by
// is beneath it: [io/fs.ErrNotExist], [io/fs.ErrExist].
package blobstore
