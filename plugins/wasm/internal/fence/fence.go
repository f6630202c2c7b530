package fence

import (
	"fmt"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A Fence is the kernel's wall around directories. It can be closed once.
type Fence struct {
	Version int // of Landlock; 0 if there is none to be had, which shows only once the fence is closed
	closed  bool
}

// A Rule says what may be done below a directory: read, and write if it is writable.
type Rule struct {
	Dir      int // a descriptor
	Writable bool
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

// New finds out what the kernel has.
func New() Fence {
	v, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	if errno != 0 {
		return Fence{}
	}
	return Fence{Version: int(v)}
}

// Landlock returns the version of it that this kernel has, 0 for none.
func Landlock() int { return New().Version }

// known returns what this kernel's version distinguishes.
func (f *Fence) known() unix.LandlockRulesetAttr {
	a := unix.LandlockRulesetAttr{Handled_access_fs: fenceRead | fenceWrite | fenceNever}
	if f.Version < 5 {
		a.Handled_access_fs &^= unix.LANDLOCK_ACCESS_FS_IOCTL_DEV
	}
	if f.Version < 3 {
		a.Handled_access_fs &^= unix.LANDLOCK_ACCESS_FS_TRUNCATE
	}
	if f.Version < 2 {
		a.Handled_access_fs &^= unix.LANDLOCK_ACCESS_FS_REFER
	}
	if f.Version >= 4 {
		a.Handled_access_net = fenceNetwork
	}
	if f.Version >= 6 {
		a.Scoped = fenceScopes
	}
	return a
}

// Close forbids every file but those that the rules allow, and the rest that this kernel's version knows of, for as long
// as the process lives. Descriptors that are open stay so. A fence that is closed stays as it is. NoNewPrivileges goes before.
func (f *Fence) Close(rules []Rule) error {
	if f.closed || f.Version == 0 {
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
		if r.Writable {
			allowed |= fenceWrite
		}
		path := unix.LandlockPathBeneathAttr{Allowed_access: allowed & attr.Handled_access_fs, Parent_fd: int32(r.Dir)}
		_, _, errno := unix.Syscall6(unix.SYS_LANDLOCK_ADD_RULE, fd, unix.LANDLOCK_RULE_PATH_BENEATH,
			uintptr(unsafe.Pointer(&path)), 0, 0, 0)
		if errno != 0 {
			return fmt.Errorf("add a file rule: %w", errno)
		}
	}
	return f.enter(fd)
}

// enter makes the rules hold for all threads, and those they start.
func (f *Fence) enter(fd uintptr) error {
	_, _, errno := syscall.AllThreadsSyscall(unix.SYS_LANDLOCK_RESTRICT_SELF, fd, 0, 0)
	switch errno {
	case 0:
		return nil
	case syscall.ENOTSUP: // a build with cgo, such as for the race detector
		f.Version = 0
		return nil
	}
	return fmt.Errorf("enter file rules: %w", errno)
}

// NoNewPrivileges gives up what programs could be executed with. It holds for all threads, and those they start.
func NoNewPrivileges() error {
	_, _, errno := syscall.AllThreadsSyscall6(unix.SYS_PRCTL, unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0, 0)
	switch errno {
	case 0:
		return nil
	case syscall.ENOTSUP: // a build with cgo, such as for the race detector: only this thread can be reached
		return unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
	}
	return fmt.Errorf("give up privileges: %w", errno)
}
