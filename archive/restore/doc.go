// Package restore brings archived projects back into a Custom Vision
// resource, and proves that they arrived.
//
// [Prepare] reads the target live and makes a [plan.Plan]; it writes nothing.
// [Apply] carries out exactly that plan, project by project: by
// ImportProject while a token lives, or by building the project again from
// its content. An import that fails or comes out short is followed by a
// rebuild where the plan has one; the unfinished project is moved aside by
// name, reported, and not deleted. Afterwards each project is read back and
// compared with the archive ([Prove]): what the service lists then, with the
// bytes of each image. Those bytes are read back and hashed as soon as the
// image is there, while others are still being sent, by the link in the answer
// of the call that made it. That is no weaker than by the link of the listing:
// the image that is listed under that id is the same, and the service has no
// way to give an image other bytes. What could not be read so, or was not what
// was sent, is read by the listing's link.
//
// A rebuild follows the [plan.Schedule] of the content. Records wait in an
// unlinked temporary file, bytes are read batch by batch, and batches in
// flight share memory, so that it depends on the number of images by a small
// entry each, and not on their labels or bytes. Several projects are worked on
// at a time, as far as these entries fit. One refused image never takes others
// with it: a refused call is halved until the image stands alone and is named.
// What failed is data in the [Report]; one failed project does not stop the
// others.
//
// # Interruption
//
// A restore that was stopped at any point, by a signal, a crash or the
// network, goes on where it was when it is planned and applied again, on any
// machine. What it did is known from two places. The [Journal], a few small
// files in the vault, has the intent that was written before the call that
// makes a project, the project's id, and which image of the target stands for
// which archived record, batch by batch. The target itself tells the rest: a
// project whose making was answered into the void is found by name, domain and
// time; tags by name; and what an image still lacks by comparing it with the
// archive. Batches whose answer was lost are sent once more, at most as many
// as were in flight, and answer OKDuplicate. The plan shows all this as the
// action resume, with the calls that remain. Without a journal, an unfinished
// project is a conflict. A saved plan is carried out as it is or, when that was
// interrupted, gone on with ([Revise]). When a context ends, calls under way
// are given [Options.Grace] to come to their end.
//
// # Bytes
//
// From a vault that hands out links ([Links]) the service fetches images by
// itself, 64 a call, and none passes through this process; what it cannot
// fetch is uploaded. Otherwise all is uploaded.
//
// # Afterwards
//
// Where the plan says so, a rebuilt project is trained like the archived one
// and its figures compared ([Training]), and iterations are published.
// [ProveAll] repeats the proof at any time; [Report.Document] is the report for
// a file.
package restore
