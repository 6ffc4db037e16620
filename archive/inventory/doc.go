// Package inventory tells a flow which objects a vault has with the fewest
// requests to the vault's store.
//
// Blob Storage answers a question about one blob, or with one page of a
// listing about thousands. So whoever will ask for many objects says so
// ([Inventory.Expect]), and the vault's objects are listed, as long as that
// takes fewer requests than asking for each; then only what the listing lacks is
// asked for. In a folder, where a listing looks at every file too, each object
// is asked for. What a flow has stored itself is not asked for again.
//
// An answer is as old as the inventory: a backup or a verification takes some
// time in any case, and what it looked at first may be gone at its end as well.
package inventory
