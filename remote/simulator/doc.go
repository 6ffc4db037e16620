// Package simulator imitates the Custom Vision training service: several
// resources (regions) with the Training API v3.3 and v3.4-preview, the blob
// storage behind image links, and a clock that can be moved. It is an
// [net/http.Handler] on the standard library and imports nothing of the
// project, so that a mistake of the client is not repeated here.
//
// # Use
//
//	svc, err := simulator.New(simulator.Options{Resources: []simulator.ResourceOptions{
//		{Name: "westeurope", Key: "k1"},
//		{Name: "northeurope", Key: "k2", Tier: simulator.TierF0},
//	}})
//	http.ListenAndServe("127.0.0.1:8080", svc)
//
// The endpoint of a resource is http://127.0.0.1:8080/westeurope; Training
// API paths follow, such as /customvision/v3.3/training/projects, in any
// letter case. Libraries that drop the path of an endpoint find a resource by
// the host's first label (westeurope.localhost), or on a listener of its own
// with [Resource.Handler]. Tests use the package simtest. [Resource] has the controls,
// [Fault] the failures that tests inject, and [ImageFault] those of single
// pictures. The same controls over HTTP, for programs on the same machine
// only, are below /_simulator/ : status, calls, calls/reset, advance?by=25h,
// save, resources/NAME/down, /up, /rate?calls=N and
// /image?sha256=…&status=ErrorStorage&times=N.
//
// Nothing runs in the background: imports, trainings and model exports are
// brought up to the clock when somebody looks at them.
//
// # What it imitates, and how sure that is
//
// Documented, by the specification and the manuals: operations, fields, error
// codes and statuses; page sizes (50, at most 256) and batch sizes (64 images
// and 20 tags, 64 regions, 128 image tags, 64 metadata ids); 207 for partly
// failed batches; the limits of F0 and S0; picture formats (JPEG, PNG, BMP,
// GIF), 6 MB, 10,240 pixels, aspect 25:1; metadata 50/256/512; models only of
// compact domains; relative links behind a virtual network; no export while
// training; domains with their published ids (that of Food (compact) is as
// remembered); a project with published iterations is not deleted; minimums
// for training. The operations and the names of fields are held against
// Microsoft's own Go and JavaScript libraries in the module officialclient.
//
// Reported by users, so true of some version: links as SAS URLs that live 24
// hours, blobs o-, i- and t- of a picture, original equal to resized where
// nothing was resized; timestamps with seven digits and no zone; tagName null
// in create answers; tokens of the form
// …/prjexp-ID/project-export-info?sv=…&sr=b&sig=…&se=…&sp=r; 411 with an HTML
// body for a POST without a length; 408 for very large requests;
// ErrorInvalidRegion; a numbered name when an import's name is taken; a
// failed import that keeps what arrived and gives no reason; OKDuplicate
// making a batch unsuccessful; the text of 429; the second export of a model
// refused; "No valid image files" when tag ids are no ids; sourceUrl in
// quotes.
//
// Inferred, and a decision of this package where nothing is known:
//
//   - an import needs the source's region; when it goes down half-way the
//     import fails with part of the content, and when it was down from the
//     start, with none
//   - imports bring new ids for everything, metadata (see
//     ResourceOptions.ImportDropsMetadata), trained iterations with the same
//     performance, no publication (originalPublishResourceId stays) and no
//     exported models; an export counts workspace images and trained
//     iterations, not the workspace iteration
//   - an import without a name takes the source's, numbered when taken
//   - tags and regions of an uploaded duplicate are ignored (see
//     ResourceOptions.ApplyToDuplicates); duplicates are looked for in the
//     workspace only
//   - answers to uploads come in reverse order, to keep callers honest
//   - the workspace is listed as a New iteration once its content differs
//     from the last training
//   - numbers are 32 bits and come back as their shortest text; a region may
//     pass the edge by 0.00001
//   - the shorter side of a resized picture is 256 to 900 pixels; it is a
//     JPEG, and so is the thumbnail; Content-Type and Content-MD5 are those
//     of the bytes
//   - useNegativeSet follows a Negative tag; a tag leaves a detection image
//     with its last region
//   - fields that UpdateProject's settings leave out stay as they are
//   - names are compared letter by letter and have no length limit
//   - augmentation names are remembered from live answers; any are accepted
//   - a token must be sent exactly as it was given out; it works any number
//     of times until it expires, also after its project has gone
//   - deletions that answer 202 are done at once
//   - which of the documented codes goes with which mistake, where the
//     specification only lists them
//
// # What it does not do
//
// It does not look at pictures: performance and predictions are made up, the
// same each time; exported models are packages without a model. QuickTest,
// stored predictions, suggestions, and images from predictions are refused
// with BadRequestOperationNotSupported; region proposals and QueryPredictions
// are empty. Training ignores selectedTags. EXIF orientation is ignored. The
// XML and form encodings of request bodies are not understood. Entra tokens
// are compared with one fixed string. Roles other than "may not export" and
// "may not write" do not exist.
package simulator
