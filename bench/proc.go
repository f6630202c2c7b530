package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// tick is the unit of times in /proc: USER_HZ is 100 wherever Go runs on Linux.
const tick = 10 * time.Millisecond

// cpuOf returns the processor time of a process, and that of its children that have ended and been
// waited for.
func cpuOf(pid int) (own, ended time.Duration) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, 0
	}
	_, rest, _ := strings.Cut(string(text), ") ")
	f := strings.Fields(rest)
	at := func(i int) time.Duration {
		n, _ := strconv.Atoi(f[i])
		return time.Duration(n) * tick
	}
	return at(11) + at(12), at(13) + at(14) // utime, stime, cutime, cstime
}

// selfCPU returns the processor time of this process and of its ended children.
func selfCPU() (own, ended time.Duration) {
	of := func(who int) time.Duration {
		var r syscall.Rusage
		_ = syscall.Getrusage(who, &r)
		return time.Duration(r.Utime.Nano() + r.Stime.Nano())
	}
	return of(syscall.RUSAGE_SELF), of(syscall.RUSAGE_CHILDREN)
}

// memory returns resident and proportional memory of a process in MiB.
func memory(pid int) (rss, pss float64) {
	of := func(name string) float64 {
		kb, _, _ := strings.Cut(field(fmt.Sprintf("/proc/%d/smaps_rollup", pid), name), " ")
		n, _ := strconv.ParseFloat(kb, 64)
		return n / 1024
	}
	return of("Rss"), of("Pss")
}

// switches returns how often the living threads of a process have gone to sleep.
func switches(pid int) (n int) {
	threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", pid))
	for _, path := range threads {
		v, _ := strconv.Atoi(field(path, "voluntary_ctxt_switches"))
		n += v
	}
	return n
}

// threads returns how many threads a process has.
func threads(pid int) int {
	n, _ := strconv.Atoi(field(fmt.Sprintf("/proc/%d/status", pid), "Threads"))
	return n
}
