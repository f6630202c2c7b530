//go:build !linux

package launch

// MaxSocketPath is the length of the longest path that a Unix socket can have, in bytes.
const MaxSocketPath = 103
