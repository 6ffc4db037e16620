// Package backup captures a Custom Vision resource into one archive of a
// vault. [Run] is the whole of it: it reads a [Source], stores the bytes of
// images and models as objects, writes the records into an archive file
// beside them and commits that file last.
//
// # What a capture does
//
// Domains and projects are listed once. Then, for each project: its tags, its
// iterations and its export record (counts and token), then every image of
// the workspace in pages of 256, oldest first, while the bytes of earlier
// pages are downloaded; then, for each trained iteration, its performance,
// its model exports and its images, of which those that the workspace no
// longer has are captured too.
//
// Projects are captured a few at a time, and more of them as long as they are
// small, so that the calls of one overlap the answers to another and its
// downloads, and written one after the other by name, so that two
// archives of the same account have the same order. Where the size of a
// workspace is known, a few of its pages are asked for ahead, and as many images
// are downloaded at once as are of use ([download.Gate]): a service that is far
// away is to be kept as busy as its rate of calls allows. Nothing is held in
// memory but these pages, a window of images in flight and, per project in
// work, one small entry for each image id.
//
// # How many calls it takes
//
// Nothing of the service can be had in fewer calls than
//
//	2                               GetDomains, GetProjects
//	+ for each project
//	    3                           GetTags, GetIterations, ExportProject
//	    + 1                         GetImageCount, only if the export is refused
//	    + ⌈n/256⌉                   GetImages; n images in the workspace
//	    + 1                         GetProject, only if n > 256
//	    + for each trained iteration
//	        1                       GetIterationPerformance
//	        + ⌊(m-1)/255⌋ + 1       GetImages; m images in the iteration
//	        + 1                     GetExports, only if it is exportable
//
// The size of the workspace is known from the export record, so that its
// listing stops without asking once more (unless it shrank meanwhile, when pages
// were asked for ahead that are none); that of an iteration is told by no
// other answer, so that its listing ends with the first page that is not full
// (a GetImageCount call would cost at least as much), and its pages overlap by
// one image. [MinCalls] computes the
// sum, and a test holds the simulator's count against it.
//
// # When the project changes meanwhile
//
// Paging is skip and take over a live list. Ids are deduplicated, and these
// are signs that something moved:
//
//   - what was listed is not what the export record counts, or the tags of the
//     images are not those that the list of tags counts, or have other names;
//   - pages, which overlap by one image where the last has room to spare, do
//     not continue each other, or show an image twice;
//   - lastModified of the project is not what it was before. It is asked for
//     once more after a listing of more than one page; a single page is one
//     moment by itself.
//
// A listing without a sign is the project's state. After one with a sign, the
// project is described and listed again, at most three times in all, without
// downloading any image twice, until a listing has no sign, or is the one
// before, image by image, with tags, regions and metadata: what did not change
// from one to the other is a state that the project had in between. When none
// is, the last is kept, together with the images that only earlier listings
// showed and that still exist, and marked: the project's failures say what
// moved, and where counts differ, with both numbers.
//
// The images of an iteration are fixed, but for those that are deleted from
// it: then its pages, which overlap, do not continue each other, and the
// iteration is listed again, as often at most, and else marked.
//
// That lastModified moves with every change of an image, its tags, regions and
// metadata is what one expects, and no document promises it. So it is believed
// until something contradicts it: an image, tag or region created more than a
// minute after it, pages that moved under it, or two listings that differ while it
// stayed. From then on, in this run, a quiet listing of several pages counts
// only when the next one is the same. [Options.ListTwice] asks for that from
// the start and for every project, at twice the calls, less the two for the
// account: it is for a service whose lastModified is known to stay when labels
// are deleted, which nothing contradicts.
//
// What cannot be seen: a change, and then the reverse of it, each between two
// pages of two listings in a row, in a project that does not come to rest; and
// between GetTags and the only page of a small project, a new description or
// type of a tag.
//
// # What is already known
//
// The bytes under an image id never change. Image ids that an earlier archive
// of the same source names with their object are not downloaded again, as
// long as the vault still has the object; it is looked up, not believed. The
// newest archive of the source that is not incomplete becomes the parent.
//
// An exported model that an earlier archive has is not downloaded again if the
// iteration was not modified since, the service knows no newer version, and the
// package has the same size.
//
// The images of a trained iteration are listed every time, although training
// fixes them: deleting images from all iterations changes that without a trace
// in the iteration, and a listing that was skipped would keep them alive.
//
// A backup that ends before its archive is written, in whatever way, leaves
// its images and models in the vault's journal: a segment for every 64 images, or those
// of five seconds, or as many as are stored while the one before is made durable; never
// more than 128, besides those in flight, wait for that. When it could still say goodbye it leaves the rest, too. The next
// backup of the source takes them as known, and deletes the segments once its
// archive is written. An unchanged account writes no segment.
//
// # What it says meanwhile
//
// [Options.Progress] receives a phase event with the number of projects; for
// each project one event when it begins, with the number of its images, one
// for each image (done or failed, once, however often the project is listed)
// and model, and one when it is written, with its outcome; and warnings in
// between. Images that only iterations hold come on top of the number that
// was announced. Events of several projects interleave.
//
// # When things fail
//
// What fails of an image or a model is kept in its record, what fails of a
// project in its entry, and the rest goes on; [Result.Whole] says whether
// anything did. A vault or a temporary folder that cannot be written ends the
// backup, as does its context, and so does a source that captures nothing at
// all. In those cases the vault gains no archive: only objects, each whole,
// and a journal of them, with which the next backup goes on. [Options.Stop]
// ends a backup in the same way, after what it has begun.
//
// An archive that lost more than [Options.MaxFailures] is written and marked:
// it is never the latest and no parent, and what it has saves downloads.
package backup
