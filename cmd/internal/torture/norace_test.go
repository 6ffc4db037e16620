//go:build torture && !race

package torture

const raced = false
