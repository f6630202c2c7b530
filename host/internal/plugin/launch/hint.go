package launch

import (
	"errors"
	"io/fs"
	"strings"
	"syscall"
)

// execHint says what may mend a failed exec.
func execHint(err error) string {
	switch {
	case errors.Is(err, syscall.ENOEXEC):
		return "it is not built for this machine, or a script without a #! line"
	case errors.Is(err, fs.ErrNotExist):
		return "if the file is there, its loader or interpreter is not: compare `file` and `ldd` of it"
	case errors.Is(err, syscall.EACCES):
		return "check that its file system is not mounted noexec and that its interpreter may be executed"
	case errors.Is(err, syscall.ETXTBSY):
		return "it is being written: install plugins by renaming a finished file"
	case errors.Is(err, syscall.EAGAIN), errors.Is(err, syscall.ENOMEM):
		return "the machine has no room for another process"
	}
	return ""
}

// exitHint says what may mend a plugin that ended before it was ready.
func exitHint(e Exit) string {
	switch {
	case strings.Contains(e.Stderr, "error while loading shared libraries"):
		return "install the library that it misses"
	case strings.Contains(e.Stderr, "This binary is a plugin"):
		return "it was built with another handshake: rebuild it with the current SDK"
	case e.Code == 126 || e.Code == 127:
		return "a script could not start its program: check PATH in the plugin's env"
	case e.Signal == "SIGKILL" && e.Cause == CauseCrash:
		return "somebody killed it; if the machine is short of memory, the kernel did"
	case e.Signal == "SIGSYS":
		return "a system call filter of the host's service forbids what it does"
	}
	return ""
}
