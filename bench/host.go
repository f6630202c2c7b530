package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/soltihq/solti-host/host/client"
)

// A host is a solti-host process of ours.
type host struct {
	cmd    *exec.Cmd
	dir    string // state directory
	client *client.Client
	ready  time.Duration // from start until it takes submissions
}

// start starts a host on dir with the built plugins, and waits until it is ready.
func (b *bench) start(ctx context.Context, dir string, args ...string) (*host, error) {
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		return nil, err
	}
	defer log.Close()
	state := filepath.Join(dir, "state")
	args = append([]string{"serve", "--state-dir", state, "--plugin-dir", filepath.Join(b.bin, "plugins"), "--log-level", "warn"}, args...)
	cmd := exec.Command(filepath.Join(b.bin, "solti-host"), args...)
	cmd.Stdout, cmd.Stderr = log, log
	began := time.Now()
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	h := &host{cmd: cmd, dir: state}
	for {
		if h.client == nil {
			h.client, _ = client.New(client.Options{StateDir: state})
		}
		if h.client != nil {
			if r, err := h.client.Ready(ctx); err == nil && r.Ready {
				h.ready = time.Since(began)
				return h, nil
			}
		}
		if ctx.Err() != nil || time.Since(began) > time.Minute {
			h.stop()
			text, _ := os.ReadFile(log.Name())
			return nil, fmt.Errorf("the host did not get ready:\n%s", text)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// stop stops the host and waits for its end.
func (h *host) stop() {
	_ = h.cmd.Process.Signal(syscall.SIGTERM)
	_ = h.cmd.Wait()
}

// cpu returns the processor time of the host and of its plugins, ended children included.
func (h *host) cpu() time.Duration {
	total := cpuOf(h.cmd.Process.Pid)
	for _, pid := range children(h.cmd.Process.Pid) {
		total += cpuOf(pid)
	}
	return total
}

// children returns the processes that pid has started and that are alive.
func children(pid int) []int {
	var pids []int
	tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, path := range tasks {
		text, _ := os.ReadFile(path)
		for _, f := range strings.Fields(string(text)) {
			if n, err := strconv.Atoi(f); err == nil {
				pids = append(pids, n)
			}
		}
	}
	return pids
}

// cpuOf returns the processor time of a process and of its ended children.
func cpuOf(pid int) time.Duration {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(text), ") ")
	f := strings.Fields(rest)
	var ticks int
	for _, i := range []int{11, 12, 13, 14} { // utime, stime, cutime, cstime
		n, _ := strconv.Atoi(f[i])
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond
}

// memory returns resident and proportional memory of a process in MiB.
func memory(pid int) (rss, pss float64) {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	for line := range strings.Lines(string(text)) {
		f := strings.Fields(line)
		if len(f) < 2 {
			continue
		}
		kb, _ := strconv.ParseFloat(f[1], 64)
		switch f[0] {
		case "Rss:":
			rss = kb / 1024
		case "Pss:":
			pss = kb / 1024
		}
	}
	return rss, pss
}
