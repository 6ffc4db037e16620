// Package picture paints the photographs of the demo's sample account: fruit
// on a table, street signs, shelves with goods, metal plates with defects,
// landscapes. No picture is stored in the repository or fetched: each is
// drawn from a random source, so that the same seed gives the same bytes, and
// where a picture shows things to detect it says where they are.
//
// A scene is a function from a random source to a [Picture]:
//
//	r := rand.New(rand.NewPCG(1, 7))
//	p := picture.Shelf(r)                // p.Objects are the goods on it
//	data := p.Encode(picture.JPEG)
//
// canvas.go has the few drawing tools that the scenes share (filled paths,
// shading, soft shadows, grain), text.go letters, encode.go the four file
// formats that Custom Vision takes; every other file is one scene.
package picture
