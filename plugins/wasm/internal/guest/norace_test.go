//go:build !race

package guest

// raced says that the race detector is on.
const raced = false
