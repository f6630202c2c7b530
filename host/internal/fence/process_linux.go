package fence

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// maxEnviron bounds how much of an environment is read, in bytes. The kernel's own bound for
// arguments and environment together is 6 MiB.
const maxEnviron = 6 << 20

// Processes returns all processes.
func Processes() ([]Process, error) {
	dir, err := os.Open("/proc")
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return nil, err
	}
	var all []Process
	for _, name := range names {
		pid, err := strconv.Atoi(name)
		if err != nil {
			continue
		}
		if p, err := look(pid); err == nil { // others are gone already
			all = append(all, p)
		}
	}
	return all, nil
}

// look reads one row of the process table.
func look(pid int) (Process, error) {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ESRCH) {
		return Process{}, fmt.Errorf("process %d: %w", pid, ErrGone)
	}
	if err != nil {
		return Process{}, err
	}
	return parseStat(pid, b)
}

// parseStat reads /proc/PID/stat. The second field is the program's name in parentheses and may hold
// anything, so what follows counts from the last parenthesis.
func parseStat(pid int, b []byte) (Process, error) {
	end := bytes.LastIndexByte(b, ')')
	fields := strings.Fields(string(b[end+1:]))
	if end < 0 || len(fields) < 20 {
		return Process{}, fmt.Errorf("/proc/%d/stat: unknown form", pid)
	}
	p := Process{PID: pid, State: fields[0][0]}
	for i, to := range map[int]*int{1: &p.Parent, 2: &p.Group, 3: &p.Session} {
		n, err := strconv.Atoi(fields[i])
		if err != nil {
			return Process{}, fmt.Errorf("/proc/%d/stat: %w", pid, err)
		}
		*to = n
	}
	start, err := strconv.ParseUint(fields[19], 10, 64)
	if err != nil {
		return Process{}, fmt.Errorf("/proc/%d/stat: %w", pid, err)
	}
	p.Start = start
	return p, nil
}

func environ(pid int) []byte {
	f, err := os.Open("/proc/" + strconv.Itoa(pid) + "/environ")
	if err != nil {
		return nil
	}
	defer f.Close()
	b, _ := io.ReadAll(io.LimitReader(f, maxEnviron))
	return b
}

func bootID() (string, error) {
	b, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	return strings.TrimSpace(string(b)), err
}

// signalExactly signals the process that has the number pid and was started at start. The descriptor
// is opened before the time is compared, so that what was compared is what is signalled.
func signalExactly(pid int, start uint64, sig syscall.Signal) error {
	fd, err := unix.PidfdOpen(pid, 0)
	if errors.Is(err, unix.ESRCH) {
		return fmt.Errorf("process %d: %w", pid, ErrGone)
	}
	if err == nil {
		defer unix.Close(fd)
	}
	if p, lookErr := look(pid); lookErr != nil || p.Start != start {
		return fmt.Errorf("process %d: %w", pid, ErrGone)
	}
	if err != nil { // no descriptors of processes here
		err = syscall.Kill(pid, sig)
	} else {
		err = unix.PidfdSendSignal(fd, sig, nil, 0)
	}
	if errors.Is(err, unix.ESRCH) {
		return fmt.Errorf("process %d: %w", pid, ErrGone)
	}
	return err
}

// Holders returns the living processes that have the file at path open, this one not among them.
// Path must be free of symlinks.
func Holders(path string) ([]Process, error) {
	return matching(func(p Process) bool {
		dir := "/proc/" + strconv.Itoa(p.PID) + "/fd"
		fds, err := os.ReadDir(dir)
		if err != nil {
			return false
		}
		for _, fd := range fds {
			if to, err := os.Readlink(filepath.Join(dir, fd.Name())); err == nil && to == path {
				return true
			}
		}
		return false
	})
}
