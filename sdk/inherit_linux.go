package sdk

import "golang.org/x/sys/unix"

// keepDescriptors keeps what the plugin inherited, such as the host's lock, from what the runner
// starts. What Go itself opens is kept already. A kernel without the call lets them through, and the
// host then finds the processes that hold the lock.
func keepDescriptors() { _ = unix.CloseRange(3, ^uint(0), unix.CLOSE_RANGE_CLOEXEC) }
