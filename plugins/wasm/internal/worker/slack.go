//go:build !race

package worker

// slack is what the engine and the Go runtime may take beside the guest's memory: the guest's tables and
// stack above all. A stack that overflows has taken about 170 MiB.
const slack = 256 << 20
