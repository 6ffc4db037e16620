package archive

import "strings"

// Names of the members.
const (
	readmeName     = "README"
	manifestName   = "manifest.json"
	projectsFolder = "projects/"
)

// projectFiles are the members of one project, in order.
var projectFiles = [...]string{"project.json", "tags.json", "iterations.json", "export.json", imagesFile}

const imagesFile = "images.jsonl"

// memberName returns the name of one of a project's files.
func memberName(projectID, file string) string { return projectsFolder + projectID + "/" + file }

// splitMember takes a member's name apart; ok is false for what is not in a
// project's folder.
func splitMember(name string) (projectID, file string, ok bool) {
	rest, ok := strings.CutPrefix(name, projectsFolder)
	if !ok {
		return "", "", false
	}
	return strings.Cut(rest, "/")
}

// Sizes of the container.
const (
	blockSize = 512           // of tar
	endBlocks = 2 * blockSize // that close a tar

	minFrame     = 4 << 10  // decompressed bytes a frame that a writer makes
	defaultFrame = 1 << 20  // decompressed bytes a frame
	maxFrame     = 16 << 20 // decompressed bytes a frame that a reader accepts
	// maxPacked is what a frame of maxFrame bytes can take at worst: data
	// that does not compress is stored with a few bytes a block.
	maxPacked = maxFrame + maxFrame/128 + 1024

	maxTable = 16 << 20 // bytes of the seek table: 1.4 million frames
	maxTotal = 1 << 46  // decompressed bytes of an archive
)

// padded rounds a size up to whole blocks.
func padded(size int64) int64 { return (size + blockSize - 1) / blockSize * blockSize }

const readme = `This is a cvarchive archive: a backup of an Azure AI Custom Vision resource
at one point in time, in format version 1.

It is a tar compressed with Zstandard. To unpack it:

    tar --zstd -xf FILE          (or: zstd -dc FILE | tar -xf -)

manifest.json               what was captured, when, from where; the counts of
                            every project; size and SHA-256 of every file here
projects/ID/project.json    name, description and settings of a project
projects/ID/tags.json       its tags
projects/ID/iterations.json its trainings, their performance, exported models
projects/ID/export.json     what the service counted, and perhaps an export
                            token: whoever holds it can import the project
projects/ID/images.jsonl    one JSON record a line and image: tags, regions,
                            metadata, and the digest of its bytes

The bytes of images and models are not in here. The vault that held this
archive keeps them as objects/sha256/ab/abcdef….EXT, named by the SHA-256 that
the records give.
`
