package sdktest

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"syscall"
)

// A descendant is a process, known by more than its number, which may be given out again.
type descendant struct {
	pid   int
	start string // start time in ticks since boot
}

// descendants returns the living processes below pid.
func descendants(pid int) []descendant {
	children := make(map[int][]descendant)
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	for _, e := range entries {
		id, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		if parent, start, ok := stat(id); ok {
			children[parent] = append(children[parent], descendant{id, start})
		}
	}
	var list []descendant
	for todo := []int{pid}; len(todo) > 0; todo = todo[1:] {
		for _, d := range children[todo[0]] {
			list = append(list, d)
			todo = append(todo, d.pid)
		}
	}
	return list
}

// stat reads the parent and the start time of a process; zombies do not count.
func stat(pid int) (parent int, start string, ok bool) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, "", false
	}
	// The name, in parentheses, may contain anything; what follows is separated by blanks.
	fields := bytes.Fields(data[bytes.LastIndexByte(data, ')')+1:])
	if len(fields) < 20 || fields[0][0] == 'Z' || fields[0][0] == 'X' {
		return 0, "", false
	}
	parent, err = strconv.Atoi(string(fields[1]))
	return parent, string(fields[19]), err == nil
}

func (d descendant) alive() bool {
	_, start, ok := stat(d.pid)
	return ok && start == d.start
}

func (d descendant) kill() {
	if d.alive() {
		_ = syscall.Kill(d.pid, syscall.SIGKILL)
	}
}

// openFiles returns how many descriptors a process has open, or -1 if that cannot be told.
func openFiles(pid int) int {
	entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	if err != nil {
		return -1
	}
	return len(entries)
}
