package api

import "golang.org/x/sys/unix"

// maxSocketPath is how long the path of a Unix socket may be, in bytes.
const maxSocketPath = 107

func uidOfPeer(fd int) (int, error) {
	cred, err := unix.GetsockoptUcred(fd, unix.SOL_SOCKET, unix.SO_PEERCRED)
	if err != nil {
		return -1, err
	}
	return int(cred.Uid), nil
}
