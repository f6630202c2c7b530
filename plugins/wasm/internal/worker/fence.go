package worker

import (
	"fmt"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/soltihq/solti-host/plugins/wasm/internal/wire"
)

// A fence is the kernel's wall around the mounts, behind the one that fsys is. It can be closed once.
type fence struct {
	version int // of Landlock, 0 if the kernel has none
	closed  bool
}

// A rule says what may be done below a directory.
type rule struct {
	dir      int
	writable bool
}

func rulesOf(job wire.Job, fds wire.Descriptors) []rule {
	rules := make([]rule, 0, len(job.Mounts))
	for i, m := range job.Mounts {
		rules = append(rules, rule{fds.Mounts[i], m.Writable})
	}
	return rules
}

// What Landlock distinguishes, by the version in which it came.
const (
	fenceRead  = unix.LANDLOCK_ACCESS_FS_READ_FILE | unix.LANDLOCK_ACCESS_FS_READ_DIR
	fenceWrite = unix.LANDLOCK_ACCESS_FS_WRITE_FILE | unix.LANDLOCK_ACCESS_FS_REMOVE_DIR |
		unix.LANDLOCK_ACCESS_FS_REMOVE_FILE | unix.LANDLOCK_ACCESS_FS_MAKE_DIR | unix.LANDLOCK_ACCESS_FS_MAKE_REG |
		unix.LANDLOCK_ACCESS_FS_MAKE_SYM | unix.LANDLOCK_ACCESS_FS_REFER | unix.LANDLOCK_ACCESS_FS_TRUNCATE
	fenceNever = unix.LANDLOCK_ACCESS_FS_EXECUTE | unix.LANDLOCK_ACCESS_FS_MAKE_CHAR |
		unix.LANDLOCK_ACCESS_FS_MAKE_SOCK | unix.LANDLOCK_ACCESS_FS_MAKE_FIFO | unix.LANDLOCK_ACCESS_FS_MAKE_BLOCK |
		unix.LANDLOCK_ACCESS_FS_IOCTL_DEV
	fenceNetwork = unix.LANDLOCK_ACCESS_NET_BIND_TCP | unix.LANDLOCK_ACCESS_NET_CONNECT_TCP
	fenceScopes  = unix.LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET | unix.LANDLOCK_SCOPE_SIGNAL
)

// newFence finds out what the kernel has.
func newFence() fence {
	v, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	if errno != 0 {
		return fence{}
	}
	return fence{version: int(v)}
}

// Landlock returns the version of it that this kernel has, 0 for none.
func Landlock() int {
	f := newFence()
	return f.version
}

// known returns what this kernel's version distinguishes.
func (f *fence) known() unix.LandlockRulesetAttr {
	a := unix.LandlockRulesetAttr{Handled_access_fs: fenceRead | fenceWrite | fenceNever}
	if f.version < 5 {
		a.Handled_access_fs &^= unix.LANDLOCK_ACCESS_FS_IOCTL_DEV
	}
	if f.version < 3 {
		a.Handled_access_fs &^= unix.LANDLOCK_ACCESS_FS_TRUNCATE
	}
	if f.version < 2 {
		a.Handled_access_fs &^= unix.LANDLOCK_ACCESS_FS_REFER
	}
	if f.version >= 4 {
		a.Handled_access_net = fenceNetwork
	}
	if f.version >= 6 {
		a.Scoped = fenceScopes
	}
	return a
}

// close forbids every file but those that the rules allow, for as long as the process lives. Once closed it
// does nothing: later jobs have the same mounts, or fewer.
func (f *fence) close(rules []rule) error {
	if f.closed || f.version == 0 {
		return nil
	}
	f.closed = true
	attr := f.known()
	fd, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, uintptr(unsafe.Pointer(&attr)), unsafe.Sizeof(attr), 0)
	if errno != 0 {
		return fmt.Errorf("make file rules: %w", errno)
	}
	defer unix.Close(int(fd))
	for _, r := range rules {
		allowed := uint64(fenceRead)
		if r.writable {
			allowed |= fenceWrite
		}
		path := unix.LandlockPathBeneathAttr{Allowed_access: allowed & attr.Handled_access_fs, Parent_fd: int32(r.dir)}
		_, _, errno := unix.Syscall6(unix.SYS_LANDLOCK_ADD_RULE, fd, unix.LANDLOCK_RULE_PATH_BENEATH,
			uintptr(unsafe.Pointer(&path)), 0, 0, 0)
		if errno != 0 {
			return fmt.Errorf("add a file rule: %w", errno)
		}
	}
	return f.enter(fd)
}

// enter makes the rules hold for all threads, and those they start.
func (f *fence) enter(fd uintptr) error {
	_, _, errno := syscall.AllThreadsSyscall(unix.SYS_LANDLOCK_RESTRICT_SELF, fd, 0, 0)
	switch errno {
	case 0:
		return nil
	case syscall.ENOTSUP: // a build with cgo, such as for the race detector
		f.version = 0
		return nil
	}
	return fmt.Errorf("enter file rules: %w", errno)
}
