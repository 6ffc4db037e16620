// Package compare says what differs between two archives, or between an
// archive and what a resource holds now. It changes nothing anywhere.
//
// There are two ways to match what is on both sides. Two archives of one
// resource, or an archive and that resource, are matched by id ([ByID]): a
// project, tag or image that has another name or other labels is the same
// one, changed. Where ids mean nothing, because the projects were restored
// into another resource, they are matched by name ([ByName]), and images by
// their bytes. Which way it is follows from the sides: by id when their
// endpoints are the same or they share a project's id.
//
// A resource costs listing calls: GetProjects; by id GetTags, GetIterations
// and a GetImages for each page; by name GetTags and GetImageCount only,
// unless [Options.Deep] asks for every image to be listed and read.
//
// [Archives] and [Live] return a [Report]. The comparison itself is in
// manifest/diff; this package reads the sides and pairs their projects. Of an
// archive's images one project's fingerprints are in memory at a time.
package compare
