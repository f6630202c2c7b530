package fence

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"
)

// A Process is one process as the system's process table shows it.
type Process struct {
	PID     int
	Parent  int
	Group   int
	Session int
	State   byte   // R, S, D, T, Z and so on
	Start   uint64 // see Ident
}

// Dead reports whether nothing is left of the process but its exit status.
func (p Process) Dead() bool { return p.State == 'Z' || p.State == 'X' }

// Environ returns the variables with prefix in the environment with which the process was started.
// What may not be read is empty.
func (p Process) Environ(prefix string) map[string]string {
	raw := environ(p.PID)
	if !bytes.Contains(raw, []byte(prefix)) {
		return nil
	}
	vars := make(map[string]string)
	for entry := range bytes.SplitSeq(raw, []byte{0}) {
		if name, value, ok := strings.Cut(string(entry), "="); ok && strings.HasPrefix(name, prefix) {
			vars[name] = value
		}
	}
	return vars
}

// Waits between two looks at the process table.
const (
	firstPause = 2 * time.Millisecond
	lastPause  = 100 * time.Millisecond
)

// headStart is in how many looks at the process table a process is spared as long as it has living
// descendants. They take half a second.
const headStart = 10

// Kill kills every process that match accepts, with all its descendants, until two looks in a row find
// none, or ctx ends. The error then names some of those that are left.
//
// Descendants are killed first: what they have started goes to an ancestor that adopts orphans, and
// can be seen as long as that one lives. A process that starts new ones faster than they are killed
// gets no more than the head start.
func Kill(ctx context.Context, match func(Process) bool) error {
	pause := firstPause
	for clean, look := 0, 0; clean < 2; look++ {
		left, err := trees(match)
		if err != nil {
			return err
		}
		if len(left) == 0 {
			clean++
			continue
		}
		clean = 0
		if err := killAll(left, look < headStart); err != nil {
			return err
		}
		if err := sleep(ctx, pause); err != nil {
			return fmt.Errorf("%d processes are still alive, %d among them: %w", len(left), left[0].PID, err)
		}
		pause = min(2*pause, lastPause)
	}
	return nil
}

// killAll kills a set of processes, and with spare not those that have descendants and no ancestors
// in it.
func killAll(set []Process, spare bool) error {
	in, parents := make(map[int]bool, len(set)), make(map[int]bool, len(set))
	for _, p := range set {
		in[p.PID], parents[p.Parent] = true, true
	}
	for _, p := range set {
		if spare && parents[p.PID] && !in[p.Parent] {
			continue
		}
		if err := signalExactly(p.PID, p.Start, syscall.SIGKILL); err != nil && !errors.Is(err, ErrGone) {
			return fmt.Errorf("kill process %d: %w", p.PID, err)
		}
	}
	return nil
}

// trees returns the living processes that match accepts and the living descendants of all that it
// accepts, without us and our ancestors.
func trees(match func(Process) bool) ([]Process, error) {
	all, err := Processes()
	if err != nil {
		return nil, err
	}
	spared := ancestry(all)
	in := make(map[int]bool)
	for _, p := range all {
		in[p.PID] = !p.Dead() && !spared[p.PID] && match(p)
	}
	for grown := true; grown; {
		grown = false
		for _, p := range all {
			if !in[p.PID] && in[p.Parent] && !p.Dead() && !spared[p.PID] {
				in[p.PID], grown = true, true
			}
		}
	}
	return slices.DeleteFunc(all, func(p Process) bool { return !in[p.PID] }), nil
}

// matching returns the living processes that match accepts, without us and our ancestors.
func matching(match func(Process) bool) ([]Process, error) {
	all, err := Processes()
	if err != nil {
		return nil, err
	}
	spared := ancestry(all)
	return slices.DeleteFunc(all, func(p Process) bool { return p.Dead() || spared[p.PID] || !match(p) }), nil
}

// ancestry returns us and our ancestors.
func ancestry(all []Process) map[int]bool {
	parent := make(map[int]int, len(all))
	for _, p := range all {
		parent[p.PID] = p.Parent
	}
	line := make(map[int]bool)
	for pid := os.Getpid(); pid > 0 && !line[pid]; pid = parent[pid] {
		line[pid] = true
	}
	return line
}

// sleep waits for d, or until ctx ends.
func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
