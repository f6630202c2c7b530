//go:build !linux

package bolt

import "os"

// allocate makes f take size bytes on the disk.
func allocate(f *os.File, size int64) error { return fill(f, size) }
