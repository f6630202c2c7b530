//go:build !linux

package sdk

import "golang.org/x/sys/unix"

// inherited is how many descriptors are looked at: the host hands over one.
const inherited = 16

// keepDescriptors keeps what the plugin inherited, such as the host's lock, from what the runner
// starts. What Go itself opens is kept already.
func keepDescriptors() {
	for fd := 3; fd < inherited; fd++ {
		unix.CloseOnExec(fd)
	}
}
