package rig

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// A Process is a living process that belongs to a rig.
type Process struct {
	PID     int
	Command string // its arguments, joined
	Why     string // it belongs to the rig
}

// String returns number, command and reason.
func (p Process) String() string { return fmt.Sprintf("process %d: %s (%s)", p.PID, p.Command, p.Why) }

// Processes returns all living processes of the rig: those with its mark in their environment, and
// those that have a file or a directory below its directory open. Zombies do not live.
func (r *Rig) Processes() ([]Process, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	var all []Process
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		if why := r.owns(pid); why != "" && alive(pid) {
			args, _ := os.ReadFile(proc(pid, "cmdline"))
			all = append(all, Process{PID: pid, Command: strings.TrimSpace(strings.ReplaceAll(string(args), "\x00", " ")), Why: why})
		}
	}
	return all, nil
}

func proc(pid int, file string) string { return "/proc/" + strconv.Itoa(pid) + "/" + file }

// owns says why a process belongs to the rig, or nothing.
func (r *Rig) owns(pid int) string {
	env, _ := os.ReadFile(proc(pid, "environ"))
	for v := range bytes.SplitSeq(env, []byte{0}) {
		if string(v) == MarkEnv+"="+r.Mark {
			return "environment"
		}
	}
	if to, err := os.Readlink(proc(pid, "cwd")); err == nil && r.inside(to) {
		return "directory " + to
	}
	fds, _ := os.ReadDir(proc(pid, "fd"))
	for _, fd := range fds {
		if to, err := os.Readlink(filepath.Join(proc(pid, "fd"), fd.Name())); err == nil && r.inside(to) {
			return "open file " + to
		}
	}
	return ""
}

func (r *Rig) inside(path string) bool {
	return path == r.Dir || strings.HasPrefix(path, r.Dir+"/")
}

func alive(pid int) bool {
	b, err := os.ReadFile(proc(pid, "stat"))
	if err != nil {
		return false
	}
	_, rest, _ := bytes.Cut(b[max(bytes.LastIndexByte(b, ')'), 0):], []byte(" "))
	return len(rest) > 0 && rest[0] != 'Z' && rest[0] != 'X'
}

// WaitEmpty waits until no process of the rig lives and returns how long that took. When ctx ends,
// the error names those that do.
func (r *Rig) WaitEmpty(ctx context.Context) (time.Duration, error) {
	for began := time.Now(); ; {
		left, err := r.Processes()
		if err != nil || len(left) == 0 {
			return time.Since(began), err
		}
		select {
		case <-ctx.Done():
			return time.Since(began), fmt.Errorf("%d processes are left: %v", len(left), left)
		case <-time.After(5 * time.Millisecond):
		}
	}
}
