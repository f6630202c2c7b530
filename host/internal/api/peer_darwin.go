package api

import "golang.org/x/sys/unix"

// maxSocketPath is how long the path of a Unix socket may be, in bytes.
const maxSocketPath = 103

func uidOfPeer(fd int) (int, error) {
	cred, err := unix.GetsockoptXucred(fd, unix.SOL_LOCAL, unix.LOCAL_PEERCRED)
	if err != nil {
		return -1, err
	}
	return int(cred.Uid), nil
}
