package launch

import (
	"errors"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

func setCgroup(attr *syscall.SysProcAttr, fd int) { attr.UseCgroupFD, attr.CgroupFD = true, fd }

// awaitExit waits until the process has ended and leaves it a zombie, so that its number stays its
// own. The nil state says that it must still be reaped.
func awaitExit(p *os.Process) *os.ProcessState {
	for {
		err := unix.Waitid(unix.P_PID, p.Pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if !errors.Is(err, unix.EINTR) {
			return nil
		}
	}
}
