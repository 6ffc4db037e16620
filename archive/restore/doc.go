// Package restore brings archived projects back into a Custom Vision
// resource, and proves that they arrived.
//
// [Prepare] reads the target live and makes a [plan.Plan]; it writes nothing.
// [Apply] carries out exactly that plan, project by project: by
// ImportProject while a token lives, or by building the project again from
// its content. An import that fails or comes out short is followed by a
// rebuild where the plan has one; the unfinished project is moved aside by
// name, reported, and not deleted. Afterwards each project is read back and
// compared with the archive ([Prove]).
//
// A rebuild follows the [plan.Schedule] of the content. Records wait in an
// unlinked temporary file, bytes are read batch by batch, and a few batches
// are in flight, so memory depends on neither the number of images nor on
// their labels. One refused image never takes others with it: a refused call
// is halved until the image stands alone and is named. What failed is data in
// the [Report]; one failed project does not stop the next.
//
// A rebuild that was interrupted leaves a project of the right name that
// differs from the archive, which the next plan shows as a conflict. The
// schedule depends on the archive alone, so that a journal of finished
// batches would be enough to go on from there.
package restore
