//go:build !race

package compile

// raced says that the race detector is on: it needs gigabytes of data of its own.
const raced = false
