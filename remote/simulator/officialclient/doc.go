// Package officialclient holds Microsoft's own Go client library for Custom
// Vision Training (azure-sdk-for-go v68, generated from the specification)
// against the simulator, and reads projects back through it. It is a module
// of its own, so that the product does not depend on that library.
//
// Run its tests with
//
//	cd remote/simulator/officialclient && go test ./...
//
// [ReadBack] gives other tests an independent witness: what a restore of
// ours wrote, as a client that shares no code with ours sees it. The folder
// js does the same with Microsoft's JavaScript library, which calls
// v3.4-preview.
package officialclient
